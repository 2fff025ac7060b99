"""Jobs in JSON, as docs/api.md has them; the pages' own polls get the same."""

import uuid
from datetime import datetime
from typing import TypedDict

from balancecloud.library.views import (
    FileCounts,
    JobDetail,
    JobError,
    JobFile,
    JobView,
    LaneProgress,
    Progress,
    ShardCounts,
    Stages,
)

Rate = TypedDict("Rate", {"in": int, "out": int})


class JobProgress(TypedDict):
    """How far a job is."""

    run: str
    seq: int
    bytes: Stages
    files: FileCounts
    shards: ShardCounts
    accounts: list[LaneProgress]
    rate: Rate
    eta_seconds: int | None
    eta_kind: str


class Job(TypedDict):
    """A job."""

    id: uuid.UUID
    kind: str
    title: str
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None
    progress: JobProgress


class Jobs(TypedDict):
    """Jobs, the newest first."""

    jobs: list[Job]
    total: int


class FileOfJob(TypedDict):
    """One file of a job."""

    id: uuid.UUID
    state: str
    size: int
    received: int
    sealed: int
    stored: int
    error: JobError | None


class JobAndFiles(Job):
    """A job with its files, for the page's own polls."""

    files: list[FileOfJob]


def job_json(job: JobView) -> Job:
    """Return `Job`."""
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "state": job.state,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "error": job.error,
        "progress": progress_json(job.progress),
    }


def progress_json(progress: Progress) -> JobProgress:
    """Return `progress`."""
    return {
        "run": progress.run,
        "seq": progress.seq,
        "bytes": progress.bytes,
        "files": progress.files,
        "shards": progress.shards,
        "accounts": list(progress.accounts),
        "rate": {"in": progress.rate_in, "out": progress.rate_out},
        "eta_seconds": progress.eta_seconds,
        "eta_kind": progress.eta_kind,
    }


def detail_json(detail: JobDetail) -> JobAndFiles:
    """Return `Job` with its files."""
    return {**job_json(detail.job), "files": [_file_json(file) for file in detail.files]}


def _file_json(file: JobFile) -> FileOfJob:
    return {
        "id": file.version_id,
        "state": file.state,
        "size": file.size,
        "received": file.stages.received,
        "sealed": file.stages.sealed,
        "stored": file.stages.stored,
        "error": file.error,
    }
