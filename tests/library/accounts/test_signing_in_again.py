"""Signing an account in again: the same one resumes, another one is refused."""

import uuid
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select, update

from balancecloud.errors import LinkRefused, NotFound
from balancecloud.library.account_rows import OtherAccount
from balancecloud.library.folder_linking import link_folder
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import (
    Linker,
    begin_sign_in,
    confirm_link,
    link_by_callback,
    proposal,
    receive_callback,
)
from balancecloud.library.unlinking import unlink, unlink_by_force
from balancecloud.models.clouds import CloudAccount, LinkAttempt
from balancecloud.models.jobs import Work
from balancecloud.models.library import Version
from balancecloud.models.people import AuditEvent
from balancecloud.models.states import AccountState, JobState, VersionState, WorkKind, WorkState
from tests.library.accounts.world import (
    Sim,
    access_token,
    begin,
    callback_of,
    consent,
    link,
    new_address,
    new_person,
    row_of,
    store_file,
    version_state,
)
from tests.storage.world import Person

pytestmark = [pytest.mark.real, pytest.mark.sim]

PROVIDERS = ("google_drive", "onedrive")


def begin_again(gateway: Gateway, who: Linker, account_id: uuid.UUID) -> str:
    """Begin to sign in again; return the address of the provider."""
    with gateway.sessions.begin() as session:
        return begin_sign_in(session, gateway, who, account_id).oauth_url


def come_back(
    gateway: Gateway, who: Linker, oauth_url: str, address: str, provider: str = "google_drive"
) -> uuid.UUID:
    return receive_callback(gateway, who, callback_of(provider, consent(oauth_url, address)))


def revoked(gateway: Gateway, who: Linker, sim: Sim, provider: str = "google_drive") -> uuid.UUID:
    """Link an account whose grant is then taken back, and noticed to be dead."""
    address = new_address()
    account_id = link(gateway, who, provider, address)
    sim.revoke(provider, address)
    set_state(gateway, account_id, "sign_in_again")
    return account_id


def set_state(gateway: Gateway, account_id: uuid.UUID, state: str) -> None:
    with gateway.sessions.begin() as session:
        session.execute(
            update(CloudAccount)
            .where(CloudAccount.id == account_id)
            .values(state=state, state_reason=state)
        )


def address_of(gateway: Gateway, account_id: uuid.UUID) -> str:
    return row_of(gateway, account_id).address or ""


def works(gateway: Gateway, account_id: uuid.UUID) -> bool:
    """Say whether the provider answers to what the row holds."""
    gateway.open_provider(account_id).room()
    return bool(access_token(gateway, account_id))


def waiting_work(gateway: Gateway, who: Linker) -> uuid.UUID:
    """Write a row of work that waits for hours."""
    work_id = uuid.uuid4()
    with gateway.sessions.begin() as session:
        session.add(
            Work(
                id=work_id,
                kind=WorkKind.STORE,
                key=uuid.uuid4(),
                user_id=who.user_id,
                priority=10,
                state=WorkState.DUE,
                due_at=func.now() + timedelta(hours=5),
            )
        )
    return work_id


@pytest.mark.parametrize("provider", PROVIDERS)
def test_f28_the_same_account_resumes_and_what_waits_is_due_at_once(
    gateway: Gateway, person: Linker, sim: Sim, provider: str
) -> None:
    account_id = revoked(gateway, person, sim, provider)
    address = address_of(gateway, account_id)
    version = store_file(gateway, person, "waits", [account_id], 1)
    with gateway.sessions.begin() as session:
        session.execute(update(Version).values(state="waiting"))
    work_id = waiting_work(gateway, person)
    url = begin_again(gateway, person, account_id)
    assert parse_qs(urlsplit(url).query)["login_hint"] == [address]
    attempt = come_back(gateway, person, url, address, provider)
    with gateway.sessions() as session:
        shown = proposal(session, gateway, person, attempt)
    assert shown.signs_in
    assert row_of(gateway, account_id).state is AccountState.SIGN_IN_AGAIN
    linked = confirm_link(gateway, person, attempt)
    assert (linked.account_id, linked.is_new, linked.work_ids) == (account_id, False, (work_id,))
    row = row_of(gateway, account_id)
    assert (row.state, row.state_reason) == (AccountState.HEALTHY, None)
    assert version_state(gateway, version) is VersionState.QUEUED
    with gateway.sessions() as session:
        assert session.scalar(select(Work.due_at <= func.now())) is True
    assert works(gateway, account_id)


