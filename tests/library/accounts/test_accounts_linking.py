"""Linking by OAuth: what is bound to what, and what an account's row keeps."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from balancecloud.errors import LinkRefused, NotFound
from balancecloud.library import quota
from balancecloud.library.account_views import list_accounts
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import (
    OPEN_ATTEMPTS,
    Callback,
    Linker,
    begin_link,
    confirm_link,
    link_by_callback,
    proposal,
    receive_callback,
    remove_expired_attempts,
)
from balancecloud.models.clouds import CloudAccount, LinkAttempt
from balancecloud.models.library import Version
from balancecloud.models.people import AuditEvent
from balancecloud.models.states import AccountState, VersionState, WorkKind
from balancecloud.storage.work import FORM_PRIORITY, NewWork, insert_work
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
from tests.services.locks import wait_until_somebody_waits

pytestmark = [pytest.mark.real, pytest.mark.sim]

PROVIDERS = ("google_drive", "onedrive")


def attempts(gateway: Gateway) -> list[LinkAttempt]:
    with gateway.sessions() as session:
        return list(session.scalars(select(LinkAttempt)))


def accounts(gateway: Gateway) -> list[CloudAccount]:
    with gateway.sessions() as session:
        return list(session.scalars(select(CloudAccount).order_by(CloudAccount.created_at)))


def set_version_state(gateway: Gateway, version_id: uuid.UUID, state: str) -> None:
    with gateway.sessions.begin() as session:
        session.execute(update(Version).where(Version.id == version_id).values(state=state))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_program_links_an_account_with_one_call(
    gateway: Gateway, person: Linker, provider: str
) -> None:
    address = new_address()
    account_id = link(gateway, person, provider, address)
    row = row_of(gateway, account_id)
    assert (row.user_id, row.provider, row.address) == (person.user_id, provider, address)
    assert row.state is AccountState.HEALTHY
    assert row.domain == f"{provider}:{row.subject}"
    assert row.total_bytes == 15 * 1024**3 or row.total_bytes == 15 * 10**9
    assert row.folder
    assert attempts(gateway) == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_probe_leaves_nothing_in_the_account(
    gateway: Gateway, person: Linker, sim: Sim, provider: str
) -> None:
    address = new_address()
    link(gateway, person, provider, address)
    left = [one for one in sim.objects(provider, address) if not one["trashed"]]
    assert left == []


def test_in_the_browser_nothing_is_linked_or_stored_before_it_is_confirmed(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    begun = begin(gateway, person, "google_drive")
    answer = consent(begun.oauth_url, address)
    attempt_id = receive_callback(gateway, person, callback_of("google_drive", answer))
    assert accounts(gateway) == []
    assert sim.objects("google_drive", address) == []
    with gateway.sessions() as session:
        shown = proposal(session, gateway, person, attempt_id)
    assert (shown.address, shown.provider_title, shown.relinks) == (address, "Google Drive", None)
    linked = confirm_link(gateway, person, attempt_id)
    assert [row.id for row in accounts(gateway)] == [linked.account_id]
    assert attempts(gateway) == []


def test_the_proposal_says_when_it_is_an_account_already_linked(
    gateway: Gateway, person: Linker
) -> None:
    address = new_address()
    account_id = link(gateway, person, "onedrive", address)
    answer = consent(begin(gateway, person, "onedrive").oauth_url, address)
    attempt_id = receive_callback(gateway, person, callback_of("onedrive", answer))
    with gateway.sessions() as session:
        shown = proposal(session, gateway, person, attempt_id)
    assert shown.relinks is not None
    assert shown.relinks.id == account_id
    linked = confirm_link(gateway, person, attempt_id)
    assert (linked.account_id, linked.is_new) == (account_id, False)


def test_a_confirmation_counts_once(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "onedrive")
    answer = consent(begun.oauth_url, new_address())
    attempt_id = receive_callback(gateway, person, callback_of("onedrive", answer))
    confirm_link(gateway, person, attempt_id)
    with pytest.raises(NotFound):
        confirm_link(gateway, person, attempt_id)


@pytest.mark.parametrize("stranger", ["other person", "other session"])
def test_a_stranger_cannot_see_or_confirm_what_waits(
    gateway: Gateway, person: Linker, stranger: str
) -> None:
    begun = begin(gateway, person, "google_drive")
    answer = consent(begun.oauth_url, new_address())
    attempt_id = receive_callback(gateway, person, callback_of("google_drive", answer))
    other = (
        new_person(gateway.sessions)
        if stranger == "other person"
        else Linker(person.user_id, uuid.uuid4())
    )
    with gateway.sessions() as session, pytest.raises(NotFound):
        proposal(session, gateway, other, attempt_id)
    with pytest.raises(NotFound):
        confirm_link(gateway, other, attempt_id)
    assert accounts(gateway) == []


def test_t35_a_state_that_was_never_given_out_is_refused(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "google_drive")
    answer = consent(begun.oauth_url, new_address())
    for state in ("", "x" * 43):
        with pytest.raises(LinkRefused):
            link_by_callback(
                gateway, person, callback_of("google_drive", {**answer, "state": state})
            )


def test_t35_a_state_works_once(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "google_drive")
    answer = consent(begun.oauth_url, new_address())
    link_by_callback(gateway, person, callback_of("google_drive", answer))
    with pytest.raises(LinkRefused):
        link_by_callback(gateway, person, callback_of("google_drive", answer))


def test_t35_a_state_is_used_up_by_an_answer_that_fails(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "google_drive")
    answer = consent(begun.oauth_url, new_address())
    with pytest.raises(LinkRefused):
        link_by_callback(gateway, person, callback_of("google_drive", {**answer, "code": "wrong"}))
    with pytest.raises(LinkRefused):
        link_by_callback(gateway, person, callback_of("google_drive", answer))
    assert accounts(gateway) == []


def test_t35_a_foreign_state_is_refused_and_not_used_up(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "google_drive")
    answer = consent(begun.oauth_url, new_address())
    callback = callback_of("google_drive", answer)
    for other in (new_person(gateway.sessions), Linker(person.user_id, uuid.uuid4())):
        with pytest.raises(LinkRefused):
            link_by_callback(gateway, other, callback)
    link_by_callback(gateway, person, callback)


def test_t35_an_expired_state_is_refused(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "google_drive")
    answer = consent(begun.oauth_url, new_address())
    with gateway.sessions.begin() as session:
        session.execute(update(LinkAttempt).values(expires_at=func.now() - timedelta(seconds=1)))
    with pytest.raises(LinkRefused):
        link_by_callback(gateway, person, callback_of("google_drive", answer))


def test_t35_an_attempt_lives_ten_minutes(gateway: Gateway, person: Linker) -> None:
    begin(gateway, person, "google_drive")
    left = attempts(gateway)[0]
    assert left.expires_at - left.created_at == pytest.approx(
        timedelta(minutes=10), abs=timedelta(seconds=1)
    )


def test_t37_a_code_of_one_provider_is_refused_at_the_callback_of_another(
    gateway: Gateway, person: Linker
) -> None:
    begun = begin(gateway, person, "google_drive")
    answer = consent(begun.oauth_url, new_address())
    with pytest.raises(LinkRefused):
        link_by_callback(gateway, person, callback_of("onedrive", answer))


def test_t37_an_answer_that_names_another_issuer_is_refused(
    gateway: Gateway, person: Linker
) -> None:
    begun = begin(gateway, person, "google_drive")
    answer = consent(begun.oauth_url, new_address())
    with pytest.raises(LinkRefused):
        link_by_callback(
            gateway, person, callback_of("google_drive", {**answer, "iss": "https://evil.example"})
        )


def test_t38_a_redirect_address_that_is_not_allowed_is_refused(
    gateway: Gateway, person: Linker
) -> None:
    own = "http://localhost:8080/clouds/callback/google_drive"
    variants = (own + "/", own + "?x=1", own.replace("localhost", "localhost.evil.example"))
    with gateway.sessions() as session:
        for variant in variants:
            with pytest.raises(LinkRefused):
                begin_link(session, gateway, person, "google_drive", variant)


def test_t38_the_code_is_bound_to_its_verifier(gateway: Gateway, person: Linker) -> None:
    first, second = (begin(gateway, person, "google_drive") for _ in range(2))
    answer = consent(first.oauth_url, new_address())
    with pytest.raises(LinkRefused):
        link_by_callback(
            gateway,
            person,
            callback_of("google_drive", {**answer, "state": second.state}),
        )
    assert "code_challenge_method=S256" in first.oauth_url


def test_t39_less_than_asked_is_refused_with_words(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "google_drive")
    assert "auth%2Fdrive.file" in begun.oauth_url
    less = begun.oauth_url.replace("auth%2Fdrive.file", "auth%2Fdrive.appdata")
    answer = consent(less, new_address())
    with pytest.raises(LinkRefused, match="permission to store files"):
        link_by_callback(gateway, person, callback_of("google_drive", answer))
    assert accounts(gateway) == []


def test_t39_more_than_asked_is_noted(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "google_drive")
    wider = "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fdrive.appdata"
    more = begun.oauth_url.replace("auth%2Fdrive.file", f"auth%2Fdrive.file+{wider}")
    answer = consent(more, new_address())
    link_by_callback(gateway, person, callback_of("google_drive", answer))
    with gateway.sessions() as session:
        noted = session.scalars(select(AuditEvent.details)).one()
    assert "drive.appdata" in noted["scope"]


def test_a_denied_consent_links_nothing_and_says_so(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "google_drive")
    denied = Callback("google_drive", begun.state, "", None, "access_denied")
    with pytest.raises(LinkRefused, match="permission was not given"):
        receive_callback(gateway, person, denied)
    assert attempts(gateway) == []


def test_t40_one_account_linked_twice_is_one_row(gateway: Gateway, person: Linker) -> None:
    address = new_address()
    first = link(gateway, person, "google_drive", address)
    second = link(gateway, person, "google_drive", address)
    assert first == second
    assert len(accounts(gateway)) == 1


def test_t40_two_people_with_one_account_have_rows_of_their_own_in_one_domain(
    gateway: Gateway, person: Linker
) -> None:
    address, other = new_address(), new_person(gateway.sessions)
    mine = link(gateway, person, "google_drive", address)
    theirs = link(gateway, other, "google_drive", address)
    assert mine != theirs
    assert row_of(gateway, mine).domain == row_of(gateway, theirs).domain
    gateway.open_provider(mine).room()
    gateway.open_provider(theirs).room()


def test_several_accounts_of_a_provider_get_names_and_colours_of_their_own(
    gateway: Gateway, person: Linker
) -> None:
    for provider in ("google_drive", "google_drive", "onedrive"):
        link(gateway, person, provider)
    with gateway.sessions() as session:
        shown = list_accounts(session, gateway.config, person.user_id)
    assert [one.label for one in shown] == ["Google Drive", "Google Drive 2", "OneDrive"]
    assert [one.color for one in shown] == [0, 1, 2]
    assert all(one.simulated and one.is_connected for one in shown)
    assert {one.health.chip for one in shown} == {("Healthy",)}


def test_linking_again_mends_an_account_and_wakes_what_waits(
    gateway: Gateway, person: Linker
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    waiting = store_file(gateway, person, "waits", [account_id], 1)
    set_version_state(gateway, waiting, "waiting")
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(state="sign_in_again", state_reason="x"))
    assert link(gateway, person, "google_drive", address) == account_id
    row = row_of(gateway, account_id)
    assert (row.state, row.state_reason) == (AccountState.HEALTHY, None)
    assert version_state(gateway, waiting) is VersionState.QUEUED


def test_linking_is_written_in_the_audit_log(gateway: Gateway, person: Linker) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    link(gateway, person, "google_drive", address)
    with gateway.sessions() as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(one.action, one.target) for one in events] == [
        ("account.linked", str(account_id)),
        ("account.linked_again", str(account_id)),
    ]


def test_no_token_code_or_state_lies_open_in_the_database(gateway: Gateway, person: Linker) -> None:
    begun = begin(gateway, person, "onedrive")
    answer = consent(begun.oauth_url, new_address())
    receive_callback(gateway, person, callback_of("onedrive", answer))
    account_id = link(gateway, person, "google_drive")
    token = access_token(gateway, account_id)
    with gateway.sessions() as session:
        rows = [
            row
            for table in ("link_attempts", "cloud_accounts")
            for row in session.scalars(text(f"SELECT row_to_json(t)::text FROM {table} t"))
        ]
    hexed = [secret.encode().hex() for secret in (token, answer["code"], answer["state"])]
    assert len(rows) == 2
    for secret in (token, answer["code"], answer["state"], *hexed):
        assert secret not in str(rows)


def test_a_person_has_only_so_many_open_attempts(gateway: Gateway, person: Linker) -> None:
    begun = [begin(gateway, person, "google_drive") for _ in range(OPEN_ATTEMPTS + 3)]
    assert len(attempts(gateway)) == OPEN_ATTEMPTS
    answer = consent(begun[-1].oauth_url, new_address())
    link_by_callback(gateway, person, callback_of("google_drive", answer))


def test_expired_attempts_are_swept(gateway: Gateway, person: Linker) -> None:
    begin(gateway, person, "google_drive")
    with gateway.sessions.begin() as session:
        assert remove_expired_attempts(session) == 0
        session.execute(update(LinkAttempt).values(expires_at=func.now()))
    with gateway.sessions.begin() as session:
        assert remove_expired_attempts(session) == 1


def test_an_account_without_room_is_not_linked(gateway: Gateway, person: Linker, sim: Sim) -> None:
    address = new_address()
    link(gateway, new_person(gateway.sessions), "google_drive", address)
    sim.set_quota("google_drive", address, 0)
    with pytest.raises(LinkRefused, match="is full"):
        link(gateway, person, "google_drive", address)
    assert len(accounts(gateway)) == 1


def test_an_upload_may_end_while_an_account_is_linked(gateway: Gateway, person: Linker) -> None:
    def have_a_pack_formed(session: Session) -> None:
        me = person.user_id
        insert_work(session, NewWork(WorkKind.FORM, me, me, None, FORM_PRIORITY, due_in=60))

    with gateway.sessions.begin() as session:
        have_a_pack_formed(session)

    with ThreadPoolExecutor(1) as pool, gateway.sessions() as session:
        have_a_pack_formed(session)  # as an upload's end does, before it gives room back
        linked = pool.submit(link, gateway, person, "google_drive")
        wait_until_somebody_waits(session)
        quota.give_back(session, person.user_id, 0)
        session.commit()

        assert row_of(gateway, linked.result(20)).state is AccountState.HEALTHY
