"""Who dies is started again, less and less eagerly; logs stay small."""

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from balancecloud.cli.embedded import supervisor as supervision
from balancecloud.cli.embedded.processes import CannotStart, Command
from balancecloud.cli.embedded.supervisor import Child, Supervisor, keep_small
from tests.cli.launcher import wait_until


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    (tmp_path / "pids").mkdir()
    made = Supervisor(tmp_path / "pids", said.append)
    yield made
    made.stop_all()


def child(tmp_path: Path, script: str, name: str = "child") -> Child:
    command = Command(name, ["sh", "-c", script], tmp_path / f"{name}.log")
    return Child(name, lambda: command, lambda: True, 5.0, 5.0)


def is_ready(log: Path) -> bool:
    return b"ready" in log.read_bytes()


def test_a_child_that_cannot_become_ready_is_told_with_its_last_words(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    command = Command("child", ["sh", "-c", "echo no room left; exit 3"], tmp_path / "child.log")
    never = Child("child", lambda: command, lambda: False, 5.0, 1.0)

    with pytest.raises(CannotStart, match=r"child did not start\. Its log .* no room left"):
        supervisor.start(never)


def test_a_child_that_keeps_dying_is_started_with_growing_pauses(
    tmp_path: Path, supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(supervision, "SHORTEST_PAUSE_SECONDS", 0.05)
    supervisor.start(child(tmp_path, "sleep 0.3; exit 3"))
    stopping = threading.Event()
    watching = threading.Thread(target=supervisor.watch, args=(stopping,))
    watching.start()

    wait_until(lambda: len(said) >= 4, 10)
    stopping.set()
    watching.join()

    assert all(sentence.startswith("child ended (exit code 3)") for sentence in said)
    assert 3 <= len(said) <= 5  # after 0.05, 0.1, 0.2 ... seconds, not at every look


def test_the_last_stage_is_stopped_first(tmp_path: Path, supervisor: Supervisor) -> None:
    order = tmp_path / "order"
    script = f"trap 'echo %s >> {order}; exit' TERM; echo ready; while :; do sleep 0.05; done"
    for name in ("server", "user"):
        one = child(tmp_path, script % name, name)
        log = tmp_path / f"{name}.log"
        supervisor.start(replace(one, ready=partial(is_ready, log)))

    supervisor.stop_all()

    assert order.read_text().split() == ["user", "server"]
    assert list((tmp_path / "pids").iterdir()) == []


def test_a_deaf_child_is_ended_by_force(tmp_path: Path, supervisor: Supervisor) -> None:
    one = child(tmp_path, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    log = tmp_path / "child.log"
    heard = replace(one, ready=partial(is_ready, log), stop_seconds=0.2)
    supervisor.start(heard)
    running = supervisor._running[0].process

    supervisor.stop_all()

    assert running.returncode == -signal.SIGKILL


def test_a_grown_log_is_put_aside_and_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "LOG_BYTES", 10)
    log = tmp_path / "child.log"
    with log.open("a") as writer:
        print("before the turn", file=writer, flush=True)
        keep_small(log)
        print("after it", file=writer, flush=True)

    assert (tmp_path / "child.log.1").read_text() == "before the turn\n"
    assert log.read_text() == "after it\n"


def test_a_log_that_is_not_there_yet_is_fine(tmp_path: Path) -> None:
    keep_small(tmp_path / "absent.log")

    assert list(tmp_path.iterdir()) == []
