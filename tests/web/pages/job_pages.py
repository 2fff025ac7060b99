"""The pages of jobs with realistic values."""

from dataclasses import replace
from typing import Any, Final

from balancecloud.library.job_sentences import PAUSED
from tests.web.pages import account_samples as states
from tests.web.pages import samples, where_samples
from tests.web.pages.account_pages import NOTHING


def job(view: Any, **values: Any) -> dict[str, object]:
    return {
        "detail": replace(samples.DETAIL, job=view, callout=None, **{"waits_for": (), **values}),
        "auto": None,
    }


# Of what has ended nothing is under way.
CANCELLED_FILES: Final = tuple(
    replace(file, state="cancelled", error=None, can_cancel=False, can_retry=False)
    if file.state != "stored"
    else file
    for file in samples.FILES
)
FAILED_FILES: Final = tuple(
    replace(file, state="failed", error=samples.FILES[0].error, can_retry=True)
    if file.state != "stored"
    else file
    for file in samples.FILES
)
PARTLY_FILES: Final = (
    samples.FILES[0],
    *(replace(file, state="stored", can_cancel=False) for file in samples.FILES[1:5]),
)
ENDED: Final = {
    "can_cancel": False,
    "can_pause": False,
    "speeds": (),
    "chunk_map": samples.chunk_map(73, 146, 200),
}
BARE: Final = {"files": (), "chunk_map": None, "accounts": (), "happenings": ()}
JOB_PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "jobs": (
        "jobs/list.html",
        {
            "jobs": (
                samples.RUNNING,
                samples.WAITING,
                samples.RETRYING,
                samples.DELETING,
                samples.FAILED,
                samples.PARTLY,
                samples.DONE,
                samples.CANCELLED,
            ),
            "filter": "all",
            "counts": {"all": 8, "running": 4, "needs_you": 1, "done": 3},
            "clearable": 2,
            "waits": {
                samples.RETRYING.id: ("Waits for OneDrive until ", states.at(minutes=-14)),
                samples.WAITING.id: ("Waits for you to sign in again to Work Drive",),
            },
        },
    ),
    "jobs-none": ("jobs/list.html", {"jobs": (), "filter": "all", "counts": {}, **NOTHING}),
    "jobs-none-running": ("jobs/list.html", {"jobs": (), "filter": "running", "counts": {}}),
    "jobs-none-need-you": ("jobs/list.html", {"jobs": (), "filter": "needs_you", "counts": {}}),
    "job": ("jobs/job.html", {"detail": samples.DETAIL, "auto": None}),
    "job-many": ("jobs/job.html", job(samples.RUNNING, **where_samples.MANY)),
    "job-auto": ("jobs/job.html", {"detail": samples.DETAIL, "auto": 5}),
    "job-waiting": ("jobs/job.html", job(samples.WAITING, **BARE) | {}),
    "job-done": ("jobs/job.html", job(samples.DONE, files=samples.FILES[4:], **ENDED)),
    "job-partly": (
        "jobs/job.html",
        job(samples.PARTLY, files=PARTLY_FILES, can_retry=True, **ENDED),
    ),
    "job-failed": (
        "jobs/job.html",
        job(samples.FAILED, files=FAILED_FILES, can_retry=True, files_hidden=12, **ENDED),
    ),
    "job-paused": (
        "jobs/job.html",
        {
            "detail": replace(
                samples.DETAIL,
                job=samples.PAUSED,
                waits_for=(),
                can_pause=False,
                can_resume=True,
                callout=(PAUSED,),
            ),
            "auto": None,
        },
    ),
    "job-retrying": ("jobs/job.html", job(samples.RETRYING)),
    "job-needs-you": (
        "jobs/job.html",
        job(
            replace(samples.RETRYING, state="needs_you"),
            waits_for=(states.WORK, states.SILENT),
        ),
    ),
    "job-cancelled": (
        "jobs/job.html",
        job(samples.CANCELLED, files=CANCELLED_FILES, protection=0, **ENDED),
    ),
    "job-delete": ("jobs/job.html", job(samples.DELETING, **BARE)),
    "job-deleted": (
        "jobs/job.html",
        job(replace(samples.DELETING, state="done", finished_at=states.NOW), **BARE),
    ),
    "job-body": ("jobs/_body.html", {"detail": samples.DETAIL}),
}
