"""/api/jobs: what runs in the background, for programs."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from balancecloud.errors import StateConflict
from balancecloud.library import job_pausing, jobs
from balancecloud.web import context, steering
from balancecloud.web.api.calls import Content, answers
from balancecloud.web.api.respond import answer, query
from balancecloud.web.api.schemas import OneOf
from balancecloud.web.conditional import unless_known
from balancecloud.web.job_json import Job, Jobs, job_json
from balancecloud.web.job_stream import stream

blueprint = Blueprint("api_jobs", __name__, url_prefix="/api/jobs")


@dataclass(frozen=True, slots=True)
class Filter:
    """Jobs in which state; absent: all."""

    state: Annotated[str, OneOf(jobs.STATES)] | None = None


@blueprint.get("")
@answers({200: Jobs}, query=Filter)
def index() -> ResponseReturnValue:
    wanted = query(Filter).state
    states = None if wanted is None else (wanted,)
    found = jobs.list_jobs(context.session(), context.progress(), context.person().id, states)
    total = jobs.count_in(context.session(), context.person().id, states)
    return answer(Jobs(jobs=[job_json(job) for job in found], total=total))


@blueprint.get("/<uuid:job_id>")
@answers({200: Job, 304: None}, headers=("ETag",))
def show(job_id: uuid.UUID) -> ResponseReturnValue:
    job = jobs.job_view(context.session(), context.progress(), context.person().id, job_id)
    facts = job_json(job)
    return unless_known(f"{job.progress.run}.{job.progress.seq}", facts, lambda: answer(facts))


@blueprint.get("/<uuid:job_id>/events")
@context.background
@answers({200: Content("text/event-stream"), 204: None})
def events(job_id: uuid.UUID) -> ResponseReturnValue:
    return stream(job_id)


@blueprint.post("/<uuid:job_id>/cancel")
@answers({202: Job}, refusals=(StateConflict,))
def cancel(job_id: uuid.UUID) -> ResponseReturnValue:
    steering.cancel(job_id)
    return _accepted(job_id)


@blueprint.post("/<uuid:job_id>/pause")
@answers({202: Job}, refusals=(StateConflict,))
def pause(job_id: uuid.UUID) -> ResponseReturnValue:
    return _accept(job_pausing.pause, job_id)


@blueprint.post("/<uuid:job_id>/resume")
@answers({202: Job}, refusals=(StateConflict,))
def resume(job_id: uuid.UUID) -> ResponseReturnValue:
    return _accept(job_pausing.resume, job_id)


@blueprint.post("/<uuid:job_id>/retry")
@answers({202: Job}, refusals=(StateConflict,))
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
    return _accepted(job_id)


def _accepted(job_id: uuid.UUID) -> ResponseReturnValue:
    job = jobs.job_view(context.session(), context.progress(), context.person().id, job_id)
    return answer(job_json(job), 202)
