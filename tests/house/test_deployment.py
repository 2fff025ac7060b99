"""What docker-compose.yml, Dockerfile and Caddyfile promise, as far as reading can tell."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from sqlalchemy import create_engine, make_url

from balancecloud.cli import schema
from balancecloud.cli.embedded.postgres import Postgres, find_binaries
from balancecloud.config import from_environment
from tests.services.databases import Databases

ROOT = Path(__file__).resolve().parents[2]
OURS = ("web", "worker", "tick", "migrate")
SERVICES = {"caddy", "web", "worker", "tick", "migrate", "tools", "postgres", "redis"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder that deploy/make-secrets makes."""
    subprocess.run([ROOT / "deploy" / "make-secrets", tmp_path / "secrets"], check=True)
    return tmp_path / "secrets"


def test_every_service_is_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == SERVICES


def test_tools_are_started_by_hand_only(compose: dict[str, Any]) -> None:
    by_hand = [name for name, service in compose["services"].items() if "profiles" in service]

    assert by_hand == ["tools"]


def test_our_containers_can_change_nothing_of_themselves(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_1_3_a_migration_gets_no_key(compose: dict[str, Any]) -> None:
    migrate = compose["services"]["migrate"]

    assert migrate["secrets"] == ["database_owner_password"]
    assert migrate["env_file"] == []
    assert not [name for name in migrate["environment"] if "KEY" in name or name == "PEPPER_FILE"]


def test_web_and_workers_wait_for_the_migration(compose: dict[str, Any]) -> None:
    for name in ("web", "worker", "tick"):
        needs = compose["services"][name]["depends_on"]
        assert needs["migrate"] == {"condition": "service_completed_successfully"}
        assert needs["redis"] == {"condition": "service_healthy"}


def test_servers_are_not_reached_from_outside(compose: dict[str, Any]) -> None:
    with_ports = [name for name, service in compose["services"].items() if "ports" in service]

    assert with_ports == ["caddy"]
    assert compose["networks"]["back"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert compose["services"][name]["networks"] == ["back"]


def test_what_keeps_running_has_a_health_check_or_says_why_not(compose: dict[str, Any]) -> None:
    for name in ("caddy", "postgres", "redis"):
        assert "test" in compose["services"][name]["healthcheck"]
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()


def test_every_secret_and_volume_that_is_used_exists(compose: dict[str, Any], made: Path) -> None:
    files = {Path(entry["file"]).name for entry in compose["secrets"].values()}
    used = {name for service in compose["services"].values() for name in service.get("secrets", [])}
    volumes = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
    }

    assert used == set(compose["secrets"])
    assert files == {path.name for path in made.iterdir()}
    assert {name for name in volumes if not name.startswith(".")} == set(compose["volumes"])
    mounted = {name for name in volumes if name.startswith("./deploy")}
    assert all((ROOT / name).exists() for name in mounted)


def test_no_password_stands_in_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    assert re.findall(r"://[^/\s]*:[^/\s@]+@", text) == []
    assert re.findall(r"PASSWORD: ", text) == []


def test_the_variables_of_compose_are_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))

    example = (ROOT / ".env.example").read_text()
    assert {name for name in used if not re.search(rf"^#?{name}=", example, re.MULTILINE)} == set()


def test_the_settings_of_compose_are_accepted(
    compose: dict[str, Any], made: Path, tmp_path: Path
) -> None:
    told = dict(compose["services"]["web"]["environment"])
    for name, value in told.items():
        told[name] = value.replace("/run/secrets", str(made))
    told["PUBLIC_URL"] = "https://drive.example.org"
    for path in made.iterdir():  # outside of /run/secrets they must be closed
        path.chmod(0o400)

    config = from_environment({**told, "DATA_DIR": str(tmp_path)})

    assert config.trusted_hosts == ("drive.example.org",)
    assert config.trusted_proxies == (
        compose["services"]["caddy"]["networks"]["front"]["ipv4_address"],
    )
    assert config.setup_code.reveal() != b""
    assert config.google.client_secret.reveal() == b""


