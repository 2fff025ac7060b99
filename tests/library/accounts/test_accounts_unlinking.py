"""Unlinking: refused while something would be lost, by force only with the name typed."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from sqlalchemy import Update, select, text, update

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.errors import Invalid, NotFound, StillHoldsData
from balancecloud.library.account_views import list_accounts
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.survival import PATHS_SHOWN
from balancecloud.library.unlinking import unlink, unlink_by_force, unlink_effect
from balancecloud.library.views import UnlinkEffect
from balancecloud.models.clouds import Chunk, CloudAccount, ShardRow
from balancecloud.models.library import Node, Version
from balancecloud.models.people import AuditEvent, User
from balancecloud.models.states import AccountState, NodeKind, ShardState, VersionState
from tests.library.accounts.world import (
    access_token,
    link,
    new_address,
    new_person,
    row_of,
    shard_of,
    store_file,
    version_state,
)
from tests.services.locks import wait_until_somebody_waits

pytestmark = [pytest.mark.real, pytest.mark.sim]


def rows(gateway: Gateway) -> list[CloudAccount]:
    with gateway.sessions() as session:
        return list(session.scalars(select(CloudAccount)))


def effect_of(gateway: Gateway, who: Linker, account_id: uuid.UUID) -> UnlinkEffect:
    with gateway.sessions() as session:
        return unlink_effect(session, gateway.config, who.user_id, account_id)


def shard_states(gateway: Gateway, account_id: uuid.UUID) -> list[ShardState]:
    with gateway.sessions() as session:
        query = select(ShardRow.state).where(ShardRow.account_id == account_id)
        return list(session.scalars(query))


def still_works(gateway: Gateway, token: str) -> bool:
    answer = requests.get(
        f"{gateway.config.simulator_url}/google/drive/v3/about?fields=user",
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    return answer.status_code == 200


def test_an_account_that_holds_nothing_is_gone_with_its_row(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    unlink(gateway, person.user_id, account_id)
    assert rows(gateway) == []


def test_unlinking_ends_the_grant_at_the_provider(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    token = access_token(gateway, account_id)
    assert still_works(gateway, token)
    unlink(gateway, person.user_id, account_id)
    assert not still_works(gateway, token)


def test_t40_unlinking_leaves_the_grant_of_another_person_with_the_same_account(
    gateway: Gateway, person: Linker
) -> None:
    address, other = new_address(), new_person(gateway.sessions)
    mine = link(gateway, person, "google_drive", address)
    theirs = link(gateway, other, "google_drive", address)
    unlink(gateway, person.user_id, mine)
    assert still_works(gateway, access_token(gateway, theirs))
    unlink(gateway, other.user_id, theirs)


def test_an_account_whose_provider_is_away_is_unlinked_all_the_same(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(wrapped_token=b"not a token"))
    unlink(gateway, person.user_id, account_id)
    assert rows(gateway) == []


def test_what_holds_data_is_not_unlinked_and_says_what_would_be_lost(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    store_file(gateway, person, "only-here.txt", [account_id], 1)
    with pytest.raises(StillHoldsData, match="Without it 1 file would be lost"):
        unlink(gateway, person.user_id, account_id)
    assert row_of(gateway, account_id).state is AccountState.HEALTHY


def test_what_others_can_rebuild_holds_an_account_back_too(
    gateway: Gateway, person: Linker
) -> None:
    first, second = link(gateway, person, "google_drive"), link(gateway, person, "onedrive")
    store_file(gateway, person, "twice.txt", [first, second], 1)
    with pytest.raises(StillHoldsData, match="1 file would be less protected"):
        unlink(gateway, person.user_id, first)


@pytest.mark.parametrize("state", ["intent", "stored", "verified", "damaged", "deleting"])
def test_every_shard_that_may_be_there_holds_an_account_back(
    gateway: Gateway, person: Linker, state: str
) -> None:
    account_id = link(gateway, person, "google_drive")
    store_file(gateway, person, "a", [account_id], 1)
    with gateway.sessions.begin() as session:
        session.execute(update(ShardRow).values(state=state))
    with pytest.raises(StillHoldsData):
        unlink(gateway, person.user_id, account_id)


def test_the_effect_names_lost_files_by_path_and_counts_the_others(
    gateway: Gateway, person: Linker
) -> None:
    first, second = link(gateway, person, "google_drive"), link(gateway, person, "onedrive")
    store_file(gateway, person, "lost.txt", [first], 1)
    store_file(gateway, person, "less.txt", [first, second], 1)
    store_file(gateway, person, "elsewhere.txt", [second], 1)
    folder = uuid.uuid4()
    with gateway.sessions.begin() as session:
        session.add(Node(id=folder, user_id=person.user_id, kind=NodeKind.FOLDER, name="Photos"))
        session.flush()
        session.execute(update(Node).where(Node.name == "lost.txt").values(parent_id=folder))
    effect = effect_of(gateway, person, first)
    assert effect.lost_files == ("/Photos/lost.txt",)
    assert (effect.lost_count, effect.less_protected_count, effect.shards) == (1, 1, 2)
    assert effect.holds_data


def test_two_shards_of_three_lost_is_one_too_many(gateway: Gateway, person: Linker) -> None:
    """What another account has already lost counts."""
    ids = [link(gateway, person, "google_drive") for _ in range(3)]
    store_file(gateway, person, "a", ids, 2)
    assert effect_of(gateway, person, ids[0]).lost_count == 0
    with gateway.sessions.begin() as session:
        session.execute(
            update(ShardRow).where(ShardRow.account_id == ids[1]).values(state="missing")
        )
    assert effect_of(gateway, person, ids[0]).lost_count == 1


def test_at_most_twenty_paths_are_listed_and_all_are_counted(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    for number in range(PATHS_SHOWN + 3):
        store_file(gateway, person, f"file-{number:02}", [account_id], 1)
    effect = effect_of(gateway, person, account_id)
    assert len(effect.lost_files) == PATHS_SHOWN
    assert effect.lost_count == PATHS_SHOWN + 3


def test_force_wants_the_accounts_own_name(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    store_file(gateway, person, "a", [account_id], 1)
    for wrong in ("", "google drive", "OneDrive"):
        with pytest.raises(Invalid) as refusal:
            unlink_by_force(gateway, person.user_id, account_id, wrong)
        assert "confirm" in refusal.value.fields
    assert row_of(gateway, account_id).state is AccountState.HEALTHY


def test_force_marks_files_lost_or_degraded_and_keeps_the_row_of_the_account(
    gateway: Gateway, person: Linker
) -> None:
    first, second = link(gateway, person, "google_drive"), link(gateway, person, "onedrive")
    lost = store_file(gateway, person, "lost", [first], 1)
    less = store_file(gateway, person, "less", [first, second], 1)
    safe = store_file(gateway, person, "safe", [second], 1)
    unlink_by_force(gateway, person.user_id, first, "Google Drive")
    assert version_state(gateway, lost) is VersionState.LOST
    assert version_state(gateway, less) is VersionState.DEGRADED
    assert version_state(gateway, safe) is VersionState.STORED
    row = row_of(gateway, first)
    assert (row.state, row.wrapped_token) == (AccountState.UNLINKED, None)
    assert set(shard_states(gateway, first)) == {ShardState.MISSING}
    with gateway.sessions() as session:
        shown = list_accounts(session, gateway.config, person.user_id)
    assert [one.id for one in shown] == [second]


def test_linking_it_again_after_force_brings_the_files_back(
    gateway: Gateway, person: Linker
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    other = link(gateway, person, "onedrive")
    lost = store_file(gateway, person, "lost", [account_id], 1)
    less = store_file(gateway, person, "less", [account_id, other], 1)
    unlink_by_force(gateway, person.user_id, account_id, "Google Drive")
    assert link(gateway, person, "google_drive", address) == account_id
    assert version_state(gateway, lost) is VersionState.STORED
    assert version_state(gateway, less) is VersionState.STORED
    assert row_of(gateway, account_id).state is AccountState.HEALTHY


def test_an_object_on_its_way_when_the_account_went_is_not_believed_later(
    gateway: Gateway, person: Linker
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    store_file(gateway, person, "a", [account_id], 1)
    with gateway.sessions.begin() as session:
        session.execute(update(ShardRow).values(state="intent", stored_at=None))
    unlink_by_force(gateway, person.user_id, account_id, "Google Drive")
    link(gateway, person, "google_drive", address)
    assert shard_states(gateway, account_id) == [ShardState.MISSING]


def test_a_stranger_can_neither_see_the_effect_nor_unlink(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    stranger = new_person(gateway.sessions)
    with pytest.raises(NotFound):
        effect_of(gateway, stranger, account_id)
    with pytest.raises(NotFound):
        unlink(gateway, stranger.user_id, account_id)
    with pytest.raises(NotFound):
        unlink_by_force(gateway, stranger.user_id, account_id, "Google Drive")
    assert len(rows(gateway)) == 1


def test_unlinking_is_written_in_the_audit_log(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    unlink(gateway, person.user_id, account_id)
    with gateway.sessions() as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert (events[-1].action, events[-1].target) == ("account.unlinked", str(account_id))
    assert events[-1].user_id == person.user_id


def test_a_shard_that_is_just_being_written_down_holds_the_account_back(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    version = store_file(gateway, person, "a", [], 0)
    refused: list[bool] = []

    def try_to_unlink() -> None:
        try:
            unlink(gateway, person.user_id, account_id)
        except StillHoldsData:
            refused.append(True)

    with gateway.sessions.begin() as session:
        pack = session.scalars(select(Chunk.pack_id).where(Chunk.version_id == version)).one()
        session.add(shard_of(pack, 0, account_id))
        session.flush()
        unlinking = threading.Thread(target=try_to_unlink)
        unlinking.start()
        wait_for_lock(gateway)
    unlinking.join()
    assert refused == [True]
    assert row_of(gateway, account_id).state is AccountState.HEALTHY


def wait_for_lock(gateway: Gateway) -> None:
    """Return once another session waits for a lock."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(500):
        with gateway.sessions() as session:
            if session.scalar(waiting):
                return
        SYSTEM_CLOCK.sleep(0.01)
    raise AssertionError("nobody waits")


