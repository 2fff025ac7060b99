"""Unfinished uploads in rows: what one process kept, another goes on with."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from balancecloud.clouds.provider import ObjectId, ShardName
from balancecloud.clouds.upload_sessions import KeptUpload
from balancecloud.crypto.keys import MasterKeys
from balancecloud.jobs.schedule import CHORES
from balancecloud.library import upload_sessions
from balancecloud.library.account_tokens import TokenVault
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.upload_sessions import KeptUploadSessions
from balancecloud.models.clouds import CloudAccount, ShardRow, UploadSession
from balancecloud.models.states import AccountState, ShardState
from tests.library.accounts.world import store_file

pytestmark = pytest.mark.real

NAME = ShardName("abcdefghijklmnopqrstuvwxyz234567")
SECRET = "https://upload.example/?upload_id=MARKED-SECRET"
KEPT = KeptUpload(SECRET, ObjectId("object-1"))


@pytest.fixture
def account(gateway: Gateway, person: Linker) -> uuid.UUID:
    account_id = uuid.uuid4()
    with gateway.sessions.begin() as session:
        session.add(
            CloudAccount(
                id=account_id,
                user_id=person.user_id,
                provider="google_drive",
                subject=str(account_id),
                domain=str(account_id),
                label="Drive",
                color=0,
                state=AccountState.HEALTHY,
            )
        )
    return account_id


def sessions_of(
    gateway: Gateway, person: Linker, account: uuid.UUID, keys: MasterKeys | None = None
) -> KeptUploadSessions:
    """Return the account's sessions as another process would see them."""
    vault = TokenVault(gateway.sessions, keys or gateway.keys, gateway.clock)
    return KeptUploadSessions(vault, person.user_id, account)


def names(gateway: Gateway) -> list[str]:
    with gateway.sessions() as session:
        return list(session.scalars(select(UploadSession.name)))


def age(gateway: Gateway, by: timedelta) -> None:
    with gateway.sessions.begin() as session:
        session.execute(update(UploadSession).values(created_at=func.now() - by))


def sweep(gateway: Gateway) -> None:
    chore = next(one for one in CHORES if "nobody goes on" in one.name)
    chore.run(gateway)


def test_another_process_goes_on_with_what_was_kept(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    sessions_of(gateway, person, account).keep(NAME, KEPT)
    assert sessions_of(gateway, person, account).recall(NAME) == KEPT
    assert sessions_of(gateway, person, account).recall(ShardName("another")) is None


def test_l01_the_address_lies_wrapped_and_shows_nowhere(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    sessions = sessions_of(gateway, person, account)
    sessions.keep(NAME, KEPT)
    with gateway.sessions() as session:
        row = session.scalars(select(UploadSession)).one()
    assert b"MARKED" not in (row.wrapped_address or b"")
    assert row.master_version == gateway.keys.writing.version
    assert "MARKED" not in repr((row, sessions, sessions.recall(NAME)))


def test_an_address_opens_for_its_own_account_and_shard_only(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    sessions = sessions_of(gateway, person, account)
    sessions.keep(NAME, KEPT)
    with gateway.sessions.begin() as session:
        session.execute(update(UploadSession).values(name="moved"))
    assert sessions.recall(ShardName("moved")) == KeptUpload(None, None)


def test_an_address_under_a_key_that_is_gone_is_begun_anew(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    sessions_of(gateway, person, account).keep(NAME, KEPT)
    other = sessions_of(gateway, person, account, MasterKeys({2: bytes(32)}))
    assert other.recall(NAME) == KeptUpload(None, None)


def test_a_slow_put_is_noted_and_does_not_push_out_a_session(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    sessions = sessions_of(gateway, person, account)
    sessions.note_slow(NAME)
    assert sessions.recall(NAME) == KeptUpload(None, None)
    sessions.keep(NAME, KEPT)
    sessions.note_slow(NAME)
    assert sessions.recall(NAME) == KEPT


def test_a_newer_session_takes_the_place_of_an_older_one(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    sessions = sessions_of(gateway, person, account)
    sessions.keep(NAME, KEPT)
    sessions.keep(NAME, KeptUpload("https://upload.example/2", None))
    assert sessions.recall(NAME) == KeptUpload("https://upload.example/2", None)
    sessions.forget(NAME)
    sessions.forget(NAME)
    assert names(gateway) == []


def test_an_account_that_is_removed_meanwhile_keeps_nothing(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    sessions = sessions_of(gateway, person, account)
    sessions.keep(NAME, KEPT)
    with gateway.sessions.begin() as session:
        session.delete(session.get_one(CloudAccount, account))
    assert names(gateway) == []
    sessions.keep(NAME, KEPT)
    assert names(gateway) == []


@pytest.mark.parametrize(
    ("state", "is_kept"),
    [(ShardState.INTENT, True), (ShardState.MISSING, True), (ShardState.STORED, False)],
)
def test_the_schedule_removes_what_its_shard_needs_no_more(
    gateway: Gateway, person: Linker, account: uuid.UUID, state: ShardState, is_kept: bool
) -> None:
    store_file(gateway, person, "a.txt", [account], 1)
    with gateway.sessions.begin() as session:
        shard = session.scalars(select(ShardRow)).one()
        shard.state = state
        name = ShardName(shard.name)
    sessions_of(gateway, person, account).keep(name, KEPT)
    sweep(gateway)
    assert names(gateway) == [name]  # a put may be on its way
    age(gateway, upload_sessions.UNWANTED_AFTER + timedelta(minutes=1))
    sweep(gateway)
    assert names(gateway) == ([name] if is_kept else [])
    age(gateway, upload_sessions.LONGEST_LIFE + timedelta(minutes=1))
    sweep(gateway)
    assert names(gateway) == []


def test_the_schedule_removes_sessions_of_shards_that_are_gone(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    sessions_of(gateway, person, account).note_slow(NAME)
    age(gateway, upload_sessions.UNWANTED_AFTER + timedelta(minutes=1))
    sweep(gateway)
    assert names(gateway) == []
