"""Jobs over HTTP: pages, polls with ETags, cancelling, taking up again; and for programs."""

import io
import uuid

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import update
from werkzeug.test import TestResponse

from balancecloud.config import Config
from balancecloud.extensions import db
from balancecloud.live.doorbell import Doorbell
from balancecloud.models.jobs import Job, Work
from balancecloud.models.states import JobState, WorkState
from tests.web.browser import Browser
from tests.web.program import Program

pytestmark = pytest.mark.real


@pytest.fixture
def owner(program: Program) -> Program:
    program.register()
    return program


@pytest.fixture
def job_id(owner: Program) -> str:
    return upload(owner, "tour.bin", b"content")


def upload(program: Program, name: str, content: bytes) -> str:
    answer = program.client.post(
        "/api/files/upload",
        data={"file": (io.BytesIO(content), name)},
        headers={"Authorization": f"Bearer {program.token}"},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["job_id"])


def set_job(app: Flask, job_id: str, **values: object) -> None:
    with app.app_context():
        db.session.execute(update(Job).where(Job.id == uuid.UUID(job_id)).values(**values))
        db.session.commit()


def again(asker: Program | Browser, path: str, before: TestResponse) -> TestResponse:
    """Ask once more with the ETag of an answer."""
    headers = {"If-None-Match": before.headers["ETag"]}
    if isinstance(asker, Program):
        return asker.call("GET", path, headers=headers)
    return asker.get(path, headers=headers)


def waiting_rings(config: Config) -> int | None:
    with Redis.from_url(config.redis_url) as redis:
        return Doorbell(redis, config.queue_key).waiting()


# --- programs ---------------------------------------------------------------------------------


def test_a_job_has_the_shape_that_is_documented(owner: Program, job_id: str) -> None:
    job = owner.call("GET", f"/api/jobs/{job_id}").get_json()

    assert set(job) == {
        "id",
        "kind",
        "title",
        "state",
        "created_at",
        "started_at",
        "finished_at",
        "error",
        "progress",
    }
    assert (job["id"], job["kind"], job["state"]) == (job_id, "store", "queued")
    assert job["title"] == "Uploading “tour.bin” to All files"
    assert job["created_at"].endswith("Z")
    assert {key: value for key, value in job["progress"].items() if key not in {"run", "seq"}} == {
        "bytes": {"total": 7, "received": 7, "sealed": 0, "stored": 0},
        "files": {"total": 1, "stored": 0, "failed": 0, "needs_you": 0},
        "shards": {"total": 0, "stored": 0, "verified": 0, "retried": 0},
        "accounts": [],
        "rate": {"in": 0, "out": 0},
        "eta_seconds": None,
        "eta_kind": "unknown",
    }


def test_a_poll_of_what_has_not_changed_is_a_304(app: Flask, owner: Program, job_id: str) -> None:
    path = f"/api/jobs/{job_id}"
    first = owner.call("GET", path)
    second = again(owner, path, first)
    set_job(app, job_id, state=JobState.RETRYING, error_code="throttled")
    third = again(owner, path, first)

    assert (second.status_code, second.data) == (304, b"")
    assert second.headers["ETag"] == first.headers["ETag"]
    assert third.status_code == 200
    assert third.get_json()["error"] == {
        "code": "throttled",
        "detail": "The cloud account asked us to slow down.",
    }


def test_jobs_are_listed_by_state(app: Flask, owner: Program, job_id: str) -> None:
    other = upload(owner, "other.bin", b"other")
    set_job(app, job_id, state=JobState.DONE)

    every = owner.call("GET", "/api/jobs").get_json()
    done = owner.call("GET", "/api/jobs?state=done").get_json()
    wrong = owner.call("GET", "/api/jobs?state=exploded")

    assert ([job["id"] for job in every["jobs"]], every["total"]) == ([other, job_id], 2)
    assert ([job["id"] for job in done["jobs"]], done["total"]) == ([job_id], 1)
    assert (wrong.status_code, wrong.get_json()["code"]) == (422, "invalid")


def test_a_program_cancels(owner: Program, config: Config, job_id: str) -> None:
    before = waiting_rings(config) or 0

    answer = owner.call("POST", f"/api/jobs/{job_id}/cancel")
    twice = owner.call("POST", f"/api/jobs/{job_id}/cancel")

    assert (answer.status_code, answer.get_json()["state"]) == (202, "cancelling")
    assert (twice.status_code, twice.get_json()["code"]) == (409, "state_conflict")
    assert (waiting_rings(config) or 0) > before