def test_secrets_are_never_replaced_and_lie_in_a_closed_folder(made: Path) -> None:
    before = {path.name: path.read_bytes() for path in made.iterdir()}

    subprocess.run([ROOT / "deploy" / "make-secrets", made], check=True, capture_output=True)

    assert {path.name: path.read_bytes() for path in made.iterdir()} == before
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    written = [content for content in before.values() if content]
    assert len(set(written)) == len(written)


def test_the_image_runs_as_nobody_in_particular_and_checks_hashes() -> None:
    text = (ROOT / "Dockerfile").read_text()

    assert "--require-hashes" in text
    assert "--only-binary=:all:" in text
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert text.count("\nFROM ") == 2


def test_the_image_gets_everything_it_copies_and_nothing_secret() -> None:
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        word
        for line in re.findall(
            r"^COPY (?!--from)(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
        )
        for word in line.split()[:-1]
    }

    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_the_proxy_neither_buffers_nor_keeps() -> None:
    text = (ROOT / "deploy" / "Caddyfile").read_text()

    assert "flush_interval -1" in text
    assert "max_header_size 32KB" in text
    assert "read_body" not in text
    assert text.count("{") == text.count("}")


def test_l_01_what_the_proxy_writes_down_has_no_query_and_no_headers() -> None:
    text = (ROOT / "deploy" / "Caddyfile").read_text()

    # Only errors are logged; a log of every request would be a `log` of the site, not of all.
    assert re.findall(r"^(\s*)log\b", text, re.MULTILINE) == ["\t"]
    assert 'request>uri regexp "\\?.*" "?..."' in text
    assert "request>headers delete" in text


@pytest.mark.real
def test_the_application_role_changes_rows_but_no_table(
    databases: Databases, postgres: Postgres, tmp_path: Path
) -> None:
    password = tmp_path / "it's a password"
    password.write_text("application's own")
    with databases.empty() as url:
        run_roles(url, password)
        owner = create_engine(url)
        schema.upgrade(owner)
        owner.dispose()
        try:
            with as_application(url, "application's own") as connection:
                cursor = connection.cursor()
                cursor.execute("INSERT INTO audit_events (action) VALUES ('sign_in')")
                cursor.execute("SELECT version_num FROM alembic_version")
                for refused in ("DROP TABLE users", "CREATE TABLE x ()", "TRUNCATE audit_events"):
                    cursor.execute("SAVEPOINT before")
                    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                        cursor.execute(refused)
                    cursor.execute("ROLLBACK TO before")
            connection.close()
        finally:
            drop_role(url)


def run_roles(url: str, password: Path) -> None:
    parts = make_url(url)
    subprocess.run(
        [find_binaries() / "psql", "--quiet", "--file", ROOT / "deploy/postgres/roles.sql"],
        env={
            "PATH": os.environ["PATH"],
            "PGHOST": str(parts.query["host"]),
            "PGUSER": str(parts.username),
            "PGPASSWORD": str(parts.password),
            "PGDATABASE": str(parts.database),
            "DATABASE_PASSWORD_FILE": str(password),
        },
        check=True,
    )


def as_application(url: str, password: str) -> psycopg2.extensions.connection:
    parts = make_url(url)
    return psycopg2.connect(
        host=str(parts.query["host"]),
        user="balancecloud_app",
        password=password,
        dbname=parts.database,
    )


def drop_role(url: str) -> None:
    """Roles belong to the whole server, which other tests use."""
    parts = make_url(url)
    connection = psycopg2.connect(
        host=str(parts.query["host"]),
        user=parts.username,
        password=parts.password,
        dbname=parts.database,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP OWNED BY balancecloud_app")
        cursor.execute("DROP ROLE balancecloud_app")
    connection.close()
