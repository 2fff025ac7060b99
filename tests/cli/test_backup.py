"""A backup brings an installation back, and gives nothing to whoever lacks its passphrase."""

import stat
from pathlib import Path

import pytest
import requests

from balancecloud.cli.embedded.sockets import socket_folder
from tests.cli import launcher
from tests.cli.launcher import Launcher, launched
from tests.services.databases import Databases

pytestmark = [pytest.mark.real, pytest.mark.timeout(150), pytest.mark.whole]

CREDENTIALS = {"email": "ann.canary@example.org", "password": "a long enough pass phrase"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the backup and its passphrase lie."""
    folder = tmp_path_factory.mktemp("desk")
    write_passphrase(folder / "passphrase", "correct horse battery staple")
    return folder


def write_passphrase(path: Path, words: str) -> None:
    path.touch(mode=0o600)
    path.write_text(words + "\n")


@pytest.fixture(scope="module")
def house(running: Launcher) -> Launcher:
    """An installation with a person in it, while it runs."""
    answer = requests.post(
        f"http://127.0.0.1:{running.port}/api/auth/register", json=CREDENTIALS, timeout=20
    )
    assert answer.status_code == 201
    return running


@pytest.fixture(scope="module")
def backup(house: Launcher, desk: Path) -> Path:
    done = launcher.run(
        *("backup", str(desk / "drive.backup"), "--passphrase-file", str(desk / "passphrase")),
        DATA_DIR=str(house.data_dir),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{desk / 'drive.backup'}\n"
    return desk / "drive.backup"


def restore(backup: Path, desk: Path, *more: str, **settings: str) -> tuple[int, str]:
    done = launcher.run(
        *("restore", str(backup), "--passphrase-file", str(desk / "passphrase"), *more), **settings
    )
    return done.returncode, done.stderr


def test_a_backup_brings_everything_back(
    backup: Path, desk: Path, house: Launcher, tmp_path: Path
) -> None:
    code, said = restore(backup, desk, DATA_DIR=str(tmp_path / "data"))
    assert code == 0, said

    with launched(tmp_path / "data", DEMO="0") as again:
        signed_in = requests.post(
            f"http://127.0.0.1:{again.port}/api/auth/login", json=CREDENTIALS, timeout=20
        )

    secrets = [path / "secrets" / "master_keys" for path in (house.data_dir, tmp_path / "data")]
    assert signed_in.status_code == 200
    assert secrets[0].read_bytes() == secrets[1].read_bytes()


def test_v6_a_backup_shows_neither_rows_nor_secrets(backup: Path, house: Launcher) -> None:
    content = backup.read_bytes()
    secrets = [path.read_bytes().strip() for path in (house.data_dir / "secrets").iterdir()]

    assert b"canary" not in content
    assert not [secret for secret in secrets if secret and secret in content]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_another_passphrase_is_told_and_changes_nothing(backup: Path, tmp_path: Path) -> None:
    write_passphrase(tmp_path / "passphrase", "some other passphrase")

    code, said = restore(backup, tmp_path, DATA_DIR=str(tmp_path / "data"))

    assert (code, said) == (1, "The passphrase does not open this backup.\n")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("cut", [10, 80, -1])
def test_f_44_a_backup_cut_short_is_told_and_changes_nothing(
    backup: Path, desk: Path, tmp_path: Path, cut: int
) -> None:
    short = tmp_path / "short.backup"
    short.write_bytes(backup.read_bytes()[:cut])

    code, said = restore(short, desk, DATA_DIR=str(tmp_path / "data"))

    assert code == 1
    assert said.splitlines()[-1] in {
        "The backup is damaged or cut short. Nothing of it was used.",
        "This file is not a backup of BalanceCloud.",
        "The passphrase does not open this backup.",
    }
    assert not (tmp_path / "data").exists()


def test_an_existing_installation_is_not_replaced_unasked(
    backup: Path, desk: Path, house: Launcher
) -> None:
    code, said = restore(backup, desk, DATA_DIR=str(house.data_dir))

    assert code == 1
    assert "holds an installation" in said


def test_a_running_installation_is_not_replaced_even_when_asked(
    backup: Path, desk: Path, house: Launcher
) -> None:
    code, said = restore(backup, desk, "--replace", DATA_DIR=str(house.data_dir))

    assert code == 1
    assert "already runs" in said


def test_a_backup_is_never_written_over(backup: Path, desk: Path, house: Launcher) -> None:
    done = launcher.run(
        *("backup", str(backup), "--passphrase-file", str(desk / "passphrase")),
        DATA_DIR=str(house.data_dir),
    )

    assert done.returncode == 1
    assert "exists already" in done.stderr


def test_a_short_passphrase_is_refused(house: Launcher, tmp_path: Path) -> None:
    write_passphrase(tmp_path / "passphrase", "short")

    done = launcher.run(
        *("backup", str(tmp_path / "b"), "--passphrase-file", str(tmp_path / "passphrase")),
        DATA_DIR=str(house.data_dir),
    )

    assert (done.returncode, done.stderr) == (1, "A passphrase needs 12 characters or more.\n")


def test_without_a_terminal_a_file_is_asked_for(house: Launcher, tmp_path: Path) -> None:
    done = launcher.run("backup", str(tmp_path / "b"), DATA_DIR=str(house.data_dir))

    assert done.returncode == 1
    assert "--passphrase-file" in done.stderr


@pytest.mark.long
def test_a_given_database_is_filled_and_its_secrets_written(
    backup: Path, desk: Path, databases: Databases, tmp_path: Path
) -> None:
    names = ("SECRET_KEY_FILE", "TOKEN_KEY_FILE", "QUEUE_KEY_FILE", "PEPPER_FILE")
    files = {name: str(tmp_path / name.lower()) for name in (*names, "MASTER_KEY_FILE")}

    with databases.empty() as url:
        first = restore(backup, desk, DATABASE_URL=url, **files)
        again = restore(backup, desk, DATABASE_URL=url, **files)
        replaced = restore(backup, desk, "--replace", DATABASE_URL=url, **files)
        listed = launcher.run("keys", DATABASE_URL=url, **files)

    assert first[0] == 0, first[1]
    assert again == (1, "The database is not empty. Use --replace to replace what it has.\n")
    assert replaced[0] == 0, replaced[1]
    assert listed.stdout.startswith("1: here, needed by 1 user_keys")
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.long
def test_a_stopped_installation_is_backed_up_too(backup: Path, desk: Path, tmp_path: Path) -> None:
    restore(backup, desk, DATA_DIR=str(tmp_path / "data"))

    done = launcher.run(
        *("backup", str(tmp_path / "b"), "--passphrase-file", str(desk / "passphrase")),
        DATA_DIR=str(tmp_path / "data"),
    )

    assert done.returncode == 0, done.stderr
    assert list(socket_folder(tmp_path / "data").iterdir()) == []
