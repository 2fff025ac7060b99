"""What is said of a job."""

import re
from pathlib import Path

import pytest

from balancecloud.library import job_sentences
from balancecloud.live.progress import ProgressStore
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobKind
from balancecloud.storage import cleanup
from tests.library.jobs.looking import detail_of
from tests.storage.world import Person

pytestmark = pytest.mark.real

KINDS = r"\"((?:job|work|upload|store|repair|file)\.[a-z_]+)\""
SOURCES = Path(__file__).parents[3] / "balancecloud"


@pytest.mark.parametrize(
    ("kind", "source", "subject", "files", "folder", "title"),
    [
        (JobKind.STORE, "web", "a.jpg", 5, "Travel", "Uploading 5 files to Travel"),
        (JobKind.STORE, "web", "a.jpg", 1, None, "Uploading “a.jpg” to All files"),
        (JobKind.STORE, "api", None, 0, None, "Uploading 0 files to All files"),
        (JobKind.DELETE, "web", "Old", 0, None, "Deleting “Old”"),
        (JobKind.DELETE, "api", None, 0, None, "Emptying the trash"),
        (JobKind.DELETE, cleanup.TIDYING, None, 0, None, "Tidying up your cloud accounts"),
    ],
)
def test_titles_are_sentences(
    kind: JobKind, source: str, subject: str | None, files: int, folder: str | None, title: str
) -> None:
    job = Job(kind=kind, source=source, subject=subject, files_total=files)

    assert job_sentences.title(job, folder) == title


def test_every_event_that_is_written_has_words() -> None:
    written: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        text = path.read_text()
        if "JobEvent" in text or "record(" in text:
            written |= set(re.findall(KINDS, text))

    assert {"job.cancelled", "work.failed"} <= written
    ends = {"job.done", "job.failed"}  # made of the job's state
    assert written | ends == set(job_sentences.EVENTS)


@pytest.mark.parametrize("code", job_sentences.EVENTS)
def test_an_event_without_values_still_reads(code: str) -> None:
    sentence = job_sentences.happened(code, {})

    assert sentence.endswith(".")
    assert "None" not in sentence


def test_reasons_are_those_of_the_errors() -> None:
    assert job_sentences.reason("throttled") == "The cloud account asked us to slow down."
    assert job_sentences.reason("no_account").startswith("No cloud account can take this")
    assert "server's own client" in job_sentences.reason("client_refused")
    assert job_sentences.reason("unheard_of") == job_sentences.UNKNOWN


def test_what_happened_is_told_the_newest_first(person: Person, progress: ProgressStore) -> None:
    arrived = person.upload(b"x")
    person.work()

    told = [one.sentence for one in detail_of(person, progress, arrived.job_id).happenings]

    assert told == ["1 file stored.", "1 file received and sealed on this server."]


def test_a_job_without_accounts_says_what_to_do(stranger: Person, progress: ProgressStore) -> None:
    arrived = stranger.upload(b"x")
    stranger.work()

    detail = detail_of(stranger, progress, arrived.job_id)

    assert detail.job.state == "needs_you"
    assert detail.job.progress.eta_kind == "waiting"
    assert detail.callout is not None
    assert detail.callout == (job_sentences.NO_ACCOUNT,)
    assert detail.can_retry
    assert detail.can_cancel
