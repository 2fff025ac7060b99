"""The pages of jobs: the list, one job live, and what steers it."""

import dataclasses
import uuid
from collections.abc import Callable

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from balancecloud.errors import NotFound
from balancecloud.library import job_clearing, job_pausing, jobs
from balancecloud.library.jobs import FILTERS, Watch
from balancecloud.library.views import JobDetail
from balancecloud.web import context, steering
from balancecloud.web.api.respond import answer
from balancecloud.web.conditional import unless_known
from balancecloud.web.job_json import detail_json
from balancecloud.web.job_stream import stream

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")

EVERY_SECONDS = 5


@blueprint.get("")
def index() -> ResponseReturnValue:
    person = context.person()
    chosen = request.args.get("filter", "all")
    if chosen not in FILTERS:
        raise NotFound
    found = jobs.list_jobs(context.session(), context.progress(), person.id, FILTERS[chosen])
    counts = jobs.count_jobs(context.session(), person.id)
    waits = jobs.list_waits(context.session(), context.config(), person.id, found)
    return render_template(
        "jobs/list.html",
        jobs=found,
        filter=chosen,
        counts=counts,
        waits=waits,
        clearable=job_clearing.count_clearable(context.session(), person.id),
    )


@blueprint.post("/clear")
def clear() -> ResponseReturnValue:
    job_clearing.clear(context.session(), context.person().id)
    return redirect("/jobs?filter=done", 303)


@blueprint.get("/<uuid:job_id>")
def show(job_id: uuid.UUID) -> ResponseReturnValue:
    auto = EVERY_SECONDS if request.args.get("auto") == str(EVERY_SECONDS) else None
    return render_template("jobs/job.html", detail=_detail(job_id), auto=auto)


@blueprint.get("/<uuid:job_id>/body")
@context.background
def body(job_id: uuid.UUID) -> ResponseReturnValue:
    detail = _detail(job_id)
    facts = dataclasses.replace(detail, as_of=None)
    return unless_known(
        _run(detail), facts, lambda: render_template("jobs/_body.html", detail=detail)
    )


@blueprint.get("/<uuid:job_id>/state")
@context.background
def state(job_id: uuid.UUID) -> ResponseReturnValue:
    detail = _detail(job_id)
    facts = detail_json(detail)
    return unless_known(_run(detail), facts, lambda: answer(facts))


@blueprint.get("/<uuid:job_id>/events")
@context.background
def events(job_id: uuid.UUID) -> ResponseReturnValue:
    return stream(job_id)


@blueprint.get("/<uuid:job_id>/log")
def log(job_id: uuid.UUID) -> ResponseReturnValue:
    lines = jobs.log(context.session(), context.person().id, job_id)
    response = Response("".join(f"{line}\n" for line in lines), mimetype="text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="job-{job_id}.txt"'
    return response


@blueprint.post("/<uuid:job_id>/cancel")
def cancel(job_id: uuid.UUID) -> ResponseReturnValue:
    steering.cancel(job_id)
    return redirect(f"/jobs/{job_id}", 303)


@blueprint.post("/<uuid:job_id>/pause")
def pause(job_id: uuid.UUID) -> ResponseReturnValue:
    return _steer(job_pausing.pause, job_id)


@blueprint.post("/<uuid:job_id>/resume")
def resume(job_id: uuid.UUID) -> ResponseReturnValue:
    return _steer(job_pausing.resume, job_id)


@blueprint.post("/<uuid:job_id>/retry")
def retry(job_id: uuid.UUID) -> ResponseReturnValue:
    return _steer(jobs.retry, job_id)


@blueprint.post("/<uuid:job_id>/files/<uuid:version_id>/cancel")
def cancel_file(job_id: uuid.UUID, version_id: uuid.UUID) -> ResponseReturnValue:
    steering.cancel_file(job_id, version_id)
    return redirect(f"/jobs/{job_id}", 303)


@blueprint.post("/<uuid:job_id>/files/<uuid:version_id>/retry")
def retry_file(job_id: uuid.UUID, version_id: uuid.UUID) -> ResponseReturnValue:
    steering.retry_file(job_id, version_id)
    return redirect(f"/jobs/{job_id}", 303)


def _steer(
    act: Callable[[Session, uuid.UUID, uuid.UUID], list[uuid.UUID]], job_id: uuid.UUID
) -> ResponseReturnValue:
    """Do it, wake workers once it is committed, and show the job."""
    for work_id in act(context.session(), context.person().id, job_id):
        context.ring_after_commit(work_id)
    return redirect(f"/jobs/{job_id}", 303)


def _detail(job_id: uuid.UUID) -> JobDetail:
    person = context.person()
    watch = Watch(context.config(), context.progress(), context.gateway().clock)
    return jobs.get_job(context.session(), watch, person.id, job_id, _file())


def _file() -> uuid.UUID | None:
    """Return the version whose chunks are to be shown, if the address names one."""
    try:
        return uuid.UUID(request.args["file"]) if "file" in request.args else None
    except ValueError as problem:
        raise NotFound from problem


def _run(detail: JobDetail) -> str:
    return f"{detail.job.progress.run}.{detail.job.progress.seq}"
