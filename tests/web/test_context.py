"""A request's transaction, its rings, and what renews a session."""

import uuid
from datetime import datetime, timedelta

import pytest
from flask import Flask, Response
from redis import Redis
from sqlalchemy import Interval, func, literal, select, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.errors import NameTaken
from balancecloud.identity import audit
from balancecloud.identity.sessions import Origin
from balancecloud.models.people import AuditEvent, SessionRow
from balancecloud.web import context, security
from tests.web.browser import Browser

pytestmark = pytest.mark.real

NOWHERE = Origin(None, None)


def add_view(app: Flask, outcome: str) -> None:
    """Add a page that writes a row, asks for a ring, and ends like this."""

    @security.public
    def page() -> Response:
        audit.record(context.session(), "test.written", None, NOWHERE)
        context.ring_after_commit(uuid.uuid4())
        if outcome == "raises":
            raise NameTaken
        if outcome == "breaks":
            raise RuntimeError
        if outcome == "commits, then raises":
            context.commit()
            audit.record(context.session(), "test.written", None, NOWHERE)
            raise NameTaken
        return Response(status=int(outcome))

    app.add_url_rule("/page", endpoint="page", view_func=page)


def waiting(config_url: str) -> int:
    """Return how many rings wait in Redis."""
    with Redis.from_url(config_url) as client:
        return sum(int(client.llen(key)) for key in client.scan_iter("rq:queue:*"))


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        ("200", 1),
        ("204", 1),
        ("303", 1),
        ("400", 0),
        ("409", 0),
        ("500", 0),
        ("raises", 0),
        ("breaks", 0),
        ("commits, then raises", 1),
    ],
)
def test_a_request_is_committed_once_and_rings_only_then(
    app: Flask,
    database: sessionmaker[Session],
    redis_url: str,
    caplog: pytest.LogCaptureFixture,
    outcome: str,
    kept: int,
) -> None:
    add_view(app, outcome)
    app.test_client().get("/page")
    with database() as session:
        assert session.scalar(func.count(AuditEvent.id)) == kept
    assert waiting(redis_url) == kept


def test_a_poll_does_not_renew_a_session(
    app: Flask, browser: Browser, database: sessionmaker[Session]
) -> None:
    @context.background
    def poll() -> str:
        return context.person().email

    app.add_url_rule("/poll", endpoint="poll", view_func=poll)
    browser.register()
    before = seen_before(database)
    assert browser.get("/poll").text == "ada@example.org"
    assert last_seen(database) == before
    browser.get("/settings")
    assert last_seen(database) > before


def seen_before(database: sessionmaker[Session]) -> datetime:
    """Put the session's last use ten minutes back."""
    with database.begin() as session:
        moved = SessionRow.last_seen_at - literal(timedelta(minutes=10), Interval)
        session.execute(update(SessionRow).values(last_seen_at=moved))
    return last_seen(database)


def last_seen(database: sessionmaker[Session]) -> datetime:
    with database() as session:
        return session.scalars(select(SessionRow.last_seen_at)).one()


def test_a_page_made_with_no_request_has_no_reference() -> None:
    assert context.request_id() == "-"
