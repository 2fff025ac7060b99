"""Jobs in JSON, as docs/api.md has them; the pages' own polls get the same."""

from typing import Any

from balancecloud.library.views import JobDetail, JobFile, JobView, Progress


def job_json(job: JobView) -> dict[str, Any]:
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


def progress_json(progress: Progress) -> dict[str, Any]:
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


def detail_json(detail: JobDetail) -> dict[str, Any]:
    """Return `Job` with its files."""
    return {**job_json(detail.job), "files": [_file_json(file) for file in detail.files]}


def _file_json(file: JobFile) -> dict[str, Any]:
    return {
        "id": file.version_id,
        "state": file.state,
        "size": file.size,
        "received": file.stages.received,
        "sealed": file.stages.sealed,
        "stored": file.stages.stored,
        "error": file.error,
    }