def test_f29_another_account_is_refused_and_nothing_changes(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    account_id = revoked(gateway, person, sim)
    before = row_of(gateway, account_id)
    url, stranger = begin_again(gateway, person, account_id), new_address()
    with pytest.raises(OtherAccount) as refused:
        come_back(gateway, person, url, stranger)
    assert (refused.value.met.address, refused.value.met.linked_as) == (stranger, None)
    assert refused.value.wanted == before.address
    assert stranger not in str(refused.value)
    after = row_of(gateway, account_id)
    assert (after.state, after.token_version) == (AccountState.SIGN_IN_AGAIN, before.token_version)
    with gateway.sessions() as session:
        assert session.scalars(select(CloudAccount.id)).all() == [account_id]
        assert session.scalars(select(LinkAttempt.id)).all() == []
    assert sim.objects("google_drive", stranger) == []


def test_f29_the_fresh_grant_of_another_account_is_ended(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    account_id = revoked(gateway, person, sim)
    url = begin_again(gateway, person, account_id)
    sim.clear_log()
    with pytest.raises(OtherAccount):
        come_back(gateway, person, url, new_address())
    assert sim.revocations() == 1


def test_f29_a_grant_that_serves_somebody_is_left_alone(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    friend, address = new_person(gateway.sessions), new_address()
    theirs = link(gateway, friend, "google_drive", address)
    account_id = revoked(gateway, person, sim)
    sim.clear_log()
    with pytest.raises(OtherAccount) as refused:
        come_back(gateway, person, begin_again(gateway, person, account_id), address)
    assert refused.value.met.linked_as is None  # what others have linked is not told
    assert sim.revocations() == 0
    assert works(gateway, theirs)


def test_f29_a_grant_that_somebody_is_just_confirming_is_left_alone(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    friend, address = new_person(gateway.sessions), new_address()
    answer = consent(begin(gateway, friend, "google_drive").oauth_url, address)
    pending = receive_callback(gateway, friend, callback_of("google_drive", answer))
    account_id = revoked(gateway, person, sim)
    with pytest.raises(OtherAccount):
        come_back(gateway, person, begin_again(gateway, person, account_id), address)
    assert works(gateway, confirm_link(gateway, friend, pending).account_id)


def test_f29_an_account_of_ones_own_is_named_and_goes_on(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    other = link(gateway, person, "google_drive", address)
    account_id = revoked(gateway, person, sim)
    with pytest.raises(OtherAccount) as refused:
        come_back(gateway, person, begin_again(gateway, person, account_id), address)
    assert refused.value.met.linked_as == row_of(gateway, other).label
    assert works(gateway, other)


def test_a_program_that_hands_on_another_account_is_refused_too(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    account_id = revoked(gateway, person, sim)
    answer = consent(begin_again(gateway, person, account_id), new_address())
    with pytest.raises(OtherAccount):
        link_by_callback(gateway, person, callback_of("google_drive", answer))
    assert row_of(gateway, account_id).state is AccountState.SIGN_IN_AGAIN


def test_two_tabs_may_both_sign_in_again(gateway: Gateway, person: Linker, sim: Sim) -> None:
    account_id = revoked(gateway, person, sim)
    address = address_of(gateway, account_id)
    urls = [begin_again(gateway, person, account_id) for _ in range(2)]
    attempts = [come_back(gateway, person, url, address) for url in urls]
    for attempt in attempts:
        assert confirm_link(gateway, person, attempt).account_id == account_id
    assert works(gateway, account_id)


def test_a_refused_tab_does_not_stop_the_other(gateway: Gateway, person: Linker, sim: Sim) -> None:
    account_id = revoked(gateway, person, sim)
    wrong, right = (begin_again(gateway, person, account_id) for _ in range(2))
    with pytest.raises(OtherAccount):
        come_back(gateway, person, wrong, new_address())
    attempt = come_back(gateway, person, right, address_of(gateway, account_id))
    assert confirm_link(gateway, person, attempt).account_id == account_id


def test_an_account_unlinked_before_one_comes_back_stays_unlinked(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    account_id = revoked(gateway, person, sim)
    address = address_of(gateway, account_id)
    url = begin_again(gateway, person, account_id)
    unlink(gateway, person.user_id, account_id)
    with pytest.raises(LinkRefused):
        come_back(gateway, person, url, address)
    with gateway.sessions() as session:
        assert session.scalars(select(CloudAccount.id)).all() == []


@pytest.mark.parametrize("when", ["before coming back", "before confirming"])
def test_an_account_unlinked_by_force_meanwhile_is_not_taken_up_again(
    gateway: Gateway, person: Linker, sim: Sim, when: str
) -> None:
    account_id = revoked(gateway, person, sim)
    address = address_of(gateway, account_id)
    store_file(gateway, person, "held", [account_id], 1)
    url = begin_again(gateway, person, account_id)
    label = row_of(gateway, account_id).label
    if when == "before coming back":
        unlink_by_force(gateway, person.user_id, account_id, label)
        with pytest.raises(LinkRefused, match="not linked any more"):
            come_back(gateway, person, url, address)
    else:
        attempt = come_back(gateway, person, url, address)
        unlink_by_force(gateway, person.user_id, account_id, label)
        with pytest.raises(LinkRefused, match="not linked any more"):
            confirm_link(gateway, person, attempt)
    assert row_of(gateway, account_id).state is AccountState.UNLINKED
    assert row_of(gateway, account_id).wrapped_token is None


def test_an_expired_attempt_signs_nothing_in(gateway: Gateway, person: Linker, sim: Sim) -> None:
    account_id = revoked(gateway, person, sim)
    url = begin_again(gateway, person, account_id)
    with gateway.sessions.begin() as session:
        session.execute(update(LinkAttempt).values(expires_at=func.now()))
    with pytest.raises(LinkRefused):
        come_back(gateway, person, url, address_of(gateway, account_id))
    assert row_of(gateway, account_id).state is AccountState.SIGN_IN_AGAIN


def test_another_session_can_neither_come_back_nor_confirm(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    account_id = revoked(gateway, person, sim)
    address = address_of(gateway, account_id)
    elsewhere = Linker(person.user_id, uuid.uuid4())
    answer = consent(begin_again(gateway, person, account_id), address)
    with pytest.raises(LinkRefused):
        receive_callback(gateway, elsewhere, callback_of("google_drive", answer))
    attempt = receive_callback(gateway, person, callback_of("google_drive", answer))
    with pytest.raises(NotFound):
        confirm_link(gateway, elsewhere, attempt)
    assert row_of(gateway, account_id).state is AccountState.SIGN_IN_AGAIN


def test_nobody_signs_in_to_another_persons_account_nor_to_a_folder(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    root = gateway.config.folder_roots[0]
    folder = link_folder(gateway, person.user_id, str(root)).account_id
    stranger = new_person(gateway.sessions)
    for who, wanted in ((stranger, account_id), (person, folder), (person, uuid.uuid4())):
        with pytest.raises(NotFound):
            begin_again(gateway, who, wanted)


def test_a_well_account_may_be_signed_in_again_too(gateway: Gateway, person: Linker) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    with gateway.sessions.begin() as session:
        past = func.now() - timedelta(days=9)
        session.execute(update(CloudAccount).values(grant_given_at=past, grant_used_at=past))
    attempt = come_back(gateway, person, begin_again(gateway, person, account_id), address)
    confirm_link(gateway, person, attempt)
    row = row_of(gateway, account_id)
    assert row.grant_given_at == row.grant_used_at
    assert row.grant_given_at is not None
    assert row.grant_given_at > row.created_at


def test_a_dead_grant_is_written_down_once_and_its_return_once(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    sim.revoke("google_drive", address)
    sim.expire("google_drive", address)
    for _ in range(3):
        with pytest.raises(Exception, match="linked again"):
            gateway.open_provider(account_id).room()
    attempt = come_back(gateway, person, begin_again(gateway, person, account_id), address)
    confirm_link(gateway, person, attempt)
    with gateway.sessions() as session:
        told = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert told == ["account.linked", "account.sign_in_again", "account.linked_again"]


def test_f28_a_grant_revoked_in_mid_upload_parks_the_job_until_the_person_comes_back(
    gateway: Gateway, sim: Sim
) -> None:
    uploader = Person.new(gateway, {}, protection=0)
    person = Linker(uploader.user_id, uuid.uuid4())
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    sim.revoke("google_drive", address)
    arrived = uploader.upload(b"one", b"two")
    assert uploader.work()
    assert uploader.job(arrived.job_id).state is JobState.NEEDS_YOU
    assert row_of(gateway, account_id).state is AccountState.SIGN_IN_AGAIN
    attempt = come_back(gateway, person, begin_again(gateway, person, account_id), address)
    linked = confirm_link(gateway, person, attempt)
    assert set(linked.work_ids) >= set(arrived.work_ids)
    assert uploader.work() == []
    assert uploader.job(arrived.job_id).state is JobState.DONE
    assert uploader.read(uploader.version(arrived).id) == b"one"
    with gateway.sessions() as session:
        told = select(AuditEvent.target).where(AuditEvent.action == "account.sign_in_again")
        assert session.scalars(told).all() == [str(account_id)]
