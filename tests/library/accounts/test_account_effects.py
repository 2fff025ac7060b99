"""What an account in trouble means for files: counted from the rows there are."""

import uuid

import pytest
from sqlalchemy import update

from balancecloud.library import account_views
from balancecloud.library.account_views import get_account, list_accounts
from balancecloud.library.folder_linking import link_folder
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.wording import Words
from balancecloud.models.clouds import CloudAccount
from tests.library.accounts.world import new_person, store_file

pytestmark = pytest.mark.real


@pytest.fixture
def three(gateway: Gateway, person: Linker) -> list[uuid.UUID]:
    root = gateway.config.folder_roots[0]
    names = ("one", "two", "three")
    return [link_folder(gateway, person.user_id, str(root / name)).account_id for name in names]


def be(gateway: Gateway, state: str, *account_ids: uuid.UUID) -> None:
    with gateway.sessions.begin() as session:
        session.execute(
            update(CloudAccount).where(CloudAccount.id.in_(account_ids)).values(state=state)
        )


def said(gateway: Gateway, who: Linker, account_id: uuid.UUID) -> str:
    with gateway.sessions() as session:
        words: Words = get_account(session, gateway.config, who.user_id, account_id).health.sentence
    return str(words[-1])


def test_what_others_can_rebuild_is_read_from_them(
    gateway: Gateway, person: Linker, three: list[uuid.UUID]
) -> None:
    store_file(gateway, person, "a", three, 2)
    be(gateway, "silent", three[0])
    assert said(gateway, person, three[0]).endswith("are read from the other accounts.")


def test_what_lies_there_alone_is_counted(
    gateway: Gateway, person: Linker, three: list[uuid.UUID]
) -> None:
    store_file(gateway, person, "a", three, 2)
    store_file(gateway, person, "b", three[:1], 1)
    be(gateway, "silent", three[0])
    assert said(gateway, person, three[0]).endswith("1 file can't be read until it answers.")


def test_two_accounts_away_at_once_are_counted_together(
    gateway: Gateway, person: Linker, three: list[uuid.UUID]
) -> None:
    store_file(gateway, person, "a", three, 2)
    be(gateway, "silent", three[0])
    be(gateway, "sign_in_again", three[1])
    for account_id in three[:2]:
        assert "1 file can't be read" in said(gateway, person, account_id)


def test_of_very_much_nothing_is_counted(
    gateway: Gateway, person: Linker, three: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_views, "SHARDS_COUNTED", 1)
    store_file(gateway, person, "a", three, 2)
    store_file(gateway, person, "b", three, 2)
    be(gateway, "silent", three[0])
    assert said(gateway, person, three[0]).endswith("go on by ourselves.")


def test_a_full_account_asks_for_room_once_no_other_takes_chunks(
    gateway: Gateway, person: Linker, three: list[uuid.UUID]
) -> None:
    be(gateway, "full", three[0])
    assert needing(gateway, person) == []
    be(gateway, "full", *three)
    assert needing(gateway, person) == three


def needing(gateway: Gateway, who: Linker) -> list[uuid.UUID]:
    with gateway.sessions() as session:
        listed = list_accounts(session, gateway.config, who.user_id)
    return [one.id for one in listed if one.health.needs_you]


def test_the_accounts_of_others_do_not_count(
    gateway: Gateway, person: Linker, three: list[uuid.UUID]
) -> None:
    friend = new_person(gateway.sessions)
    root = gateway.config.folder_roots[0]
    theirs = link_folder(gateway, friend.user_id, str(root / "theirs")).account_id
    be(gateway, "full", theirs)
    assert needing(gateway, friend) == [theirs]
