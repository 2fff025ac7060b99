"""Our PostgreSQL starts after whatever happened to it, and as whoever we are."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from balancecloud.cli.embedded import postgres
from balancecloud.cli.embedded.postgres import PostgresPlan
from balancecloud.cli.embedded.processes import CannotStart
from balancecloud.cli.embedded.sockets import socket_folder
from balancecloud.config import Secret

pytestmark = pytest.mark.real

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root must become somebody else")


@pytest.fixture
def plan(tmp_path: Path) -> PostgresPlan:
    return PostgresPlan(
        folder=tmp_path / "cluster",
        sockets=socket_folder(tmp_path),
        log=tmp_path / "postgres.log",
        password=Secret(b"0123456789abcdef"),
        settings={"fsync": "off"},
    )


@pytest.fixture
def stopped(plan: PostgresPlan) -> PostgresPlan:
    """One that has run and was stopped."""
    postgres.start(plan).stop()
    return plan


def starts(plan: PostgresPlan) -> bool:
    server = postgres.start(plan)
    try:
        return postgres.answers(plan)
    finally:
        server.stop()


def test_it_starts_after_kill_9_though_its_number_was_given_to_another(
    stopped: PostgresPlan,
) -> None:
    server = postgres.start(stopped)
    content = (stopped.folder / "postmaster.pid").read_text().split("\n", 1)[1]
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()
    (stopped.folder / "postmaster.pid").write_text(f"{os.getpid()}\n{content}")

    assert starts(stopped)


def test_a_first_start_cut_short_is_begun_anew(plan: PostgresPlan) -> None:
    half = plan.folder.with_name("cluster.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18")

    assert starts(plan)


def test_no_password_lies_about_after_the_first_start(stopped: PostgresPlan) -> None:
    beside = {path.name for path in stopped.folder.parent.iterdir()}

    assert beside == {"cluster", "run", "postgres.log"}


def test_another_version_is_told_in_a_sentence(stopped: PostgresPlan) -> None:
    (stopped.folder / "PG_VERSION").write_text("15\n")

    with pytest.raises(CannotStart, match="was made by PostgreSQL 15 and this is 18"):
        postgres.start(stopped)


def test_what_keeps_it_from_starting_is_told_from_its_log(stopped: PostgresPlan) -> None:
    (stopped.folder / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(CannotStart, match=r"did not start\. Its log .*contains errors"):
        postgres.start(stopped)


@ROOT_ONLY
def test_where_namespaces_are_forbidden_it_runs_as_nobody(
    plan: PostgresPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_NAMESPACE", ("false",))

    server = postgres.start(plan)

    owner = subprocess.run(
        ["ps", "-o", "uid=", "-p", str(server.process.pid)], capture_output=True, check=True
    )
    server.stop()
    assert owner.stdout.strip() == b"65534"


@ROOT_ONLY
def test_a_cluster_goes_over_from_one_way_to_the_other_and_back(
    stopped: PostgresPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as forbidden:
        forbidden.setattr(postgres, "_NAMESPACE", ("false",))
        assert starts(stopped)
        assert stopped.folder.stat().st_uid == 65534

    assert starts(stopped)
    assert stopped.folder.stat().st_uid == 0


@ROOT_ONLY
def test_where_neither_can_be_had_a_sentence_says_what_helps(
    plan: PostgresPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_NAMESPACE", ("false",))
    monkeypatch.setattr(postgres, "_ANOTHER_USER", ("false",))

    with pytest.raises(CannotStart, match="as an ordinary user"):
        postgres.start(plan)
