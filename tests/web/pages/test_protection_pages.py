"""The setting that says how many accounts may be lost."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.models.people import AuditEvent, User
from tests.web.browser import Browser

pytestmark = pytest.mark.real

PAGE = "/settings/protection"


@pytest.fixture
def owner(browser: Browser) -> Browser:
    browser.register()
    return browser


def protection(database: sessionmaker[Session]) -> int:
    with database() as session:
        return session.scalars(select(User.protection)).one()


def test_one_account_may_be_lost_unless_one_says_otherwise(owner: Browser) -> None:
    page = owner.get(PAGE).text
    assert 'value="1" checked' in page
    assert "needs 3 accounts: kept for when you have them" in page


@pytest.mark.parametrize("wanted", ["0", "1", "2"])
def test_a_choice_is_kept_and_written_down(
    owner: Browser, database: sessionmaker[Session], wanted: str
) -> None:
    answer = owner.submit(PAGE, {"protection": wanted})

    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert protection(database) == int(wanted)
    assert f'value="{wanted}" checked' in owner.get(PAGE).text
    with database() as session:
        changes = select(AuditEvent.details).where(AuditEvent.action == "protection.changed")
        details = [] if wanted == "1" else [{"protection": int(wanted)}]
        assert session.scalars(changes).all() == details


@pytest.mark.parametrize("wanted", ["", "3", "-1", "1.5", "٢", "all"])
def test_anything_else_is_refused_in_words(
    owner: Browser, database: sessionmaker[Session], wanted: str
) -> None:
    answer = owner.submit(PAGE, {"protection": wanted})

    assert answer.status_code == 422
    assert "Choose 0, 1 or 2 accounts." in answer.text
    assert protection(database) == 1
