"""A job's events as they are sent: what changed, to whom, how long, and never more than a few."""

import json
import re
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import delete, update
from werkzeug.test import TestResponse

from balancecloud.app import ROOT
from balancecloud.config import Config
from balancecloud.extensions import db
from balancecloud.live.progress import Figures
from balancecloud.models.library import Version
from balancecloud.models.people import SessionRow
from balancecloud.models.states import JobState, VersionState
from balancecloud.web import context, job_stream
from balancecloud.web.streams import MOST_OF_A_PERSON, MOST_STREAMS, Streams
from tests.web.browser import Browser
from tests.web.program import Program
from tests.web.test_jobs import set_job, upload

pytestmark = [pytest.mark.real, pytest.mark.whole]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_stream, "LEAST_SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr(job_stream, "LOOK_SECONDS", 0.05)


@pytest.fixture
def owner(program: Program) -> Program:
    program.register()
    return program


@pytest.fixture
def job_id(owner: Program) -> str:
    return upload(owner, "tour.bin", b"content")


class Stream:
    """The events of one answer, read one by one."""

    def __init__(self, answer: TestResponse) -> None:
        assert answer.status_code == 200, answer.status
        self.answer = answer
        self._parts: Iterator[Any] = iter(answer.response)
        self.heartbeats = 0
        self.last_id = ""

    def next(self, *kinds: str) -> dict[str, Any]:
        """Return the next event, or the next of these kinds."""
        for part in self._parts:
            text = part.decode() if isinstance(part, bytes) else str(part)
            fields = dict(line.split(": ", 1) for line in text.strip().splitlines() if ": " in line)
            self.heartbeats += text.startswith(":")
            if "event" not in fields or (kinds and fields["event"] not in kinds):
                continue
            facts: dict[str, Any] = json.loads(fields["data"])
            assert facts["type"] == fields["event"]
            assert fields["id"] == f"{facts['run']}.{facts['seq']}"
            self.last_id = fields["id"]
            return facts
        raise AssertionError("the stream ended")

    def close(self) -> None:
        self.answer.close()


def watch(owner: Program, job_id: str, **headers: str) -> Stream:
    return Stream(owner.call("GET", f"/api/jobs/{job_id}/events", headers=headers))


def streams(app: Flask) -> Streams:
    with app.app_context():
        return context.parts().streams


def tell(app: Flask, job_id: str, stored: int) -> None:
    """Have a worker say how far the job's one file is."""
    with app.app_context():
        version = db.session.query(Version).filter_by(job_id=uuid.UUID(job_id)).one()
        context.parts().progress.update(
            uuid.UUID(job_id), version.user_id, Figures(sealed={version.id: stored})
        )


def start(app: Flask, job_id: str) -> None:
    """Have a worker begin with the job's file."""
    set_job(app, job_id, state=JobState.RUNNING)
    with app.app_context():
        db.session.execute(
            update(Version)
            .where(Version.job_id == uuid.UUID(job_id))
            .values(state=VersionState.STORING)
        )
        db.session.commit()


def test_a_stream_begins_with_all_there_is_and_tells_what_changes(
    app: Flask, owner: Program, job_id: str
) -> None:
    start(app, job_id)
    stream = watch(owner, job_id)
    snapshot = stream.next()["snapshot"]
    polled = owner.call("GET", f"/api/jobs/{job_id}").get_json()

    tell(app, job_id, 5)
    progress, file = stream.next("progress"), stream.next("file")
    now = owner.call("GET", f"/api/jobs/{job_id}").get_json()["progress"]
    stream.close()

    assert {key: snapshot[key] for key in polled} == polled
    assert progress["bytes"] == now["bytes"] == {**polled["progress"]["bytes"], "sealed": 5}
    assert (file["name"], file["bytes"]["sealed"]) == ("tour.bin", 5)
    assert stream.answer.headers["X-Accel-Buffering"] == "no"
    assert stream.answer.mimetype == "text/event-stream"


def test_a_pause_is_seen_without_redis_and_said_in_the_log(
    app: Flask, owner: Program, job_id: str, redis_url: str
) -> None:
    stream = watch(owner, job_id)
    stream.next("reset")
    owner.call("POST", f"/api/jobs/{job_id}/pause")

    assert stream.next("log")["msg"] == "job.paused"
    assert stream.next("state")["state"] == "paused"
    stream.close()


def test_who_comes_back_is_told_what_was_missed_and_no_more(
    app: Flask, owner: Program, job_id: str
) -> None:
    start(app, job_id)
    first = watch(owner, job_id)
    first.next("reset")
    first.close()
    tell(app, job_id, 3)

    again = watch(owner, job_id, **{"Last-Event-ID": first.last_id})
    told = [again.next(), again.next()]
    again.close()

    assert [one["type"] for one in told] == ["progress", "file"]
    assert told[1]["bytes"]["sealed"] == 3


def test_who_comes_back_from_elsewhere_gets_a_snapshot(
    app: Flask, owner: Program, job_id: str
) -> None:
    start(app, job_id)
    run = owner.call("GET", f"/api/jobs/{job_id}").get_json()["progress"]["run"]
    for last in ("other.1", "nonsense", f"{run}.999999"):
        stream = watch(owner, job_id, **{"Last-Event-ID": last})
        assert stream.next()["type"] == "reset", last
        stream.close()


def test_after_redis_was_emptied_a_snapshot_of_another_run_is_sent(
    app: Flask, owner: Program, job_id: str, config: Config
) -> None:
    start(app, job_id)
    stream = watch(owner, job_id)
    before = stream.next("reset")
    with Redis.from_url(config.redis_url) as redis:
        redis.flushall()

    after = stream.next("reset")
    stream.close()

    assert after["run"] != before["run"]
    assert after["snapshot"]["progress"]["bytes"] == before["snapshot"]["progress"]["bytes"]


