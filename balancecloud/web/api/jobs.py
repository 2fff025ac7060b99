"""/api/jobs: what runs in the background, for programs."""

import uuid
from collections.abc import Callable

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from balancecloud.errors import Invalid
from balancecloud.library import job_pausing, jobs
from balancecloud.web import context
from balancecloud.web.api.respond import answer
from balancecloud.web.conditional import unless_known
from balancecloud.web.job_json import job_json
from balancecloud.web.job_stream import stream

blueprint = Blueprint("api_jobs", __name__, url_prefix="/api/jobs")


@blueprint.get("")
def index() -> ResponseReturnValue:
    wanted = request.args.get("state")
    if wanted is not None and wanted not in jobs.STATES:
        raise Invalid({"state": [f"One of: {', '.join(jobs.STATES)}."]})
    states = None if wanted is None else (wanted,)
    found = jobs.list_jobs(context.session(), context.progress(), context.person().id, states)
    total = jobs.count_in(context.session(), context.person().id, states)
    return answer({"jobs": [job_json(job) for job in found], "total": total})


@blueprint.get("/<uuid:job_id>")
def show(job_id: uuid.UUID) -> ResponseReturnValue:
    job = jobs.job_view(context.session(), context.progress(), context.person().id, job_id)
    facts = job_json(job)
    return unless_known(f"{job.progress.run}.{job.progress.seq}", facts, lambda: answer(facts))


@blueprint.get("/<uuid:job_id>/events")
@context.background
def events(job_id: uuid.UUID) -> ResponseReturnValue:
    return stream(job_id)


@blueprint.post("/<uuid:job_id>/cancel")
def cancel(job_id: uuid.UUID) -> ResponseReturnValue:
    return _accept(jobs.cancel, job_id)


@blueprint.post("/<uuid:job_id>/pause")
def pause(job_id: uuid.UUID) -> ResponseReturnValue:
    return _accept(job_pausing.pause, job_id)


@blueprint.post("/<uuid:job_id>/resume")
def resume(job_id: uuid.UUID) -> ResponseReturnValue:
    return _accept(job_pausing.resume, job_id)


@blueprint.post("/<uuid:job_id>/retry")
def retry(job_id: uuid.UUID) -> ResponseReturnValue:
    return _accept(jobs.retry, job_id)


def _accept(
    act: Callable[[Session, uuid.UUID, uuid.UUID], list[uuid.UUID]], job_id: uuid.UUID
) -> ResponseReturnValue:
    """Do it, wake workers once it is committed, and answer how the job stands: 202."""
    session, person = context.session(), context.person()
    for work_id in act(session, person.id, job_id):
        context.ring_after_commit(work_id)
    session.flush()
    return answer(job_json(jobs.job_view(session, context.progress(), person.id, job_id)), 202)
