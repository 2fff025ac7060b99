"""/api/health: down only when nothing can be taken in or handed out."""

import dataclasses
import uuid

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.app import create_app
from balancecloud.buckets import parse_spool_url
from balancecloud.config import Config
from balancecloud.extensions import db
from balancecloud.live.doorbell import Doorbell
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState
from balancecloud.web.context import KEY, Parts
from tests.web.belongings import belongings_of
from tests.web.program import Program

pytestmark = pytest.mark.real


class Staffed(Doorbell):
    """A doorbell with a worker behind it."""

    def workers(self) -> int | None:
        """Say that one is there."""
        return 1


@pytest.fixture
def staffed(app: Flask) -> Program:
    """A program that calls a server which has a worker."""
    parts: Parts = app.extensions[KEY]
    doorbell = Staffed(parts.redis, parts.config.queue_key)
    app.extensions[KEY] = dataclasses.replace(parts, doorbell=doorbell)
    return Program(app)


def checks(program: Program) -> tuple[int, str, dict[str, str]]:
    answer = program.call("GET", "/api/health")
    body = answer.get_json()
    assert set(body) == {"status", "version", "checks"}
    return answer.status_code, body["status"], body["checks"]


def test_all_is_well(staffed: Program) -> None:
    status, word, parts = checks(staffed)
    assert (status, word) == (200, "ok")
    assert parts == dict.fromkeys(["database", "queue", "workers", "spool", "clouds"], "ok")


def test_without_a_worker_it_is_degraded(program: Program) -> None:
    status, word, parts = checks(program)
    assert (status, word, parts["workers"]) == (200, "degraded", "down")


def test_a_clouds_silence_does_not_bring_us_down(
    app: Flask, staffed: Program, database: sessionmaker[Session]
) -> None:
    staffed.register()
    belongings_of(app, "ada@example.org")
    with database.begin() as session:
        session.execute(update(CloudAccount).values(state=AccountState.SILENT))
    status, word, parts = checks(staffed)
    assert (status, word, parts["clouds"]) == (200, "degraded", "degraded")


def test_a_full_spool_is_degraded(config: Config) -> None:
    app = create_app(dataclasses.replace(config, spool_reserve_bytes=1 << 62))
    status, word, parts = checks(Program(app))
    assert (status, word, parts["spool"]) == (200, "degraded", "degraded")
    with app.app_context():
        db.engine.dispose()


def test_without_the_bucket_of_the_spool_we_are_down(config: Config) -> None:
    bucket = parse_spool_url("s3://no-bucket/x?endpoint=http://127.0.0.1:1", "id", "key")
    app = create_app(dataclasses.replace(config, spool_bucket=bucket))
    status, word, parts = checks(Program(app))
    assert (status, word, parts["spool"]) == (503, "down", "down")
    with app.app_context():
        db.engine.dispose()


def test_without_the_spool_we_are_down(app: Flask, config: Config) -> None:
    config.spool_dir.rename(config.spool_dir.with_name(uuid.uuid4().hex))
    status, word, parts = checks(Program(app))
    assert (status, word, parts["spool"]) == (503, "down", "down")


def test_l08_it_says_nothing_of_people(staffed: Program) -> None:
    staffed.register()
    text = Program.call(staffed, "GET", "/api/health").text
    assert "ada" not in text
    assert not any(sign.isdigit() for sign in text.replace('"0.1.0"', ""))


def test_being_alive_asks_nobody(app: Flask) -> None:
    answer = Program(app).call("GET", "/api/health/live")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})