def test_a_stream_ends_with_its_job_and_none_begins_after_that(
    app: Flask, owner: Program, job_id: str
) -> None:
    stream = watch(owner, job_id)
    set_job(app, job_id, state=JobState.CANCELLED)

    assert stream.next("state")["state"] == "cancelled"
    assert stream.next("bye")["reason"] == "over"
    stream.close()
    assert owner.call("GET", f"/api/jobs/{job_id}/events").status_code == 204


def test_a_stream_ends_with_the_session_of_its_reader(
    app: Flask, owner: Program, job_id: str
) -> None:
    stream = watch(owner, job_id)
    stream.next("reset")
    with app.app_context():
        db.session.execute(delete(SessionRow))
        db.session.commit()

    assert stream.next("bye")["reason"] == "ended"
    stream.close()


def test_a_stream_ends_when_the_process_is_to_end(app: Flask, owner: Program, job_id: str) -> None:
    stream = watch(owner, job_id)
    stream.next("reset")
    streams(app).closing.set()

    assert stream.next()["reason"] == "closing"
    stream.close()
    assert owner.call("GET", f"/api/jobs/{job_id}/events").status_code == 204


def test_a_stream_says_goodbye_after_its_time(
    owner: Program, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_stream, "LONGEST_SECONDS", 0.3)
    stream = watch(owner, job_id)

    assert stream.next("bye")["reason"] == "time"
    assert stream.heartbeats > 0
    stream.close()


def test_a_person_has_two_streams_and_polls_beyond_and_a_place_is_given_back(
    owner: Program, job_id: str
) -> None:
    path = f"/api/jobs/{job_id}/events"
    held = [owner.call("GET", path) for _ in range(MOST_OF_A_PERSON)]

    refused = owner.call("GET", path)
    held.pop().close()
    after = owner.call("GET", path)

    assert (refused.status_code, refused.data) == (204, b"")
    assert after.status_code == 200
    for answer in (*held, after):
        answer.close()


def test_no_process_has_more_streams_than_a_quarter_of_its_threads() -> None:
    settings: dict[str, Any] = {}
    exec((ROOT / "gunicorn.conf.py").read_text(), settings)
    places = Streams()

    taken = [places.enter(uuid.uuid4()) for _ in range(MOST_STREAMS + 3)]

    assert settings["threads"] // 4 == MOST_STREAMS
    assert taken.count(True) == MOST_STREAMS


def test_asking_for_the_head_keeps_no_place(owner: Program, job_id: str) -> None:
    for _ in range(MOST_OF_A_PERSON + 1):
        answer = owner.call("HEAD", f"/api/jobs/{job_id}/events")
        answer.close()
        assert answer.status_code == 200


def test_a_browser_gets_the_same_events_by_its_session(
    browser: Browser, owner: Program, job_id: str
) -> None:
    browser.sign_in()
    by_token, by_session = watch(owner, job_id), Stream(browser.get(f"/jobs/{job_id}/events"))

    assert by_session.next()["snapshot"] == by_token.next()["snapshot"]
    by_token.close()
    by_session.close()


def test_the_log_is_a_text_with_all_that_happened(
    browser: Browser, owner: Program, job_id: str
) -> None:
    browser.sign_in()
    answer = browser.get(f"/jobs/{job_id}/log")

    assert answer.mimetype == "text/plain"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    lines = answer.get_data(as_text=True).splitlines()
    assert lines[0] == "Uploading “tour.bin” to All files"
    assert lines[-1].endswith("1 file received and sealed on this server.")


def test_page_and_api_say_the_same_at_every_moment(
    app: Flask, browser: Browser, owner: Program, job_id: str
) -> None:
    browser.sign_in()
    start(app, job_id)
    for sealed in (0, 3, 7):
        tell(app, job_id, sealed)
        told = owner.call("GET", f"/api/jobs/{job_id}").get_json()["progress"]["bytes"]
        state = browser.get(f"/jobs/{job_id}/state").get_json()["progress"]["bytes"]
        page = browser.get(f"/jobs/{job_id}").get_data(as_text=True)

        figures = [int(text) for text in re.findall(r'<p class="figure">(\d+)<small>', page)]
        percents = [100 * told[stage] // told["total"] for stage in ("received", "sealed")]
        assert state == told
        assert told["sealed"] == sealed
        assert figures == [*percents, min(99, 100 * told["stored"] // told["total"])]


def test_a_person_pauses_and_resumes_and_a_program_is_told_where_it_cannot(
    app: Flask, browser: Browser, owner: Program, job_id: str
) -> None:
    browser.sign_in()
    page = f"/jobs/{job_id}"

    paused = browser.submit(page, {}, f"{page}/pause")
    assert (paused.status_code, paused.headers["Location"]) == (303, page)
    assert "This job is paused." in browser.get(page).get_data(as_text=True)
    resumed = owner.call("POST", f"/api{page}/resume")
    again = owner.call("POST", f"/api{page}/resume")

    assert (resumed.status_code, resumed.get_json()["state"]) == (202, "queued")
    assert (again.status_code, again.get_json()["code"]) == (409, "state_conflict")


def test_a_reader_that_takes_nothing_is_let_go_of(
    app: Flask, owner: Program, job_id: str, config: Config
) -> None:
    start(app, job_id)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answer = owner.call(
            "GET", f"/api/jobs/{job_id}/events", environ_overrides={"gunicorn.socket": ours}
        )
        assert ours.gettimeout() == config.upload_idle_seconds
        answer.close()
