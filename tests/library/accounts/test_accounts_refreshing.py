"""One renewal for all processes, whoever dies in the middle of it."""

import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, update

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.oauth import TokenSet
from balancecloud.clouds.registry import grants_of
from balancecloud.config import Config
from balancecloud.errors import SignInAgain, Unreachable
from balancecloud.library import account_tokens
from balancecloud.library.account_tokens import LAST_LOOK_SECONDS, AccountTokens, TokenVault
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState
from balancecloud.storage import health
from tests.library.accounts.refreshing import THREADS, settings_of
from tests.library.accounts.world import Sim, link, new_address, row_of

pytestmark = [pytest.mark.real, pytest.mark.sim]

ROOT = Path(__file__).parents[3]
Process = subprocess.Popen[str]


@contextmanager
def process_for(account_id: uuid.UUID, config: Config, lease: float = 130) -> Iterator[Process]:
    """Run a process that has the account open and waits for a word."""
    command = [sys.executable, "-m", "tests.library.accounts.refreshing", str(account_id)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        tell(process, settings_of(config, lease))
        yield process
        process.kill()


def tell(process: Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def hear(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_expire(gateway: Gateway) -> None:
    with gateway.sessions.begin() as session:
        past = func.now() - timedelta(seconds=1)
        session.execute(update(CloudAccount).values(token_expires_at=past))


def vault_of(gateway: Gateway, lease: float) -> TokenVault:
    return TokenVault(gateway.sessions, gateway.keys, SYSTEM_CLOCK, timedelta(seconds=lease))


def test_two_processes_of_eight_threads_renew_once(
    gateway: Gateway, person: Linker, sim: Sim, clouds_config: Config
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    with ExitStack() as stack:
        both = [stack.enter_context(process_for(account_id, clouds_config)) for _ in range(2)]
        assert [hear(process) for process in both] == ["ready", "ready"]
        let_expire(gateway)
        sim.expire("google_drive", address)
        sim.clear_log()
        for process in both:
            tell(process, "go")
        assert [hear(process) for process in both] == [str(THREADS), str(THREADS)]
    assert sim.refreshes() == 1
    assert row_of(gateway, account_id).token_version == 2


def test_two_processes_whose_tokens_are_refused_before_their_time_renew_once(
    gateway: Gateway, person: Linker, sim: Sim, clouds_config: Config
) -> None:
    address = new_address()
    account_id = link(gateway, person, "onedrive", address)
    with ExitStack() as stack:
        both = [stack.enter_context(process_for(account_id, clouds_config)) for _ in range(2)]
        assert [hear(process) for process in both] == ["ready", "ready"]
        sim.expire("onedrive", address)
        sim.clear_log()
        for process in both:
            tell(process, "go")
        assert [hear(process) for process in both] == [str(THREADS), str(THREADS)]
    assert sim.refreshes() == 1


def test_f03_a_renewal_killed_in_the_middle_holds_the_others_up_for_its_lease_only(
    gateway: Gateway, person: Linker, clouds_config: Config
) -> None:
    account_id = link(gateway, person, "google_drive")
    grants = grants_of("google_drive", gateway.installation)
    assert grants is not None
    with process_for(account_id, clouds_config, lease=1.5) as process:
        assert hear(process) == "ready"
        let_expire(gateway)
        tell(process, "hang")
        assert hear(process) == "hanging"
        process.kill()
    assert row_of(gateway, account_id).refresh_owner is not None
    began = SYSTEM_CLOCK.monotonic()
    AccountTokens(vault_of(gateway, 1.5), grants, account_id).current()
    assert SYSTEM_CLOCK.monotonic() - began < 1.5 + LAST_LOOK_SECONDS
    assert row_of(gateway, account_id).token_version == 2


# --- a provider whose old token dies at once --------------------------------------------------


class Rotating:
    """Grants whose refresh token works once; something may happen while an answer is on its way."""

    def __init__(self, tokens: TokenSet) -> None:
        self.living = tokens.refresh_token
        self.renewals = 0
        self.on_the_way: Callable[[], None] = lambda: None

    def refresh(self, tokens: TokenSet) -> TokenSet:
        if tokens.refresh_token != self.living:
            raise SignInAgain
        self.renewals += 1
        self.living = f"refresh-{self.renewals}"
        answer = TokenSet(
            f"access-{self.renewals}",
            self.living,
            SYSTEM_CLOCK.now() + timedelta(hours=1),
            tokens.scope,
        )
        on_the_way, self.on_the_way = self.on_the_way, lambda: None
        on_the_way()
        return answer


@pytest.fixture
def onedrive(gateway: Gateway, person: Linker) -> uuid.UUID:
    return link(gateway, person, "onedrive")


@pytest.fixture
def rotating(gateway: Gateway, onedrive: uuid.UUID) -> Rotating:
    let_expire(gateway)
    held = AccountTokens(vault_of(gateway, 130), None, onedrive)  # type: ignore[arg-type]
    return Rotating(held._read().tokens)


def tokens_at(
    gateway: Gateway, account_id: uuid.UUID, grants: Rotating, lease: float = 130
) -> AccountTokens:
    return AccountTokens(vault_of(gateway, lease), grants, account_id)  # type: ignore[arg-type]


def test_a_loser_uses_what_the_winner_of_a_rotation_brought(
    gateway: Gateway, onedrive: uuid.UUID, rotating: Rotating
) -> None:
    processes = [tokens_at(gateway, onedrive, rotating) for _ in range(4)]
    gate = threading.Barrier(4)
    brought: list[str] = []

    def ask(tokens: AccountTokens) -> None:
        gate.wait()
        brought.append(tokens.current())

    threads = [threading.Thread(target=ask, args=(one,)) for one in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert brought == ["access-1"] * 4
    assert rotating.renewals == 1


def test_a_refused_token_that_is_outdated_condemns_nobody(
    gateway: Gateway, onedrive: uuid.UUID, rotating: Rotating
) -> None:
    late, quick = (tokens_at(gateway, onedrive, rotating) for _ in range(2))
    kept = late._read()
    assert quick.current() == "access-1"
    assert late._renew(kept, uuid.uuid4()) is None
    assert late.current() == "access-1"
    assert row_of(gateway, onedrive).state is AccountState.HEALTHY


def test_an_answer_slower_than_its_lease_revives_the_account_another_took_for_dead(
    gateway: Gateway, onedrive: uuid.UUID, rotating: Rotating
) -> None:
    slow, other = (tokens_at(gateway, onedrive, rotating, lease=0) for _ in range(2))
    seen: list[AccountState] = []

    def another_takes_over() -> None:
        with pytest.raises(SignInAgain):
            other.current()
        seen.append(row_of(gateway, onedrive).state)

    rotating.on_the_way = another_takes_over
    assert slow.current() == "access-1"
    assert seen == [AccountState.SIGN_IN_AGAIN]
    assert row_of(gateway, onedrive).state is AccountState.HEALTHY
    assert other.current() == "access-1"


def test_a_grant_that_is_really_dead_asks_for_the_person(
    gateway: Gateway, onedrive: uuid.UUID, rotating: Rotating
) -> None:
    rotating.living = "revoked"
    with pytest.raises(SignInAgain):
        tokens_at(gateway, onedrive, rotating).current()
    assert row_of(gateway, onedrive).state is AccountState.SIGN_IN_AGAIN


def test_a_refusal_told_after_the_person_signed_in_again_is_no_news(
    gateway: Gateway, onedrive: uuid.UUID, rotating: Rotating
) -> None:
    rotating.living = "revoked"
    refusals = []
    for _ in range(2):  # of the provider itself, then out of the row
        with pytest.raises(SignInAgain) as refusal:
            tokens_at(gateway, onedrive, rotating).current()
        refusals.append(refusal.value)
    with gateway.sessions.begin() as session:
        health.note_restored(session, onedrive)
    for late in refusals:
        with gateway.sessions.begin() as session:
            health.note_failure(session, onedrive, late)
    assert row_of(gateway, onedrive).state is AccountState.HEALTHY


def test_threads_of_one_process_do_not_wait_one_after_another(
    gateway: Gateway, onedrive: uuid.UUID, rotating: Rotating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_tokens, "PATIENCE_SECONDS", 0.3)
    with gateway.sessions.begin() as session:
        held = {"refresh_owner": uuid.uuid4(), "refresh_until": func.now() + timedelta(hours=1)}
        session.execute(update(CloudAccount).values(held))
    tokens = tokens_at(gateway, onedrive, rotating)
    refused: list[bool] = []

    def ask() -> None:
        with pytest.raises(Unreachable) as refusal:
            tokens.current()
        refused.append(refusal.value.is_own)

    began = SYSTEM_CLOCK.monotonic()
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [True] * 8
    assert SYSTEM_CLOCK.monotonic() - began < 2.0
