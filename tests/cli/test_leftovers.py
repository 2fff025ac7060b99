"""Where no signal tells children that their parent died, the next start ends them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from balancecloud.cli.embedded import leftovers, processes
from balancecloud.cli.embedded.processes import Command

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); input()"


@pytest.fixture
def child(tmp_path: Path) -> Iterator[tuple[Command, subprocess.Popen[bytes]]]:
    command = Command("child", ["sleep", "60"], tmp_path / "child.log")
    process = processes.start(command)
    yield command, process
    processes.stop(process, signal.SIGKILL, 5)


def test_a_child_that_was_written_down_is_ended(
    tmp_path: Path, child: tuple[Command, subprocess.Popen[bytes]]
) -> None:
    command, process = child
    pids = tmp_path / "pids"
    pids.mkdir()
    leftovers.write_down(pids, command, process.pid)

    ended = leftovers.end_all(pids)

    assert ended == 1
    assert process.wait(5) == -signal.SIGTERM
    assert list(pids.iterdir()) == []


def test_a_deaf_child_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE_SECONDS", 0.2)
    log = tmp_path / "deaf.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", DEAF],
            stdin=subprocess.PIPE,
            stdout=output,
            start_new_session=True,
        )
    assert processes.wait_until(lambda: log.read_bytes() != b"", process, 10)
    pids = tmp_path / "pids"
    pids.mkdir()
    leftovers.write_down(pids, Command("deaf", [], log), process.pid)

    leftovers.end_all(pids)

    assert process.wait(5) == -signal.SIGKILL
    process.communicate()


def test_a_number_that_was_given_to_another_process_is_left_alone(
    tmp_path: Path, child: tuple[Command, subprocess.Popen[bytes]]
) -> None:
    _, process = child
    pids = tmp_path / "pids"
    pids.mkdir()
    (pids / "child").write_text(f"{process.pid}\n12345\n15\n")

    assert leftovers.end_all(pids) == 0
    assert process.poll() is None


@pytest.mark.parametrize("torn", ["", "12", "1\n2", "x\n1\n15\n", "1\n1\n9\n"])
def test_f_44_a_torn_pid_file_is_forgotten(tmp_path: Path, torn: str) -> None:
    (tmp_path / "child").write_text(torn)

    assert leftovers.end_all(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []
