"""What changed between two looks at a job, as the events of docs/api.md. Pure."""

import uuid
from collections.abc import Collection, Iterator
from typing import Any

from balancecloud.library.job_figures import ENDED
from balancecloud.library.views import ChunkMap, JobDetail, JobFile, LaneProgress
from balancecloud.web.job_json import detail_json, progress_json

Event = tuple[str, dict[str, Any]]


def reset(now: JobDetail) -> Event:
    """Return all there is to know."""
    return "reset", {"snapshot": detail_json(now)}


def resumed(now: JobDetail, moved: Collection[uuid.UUID]) -> Iterator[Event]:
    """Yield what somebody missed who knew all but these files."""
    yield _progress(now)
    for file in now.files:
        if file.version_id in moved:
            yield _file(file)
    for account in now.job.progress.accounts:
        yield _account(now, account)


def changes(before: JobDetail, now: JobDetail) -> Iterator[Event]:
    """Yield what differs; all of it, where Redis began another run meanwhile."""
    if before.job.progress.run != now.job.progress.run and not is_over(now):
        yield reset(now)
        return
    yield from _moved(before, now)
    yield from _cells(before.chunk_map, now.chunk_map)
    for line in reversed(now.happenings):
        if line not in before.happenings:
            facts = {"at": line.at, "level": line.level, "msg": line.code}
            yield "log", {**facts, "args": dict(line.values), "text": line.sentence}
    if before.job.state != now.job.state:
        yield _state(now)


def is_over(now: JobDetail) -> bool:
    """Say whether nothing more will happen to the job."""
    return now.job.state in {state.value for state in ENDED}


def _moved(before: JobDetail, now: JobDetail) -> Iterator[Event]:
    if _progress(before) != _progress(now):
        yield _progress(now)
    files = {file.version_id: file for file in before.files}
    for file in now.files:
        if files.get(file.version_id) != file:
            yield _file(file)
    accounts = {account.id: account for account in before.job.progress.accounts}
    for account in now.job.progress.accounts:
        if accounts.get(account.id) != account:
            yield _account(now, account)


def _progress(now: JobDetail) -> Event:
    left_out = {"run", "seq", "accounts"}
    figures = progress_json(now.job.progress).items()
    facts = {name: value for name, value in figures if name not in left_out}
    return "progress", {"state": now.job.state, **facts}


def _file(file: JobFile) -> Event:
    facts = {"file": file.version_id, "name": file.name, "state": file.state}
    return "file", {**facts, "bytes": file.stages, "error": file.error}


def _account(now: JobDetail, account: LaneProgress) -> Event:
    label = next((one.label for one in now.accounts if one.id == account.id), None)
    return "account", {
        "account": account.id,
        "label": label,
        "state": account.state,
        "until": account.until,
        "stored": account.stored,
        "total": account.total,
        "rate": account.rate,
    }


def _cells(before: ChunkMap | None, now: ChunkMap | None) -> Iterator[Event]:
    """Yield, per account, runs of chunks whose state changed."""
    if now is None:
        return
    is_same = before is not None and before.file.version_id == now.file.version_id
    lanes = before.lanes if before is not None and is_same else ()
    known = {lane.account.id: set(lane.cells) for lane in lanes}
    for lane in now.lanes:
        wide = now.chunks_per_column
        runs: list[list[Any]] = []
        for cell in lane.cells:
            if cell in known.get(lane.account.id, ()):
                continue
            first, last = cell.column * wide, min(now.chunks, (cell.column + 1) * wide) - 1
            if runs and runs[-1][1] == first - 1 and runs[-1][2] == cell.state:
                runs[-1][1] = last
            else:
                runs.append([first, last, cell.state])
        if runs:
            yield "chunks", {"file": now.file.version_id, "account": lane.account.id, "set": runs}


def _state(now: JobDetail) -> Event:
    job = now.job
    began, ended = job.started_at or job.created_at, job.finished_at
    summary = {
        "files": job.progress.files.stored,
        "bytes": job.progress.bytes.stored,
        "seconds": round((ended - began).total_seconds()) if ended else None,
    }
    return "state", {"state": job.state, "summary": summary if ended else None}
