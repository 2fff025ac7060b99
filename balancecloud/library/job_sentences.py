"""What is said of a job: titles, reasons and what happened, worded when they are shown."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from balancecloud.errors import BalanceCloudError, ClientRefused
from balancecloud.library.upload_errors import UploadExpired
from balancecloud.library.views import JobError
from balancecloud.library.wording import Words, plural
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobKind, JobState
from balancecloud.storage import cleanup
from balancecloud.storage.placement import NoPlace

ROOT: Final = "All files"
NO_ACCOUNT: Final = (
    "No cloud account is linked. Your files are kept sealed on this server, "
    "and leave by themselves as soon as you link one."
)
PAUSED: Final = (
    "This job is paused. Nothing more of it is sent to your accounts until you resume it. "
    "What is stored stays, and what is still arriving is received."
)
UNKNOWN: Final = BalanceCloudError.sentence


def title(job: Job, folder: str | None) -> str:
    """Return the job as a sentence: "Uploading 5 files to Travel", "Uploaded …" once it is done."""
    is_done = job.state is JobState.DONE
    if job.kind is JobKind.DELETE:
        if job.source == cleanup.TIDYING:
            return "Tidied up your cloud accounts" if is_done else "Tidying up your cloud accounts"
        if not job.subject:
            return "Emptied the trash" if is_done else "Emptying the trash"
        what = f"“{job.subject}”"
        return f"{'Deleted' if is_done else 'Deleting'} {what}"
    if job.kind is JobKind.REPAIR:
        return "Repaired your stored files" if is_done else "Repairing your stored files"
    named = job.files_total == 1 and job.subject
    what = f"“{job.subject}”" if named else plural(job.files_total, "file")
    return f"{'Uploaded' if is_done else 'Uploading'} {what} to {folder or ROOT}"


def error(code: str | None) -> JobError | None:
    """Return a code with its sentence; None without a code."""
    return None if code is None else JobError(code, reason(code))


def reason(code: str) -> str:
    """Return the sentence of an error's code."""
    return _REASONS.get(code, UNKNOWN)


def callout(job: Job, has_accounts: bool) -> Words | None:  # noqa: FBT001 - a fact, not a behaviour
    """Return what there is to know of a job besides its figures; None when nothing is."""
    if job.state is JobState.CANCELLING:
        return ("This job is being cancelled. What is stored already stays.",)
    if job.state is JobState.PAUSED:
        return (PAUSED,)
    if job.state is JobState.NEEDS_YOU and not has_accounts:
        return (NO_ACCOUNT,)
    if job.state is JobState.RETRYING and job.retry_at:
        return ("We try again by ourselves at ", job.retry_at, ".")
    return None


def happened(code: str, values: Mapping[str, Any]) -> str:
    """Return an event as a sentence."""
    word = EVENTS.get(code)
    return word(values) if word else UNKNOWN


def _received(values: Mapping[str, Any]) -> str:
    return f"{plural(int(values.get('files', 0)), 'file')} received and sealed on this server."


def _aborted(values: Mapping[str, Any]) -> str:
    return reason(str(values.get("reason", "broken_upload")))


def _cancelled(values: Mapping[str, Any]) -> str:
    stored = int(values.get("stored", 0))
    kept = f" {plural(stored, 'file')} stored before stay." if stored > 1 else ""
    return f"Cancelled.{' 1 file stored before stays.' if stored == 1 else kept}"


def _done(values: Mapping[str, Any]) -> str:
    stored, failed = int(values.get("stored", 0)), int(values.get("failed", 0))
    if failed:
        return f"{plural(stored, 'file')} stored, {failed} not."
    return f"{plural(stored, 'file')} stored."


def _failed(values: Mapping[str, Any]) -> str:
    return f"{plural(int(values.get('failed', 0)), 'file')} could not be stored."


def _cleaned(values: Mapping[str, Any]) -> str:
    return f"{plural(int(values.get('shards', 0)), 'shard')} removed from your cloud accounts."


def _found(values: Mapping[str, Any]) -> str:
    files = int(values.get("files", 0))
    are = "is" if files == 1 else "are"
    return f"{plural(files, 'file')} {are} less protected than asked, or not as asked. Repairing."


def _stored_again(values: Mapping[str, Any]) -> str:
    files = plural(int(values.get("files", 0)), "file")
    return f"Parts of {files} lay on accounts that are gone. Storing them again: nothing is lost."


def _repaired(values: Mapping[str, Any]) -> str:
    return f"{plural(int(values.get('shards', 0)), 'shard')} stored again. Protected as asked."


def _gave_up(values: Mapping[str, Any]) -> str:
    return f"Given up: {reason(str(values.get('reason', '')))}"


def _postponed(values: Mapping[str, Any]) -> str:
    seconds = max(1, round(float(values.get("seconds") or 0)))
    return f"{reason(str(values.get('reason', '')))} Trying again in {seconds} s."


def _retried(_values: Mapping[str, Any]) -> str:
    return "Taken up again at your request."


def _paused(_values: Mapping[str, Any]) -> str:
    return "Paused at your request."


def _resumed(_values: Mapping[str, Any]) -> str:
    return "Resumed at your request."


def _cancelling(_values: Mapping[str, Any]) -> str:
    return "You asked to cancel this job."


def _file_cancelled(_values: Mapping[str, Any]) -> str:
    return "A file was cancelled at your request."


EVENTS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "file.cancelled": _file_cancelled,
    "upload.received": _received,
    "upload.aborted": _aborted,
    "job.cancelling": _cancelling,
    "job.cancelled": _cancelled,
    "job.done": _done,
    "job.failed": _failed,
    "job.cleaned": _cleaned,
    "job.repaired": _repaired,
    "job.paused": _paused,
    "job.resumed": _resumed,
    "job.retried": _retried,
    "repair.found": _found,
    "store.again": _stored_again,
    "work.failed": _gave_up,
    "work.postponed": _postponed,
}


def _kinds(parent: type[BalanceCloudError]) -> Iterator[type[BalanceCloudError]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from _kinds(kind)


# These are defined where they are raised, and belong to the tree once that is imported.
_KINDS: Final[tuple[type[BalanceCloudError], ...]] = (
    NoPlace,
    ClientRefused,
    UploadExpired,
    *_kinds(BalanceCloudError),
)
_REASONS: Final[Mapping[str, str]] = {kind.code: kind.sentence for kind in _KINDS}