def test_a_program_takes_up_again_what_was_given_up(
    app: Flask, owner: Program, config: Config, job_id: str
) -> None:
    set_job(app, job_id, state=JobState.FAILED, error_code="internal_error")
    with app.app_context():
        db.session.execute(update(Work).values(state=WorkState.DEAD))
        db.session.commit()
    before = waiting_rings(config) or 0

    answer = owner.call("POST", f"/api/jobs/{job_id}/retry")

    assert answer.status_code == 202
    assert (answer.get_json()["state"], answer.get_json()["error"]) == ("queued", None)
    assert (waiting_rings(config) or 0) > before


# --- pages ------------------------------------------------------------------------------------


@pytest.fixture
def reader(browser: Browser, owner: Program) -> Browser:
    browser.sign_in()
    return browser


def test_the_list_shows_sentences_and_counts(reader: Browser, job_id: str) -> None:
    page = reader.get("/jobs?filter=running")

    assert page.status_code == 200
    assert "Uploading “tour.bin” to All files" in page.text
    assert "Uploading “tour.bin” to All files" not in reader.get("/jobs?filter=done").text
    assert reader.get("/jobs?filter=nonsense").status_code == 404


def test_a_page_refreshes_itself_only_when_asked(reader: Browser, job_id: str) -> None:
    usual, asked = reader.get(f"/jobs/{job_id}"), reader.get(f"/jobs/{job_id}?auto=5")

    assert "http-equiv" not in usual.text
    assert '<meta http-equiv="refresh" content="5">' in asked.text
    assert "http-equiv" not in reader.get(f"/jobs/{job_id}?auto=1").text


def test_the_body_of_a_page_is_polled_with_an_etag(
    app: Flask, reader: Browser, job_id: str
) -> None:
    path = f"/jobs/{job_id}/body"
    first = reader.get(path)
    second = again(reader, path, first)
    set_job(app, job_id, state=JobState.CANCELLING)
    third = again(reader, path, first)

    assert 'id="job-body"' in first.text
    assert "<html" not in first.text
    assert (second.status_code, second.data) == (304, b"")
    assert third.status_code == 200
    assert "being cancelled" in third.text


def test_the_state_of_a_page_lists_its_files(reader: Browser, job_id: str) -> None:
    state = reader.get(f"/jobs/{job_id}/state")

    [file] = state.get_json()["files"]
    assert (file["state"], file["size"], file["received"], file["stored"]) == ("queued", 7, 7, 0)
    assert again(reader, f"/jobs/{job_id}/state", state).status_code == 304


def test_a_file_that_is_not_of_the_job_is_not_found(reader: Browser, job_id: str) -> None:
    assert reader.get(f"/jobs/{job_id}?file={uuid.uuid4()}").status_code == 404
    assert reader.get(f"/jobs/{job_id}?file=nonsense").status_code == 404


def test_a_person_cancels_and_sees_it(reader: Browser, job_id: str) -> None:
    answer = reader.submit(f"/jobs/{job_id}", {}, action=f"/jobs/{job_id}/cancel")

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{job_id}")
    assert "This job is being cancelled." in reader.get(f"/jobs/{job_id}").text


def test_a_person_takes_up_what_waits(app: Flask, reader: Browser, job_id: str) -> None:
    set_job(app, job_id, state=JobState.RETRYING)

    answer = reader.submit(f"/jobs/{job_id}", {}, action=f"/jobs/{job_id}/retry")

    assert answer.status_code == 303
    assert "Taken up again at your request." in reader.get(f"/jobs/{job_id}").text


def test_clear_finished_takes_what_is_over_from_the_list_and_keeps_failures(
    app: Flask, owner: Program, reader: Browser
) -> None:
    done, failed = (upload(owner, name, b"content") for name in ("done.txt", "failed.txt"))
    set_job(app, done, state=JobState.DONE)
    set_job(app, failed, state=JobState.FAILED)
    assert "Clear finished" not in reader.get("/jobs?filter=running").text
    assert "Clear finished" in reader.get("/jobs").text

    answer = reader.submit("/jobs", {}, action="/jobs/clear")

    assert (answer.status_code, answer.location) == (303, "/jobs?filter=done")
    page = reader.get("/jobs?filter=done").text
    assert f"/jobs/{failed}" in page
    assert f"/jobs/{done}" not in page
    assert "Clear finished" not in page
    assert reader.get(f"/jobs/{done}").status_code == 200
