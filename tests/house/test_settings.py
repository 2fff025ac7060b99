"""Every setting is explained, and the example gives no value away."""

import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from balancecloud.config import (
    EXAMPLES,
    from_environment,
    launch_from_environment,
)
from balancecloud.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_ONLY = {"DOMAIN", "WORKERS", "WEB_CONCURRENCY"}
FIVE = ("SECRET_KEY_FILE", "TOKEN_KEY_FILE", "QUEUE_KEY_FILE", "PEPPER_FILE", "MASTER_KEY_FILE")


class Recorder(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def safe_environment(folder: Path) -> dict[str, str]:
    """The smallest environment that is accepted."""
    made = {}
    for name in FIVE:
        path = folder / name.lower()
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
        made[name] = str(path)
    (folder / "master_key_file").write_text("1:" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=")
    servers = {"DATABASE_URL": "postgresql://db/x", "REDIS_URL": "unix:///run/redis"}
    return {**made, **servers, "DATA_DIR": str(folder)}


def asked_for(tmp_path: Path) -> set[str]:
    told = Recorder(safe_environment(tmp_path))
    from_environment(told)
    source = (ROOT / "balancecloud" / "config.py").read_text()
    launch = source[source.index("def launch_from_environment") :].split("\n\n\n")[0]
    return told.asked | set(re.findall(r'"([A-Z][A-Z_]+)"', launch))


def explained() -> dict[str, str]:
    """What .env.example says, by name."""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_every_setting_is_in_the_example_and_nothing_else(tmp_path: Path) -> None:
    assert set(explained()) == asked_for(tmp_path) | COMPOSE_ONLY


def test_every_setting_in_the_example_is_explained_above_it() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()

    for number, line in enumerate(lines):
        if re.match(r"#?[A-Z][A-Z_]+=", line):
            assert lines[number - 1].startswith("#"), line


def test_2_1_the_example_holds_paths_and_no_secret() -> None:
    for name, value in explained().items():
        if name.endswith("_FILE"):
            assert "/" in value, name


def test_every_setting_is_in_the_operations_manual_or_the_example() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text()

    assert ".env.example" in manual


@pytest.mark.parametrize("name", FIVE)
def test_2_1_a_missing_secret_is_refused_by_name(tmp_path: Path, name: str) -> None:
    environment = safe_environment(tmp_path)
    del environment[name]

    with pytest.raises(ConfigError, match=f"{name} is not set"):
        from_environment(environment)


@pytest.mark.parametrize("content", ["short", "x" * 64, EXAMPLES[0].decode() + "-me" * 20])
def test_2_1_a_short_plain_or_example_secret_is_refused(tmp_path: Path, content: str) -> None:
    environment = safe_environment(tmp_path)
    Path(environment["PEPPER_FILE"]).write_text(content)

    with pytest.raises(ConfigError, match="PEPPER"):
        from_environment(environment)


def test_2_1_two_equal_secrets_are_refused(tmp_path: Path) -> None:
    environment = safe_environment(tmp_path)
    environment["PEPPER_FILE"] = environment["QUEUE_KEY_FILE"]

    with pytest.raises(ConfigError, match="PEPPER equals QUEUE_KEY"):
        from_environment(environment)


def test_2_1_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    environment = safe_environment(tmp_path)
    Path(environment["TOKEN_KEY_FILE"]).chmod(0o644)

    with pytest.raises(ConfigError, match="can be read by others"):
        from_environment(environment)


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("PUBLIC_URL", "http://drive.example.org", "must begin with https"),
        ("REDIS_URL", "redis://redis:6379/0", "without a password"),
        ("REDIS_URL", "http://redis", "REDIS_URL must begin"),
        ("DATABASE_URL", "mysql://db/x", "PostgreSQL is the only dialect"),
        ("FLASK_DEBUG", "1", "would show secrets"),
        ("LEASE_SECONDS", "many", "must be a whole number"),
    ],
)
def test_2_1_an_unsafe_setting_is_refused(
    tmp_path: Path, setting: str, value: str, sentence: str
) -> None:
    environment = {**safe_environment(tmp_path), setting: value}

    with pytest.raises(ConfigError, match=sentence):
        from_environment(environment)


def test_passwords_come_from_files_of_their_own(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("p@ss/word\n")
    environment = {
        **safe_environment(tmp_path),
        "DATABASE_URL": "postgresql://ann@db:5433/x",
        "DATABASE_PASSWORD_FILE": str(password),
        "REDIS_URL": "unix:///run/redis.sock?db=0",
        "REDIS_PASSWORD_FILE": str(password),
    }

    config = from_environment(environment)

    assert config.database_url == "postgresql+psycopg2://ann:p%40ss%2Fword@db:5433/x"
    assert config.redis_url == "unix://:p%40ss%2Fword@/run/redis.sock?db=0"


def test_no_secret_shows_in_a_repr(tmp_path: Path) -> None:
    environment = safe_environment(tmp_path)
    environment["DATABASE_URL"] = "postgresql://ann:marked-word@db/x"
    config = from_environment(environment)
    launch = launch_from_environment(environment)

    shown = repr(config) + repr(launch) + str(config)

    assert "marked-word" not in shown
    for name in FIVE:
        assert Path(environment[name]).read_text() not in shown
    assert "QUJDREVG" not in shown
    assert "ABCDEFGHIJ" not in shown