def test_a_file_may_be_deleted_while_its_account_is_unlinked(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    store_file(gateway, person, "deleted.txt", [account_id], 1)
    label = row_of(gateway, account_id).label

    with ThreadPoolExecutor(1) as pool, gateway.sessions() as session:
        session.scalars(select(Version.id).with_for_update()).all()  # deleting locks it first
        unlinked = pool.submit(unlink_by_force, gateway, person.user_id, account_id, label)
        wait_until_somebody_waits(session)
        session.execute(update(ShardRow).values(tries=ShardRow.tries))
        session.execute(update(User).values(used_bytes=User.used_bytes))  # and gives room back last
        session.commit()
        unlinked.result(20)

    assert row_of(gateway, account_id).state is AccountState.UNLINKED


def test_a_file_may_be_deleted_while_its_account_is_linked_again(
    gateway: Gateway, person: Linker
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    store_file(gateway, person, "deleted.txt", [account_id], 1)
    unlink_by_force(gateway, person.user_id, account_id, row_of(gateway, account_id).label)

    with ThreadPoolExecutor(1) as pool, gateway.sessions() as session:
        session.scalars(select(Version.id).with_for_update()).all()
        linked = pool.submit(link, gateway, person, "google_drive", address)
        wait_until_somebody_waits(session)
        session.execute(update(ShardRow).values(tries=ShardRow.tries))
        session.commit()

        assert linked.result(20) == account_id


def test_packs_may_be_cleaned_up_while_an_account_of_theirs_is_unlinked(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    for name in ("one", "two", "three"):
        store_file(gateway, person, name, [account_id], 1)
    label = row_of(gateway, account_id).label
    first, *others = shards_in_order(gateway)

    with ThreadPoolExecutor(1) as pool, gateway.sessions() as session:
        session.execute(tried_once_more(first))  # as a cancelled file's are, no version locked
        unlinked = pool.submit(unlink_by_force, gateway, person.user_id, account_id, label)
        wait_until_somebody_waits(session)
        for shard in others:
            session.execute(tried_once_more(shard))
        session.commit()
        unlinked.result(20)

    assert set(shard_states(gateway, account_id)) == {ShardState.MISSING}


def shards_in_order(gateway: Gateway) -> list[uuid.UUID]:
    with gateway.sessions() as session:
        return list(session.scalars(select(ShardRow.pack_id).order_by(ShardRow.pack_id)))


def tried_once_more(pack_id: uuid.UUID) -> Update:
    return update(ShardRow).where(ShardRow.pack_id == pack_id).values(tries=ShardRow.tries + 1)
