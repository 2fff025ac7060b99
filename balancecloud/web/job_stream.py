"""A job's events as they happen, in an answer that does not end (docs/api.md, "Events").

Each stream holds a thread, so there are few and none lasts: whoever gets none is to poll. Every
event is what a look at the database and Redis says, as for pages; Redis only says when to look.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError

from balancecloud.errors import NotFound
from balancecloud.identity import sessions
from balancecloud.library import jobs
from balancecloud.library.gateway import Gateway
from balancecloud.library.jobs import Watch
from balancecloud.library.views import JobDetail
from balancecloud.live.progress import ProgressStore
from balancecloud.web import context, downloads, job_events
from balancecloud.web.job_events import Event
from balancecloud.web.json_values import ApiJson
from balancecloud.web.streams import Streams

LONGEST_SECONDS: Final = 55.0
# What only the database says, a pause or an end, is seen after so long; and a reader that left.
LOOK_SECONDS: Final = 1.0
LEAST_SECONDS_BETWEEN_LOOKS: Final = 0.5
RECONNECT_MS: Final = 1000
SCHEMA: Final = 1
HEADERS: Final = {"X-Accel-Buffering": "no", "Cache-Control": "no-store, private, no-transform"}


def stream(job_id: uuid.UUID) -> Response:
    """Return the events of a person's job; 204 where there is no place, or nothing to come."""
    person_id = context.person().id
    watcher = Watcher(
        gateway=context.gateway(),
        progress=context.progress(),
        streams=context.parts().streams,
        json=context.json(),
        person_id=person_id,
        session_id=context.sign_in().session_id,
        ends_at=context.token_end(),
        job_id=job_id,
    )
    now = watcher.look()
    context.rollback()
    if now is None:
        raise NotFound
    if job_events.is_over(now) or not watcher.streams.enter(person_id):
        return Response(status=204)
    downloads.let_go_of_stalled()
    body = () if request.method == "HEAD" else watcher.tell(now, _last_seen())
    response = Response(body, mimetype="text/event-stream", headers=HEADERS)
    response.call_on_close(lambda: watcher.streams.leave(person_id))
    return response


@dataclass(frozen=True, slots=True)
class Watcher:
    """Somebody who watches a job for a while. Nothing of the request is needed any more."""

    gateway: Gateway
    progress: ProgressStore
    streams: Streams
    json: ApiJson
    person_id: uuid.UUID
    session_id: uuid.UUID
    ends_at: datetime | None
    job_id: uuid.UUID

    def tell(self, now: JobDetail, last: tuple[str, int] | None) -> Iterator[str]:
        """Yield the events until the time is over, the job ends, or nobody may watch any more."""
        clock = self.gateway.clock
        until = clock.monotonic() + LONGEST_SECONDS
        yield f"retry: {RECONNECT_MS}\n\n"
        yield from self._write(now, self._first(now, last))
        reason = ""
        while not reason:
            self._wait(now.job.progress.seq)
            before, seen = now, self._look_again()
            if seen is not None:
                now = seen
                yield from self._write(now, job_events.changes(before, now)) or [": \n\n"]
            reason = self._why_end(seen, clock.monotonic() >= until)
        yield from self._write(now, [("bye", {"reason": reason})])

    def look(self) -> JobDetail | None:
        """Return how the job stands; None when it is gone or nobody may see it any more."""
        watch = Watch(self.gateway.config, self.progress, self.gateway.clock)
        with self.gateway.sessions() as session:
            if not sessions.lives(session, self.gateway.config, self.session_id):
                return None
            try:
                return jobs.get_job(session, watch, self.person_id, self.job_id)
            except NotFound:
                return None

    def _look_again(self) -> JobDetail | None:
        try:
            return self.look()
        except SQLAlchemyError:
            return None  # the client asks again, and is told then

    def _first(self, now: JobDetail, last: tuple[str, int] | None) -> Iterable[Event]:
        run = now.job.progress.run
        if last is None or last[0] != run:
            return [job_events.reset(now)]
        moved = self.progress.moved_since(self.job_id, *last)
        return [job_events.reset(now)] if moved is None else job_events.resumed(now, moved)

    def _wait(self, seq: int) -> None:
        closing = self.streams.closing
        if closing.wait(LEAST_SECONDS_BETWEEN_LOOKS):
            return
        if not self.progress.wait(self.job_id, seq, LOOK_SECONDS):
            closing.wait(LOOK_SECONDS)

    def _why_end(self, seen: JobDetail | None, is_late: bool) -> str:  # noqa: FBT001 - a fact
        if seen is None or (self.ends_at and self.gateway.clock.now() >= self.ends_at):
            return "ended"
        if job_events.is_over(seen):
            return "over"
        if self.streams.closing.is_set():
            return "closing"
        return "time" if is_late else ""

    def _write(self, now: JobDetail, events: Iterable[Event]) -> list[str]:
        figures = now.job.progress
        head: dict[str, Any] = {
            "v": SCHEMA,
            "run": figures.run,
            "seq": figures.seq,
            "job": self.job_id,
            "t": now.as_of,
        }
        return [
            f"id: {figures.run}.{figures.seq}\nevent: {kind}\n"
            f"data: {self.json.dumps({**head, 'type': kind, **facts})}\n\n"
            for kind, facts in events
        ]


def _last_seen() -> tuple[str, int] | None:
    """Return what the client has seen last, if it says so in our words."""
    run, _, seq = request.headers.get("Last-Event-ID", "").partition(".")
    is_ours = run and seq.isascii() and seq.isdigit() and len(seq) < 16
    return (run, int(seq)) if is_ours else None
