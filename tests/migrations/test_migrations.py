"""Models equal migrations, and each step goes up and down."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from balancecloud.cli import schema
from balancecloud.extensions import db
from balancecloud.models import usage  # noqa: F401 - its tables are to be known, too
from balancecloud.models.head import HEAD
from tests.house.test_settings import safe_environment
from tests.services.databases import Databases

pytestmark = pytest.mark.real


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[Engine]:
    with databases.empty() as url:
        engine = create_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def migrated(empty_database: Engine) -> Engine:
    schema.upgrade(empty_database)
    return empty_database


def test_the_models_equal_the_migrations(migrated: Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )

        assert compare_metadata(context, db.metadata) == []


def test_constraints_equal_those_that_the_models_would_make(
    migrated: Engine, databases: Databases
) -> None:
    with databases.empty() as url:
        made = create_engine(url)
        db.metadata.create_all(made)
        expected = constraints_and_indexes(made)
        made.dispose()

    found = constraints_and_indexes(migrated)

    assert found - {row for row in found if "alembic_version" in row[0]} == expected


def constraints_and_indexes(engine: Engine) -> set[tuple[str, str]]:
    """What Alembic does not compare: CHECK constraints, partial and NULLS NOT DISTINCT indexes."""
    with engine.connect() as connection:
        checks = connection.execute(
            text(
                "SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) "
                "FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            )
        )
        indexes = connection.execute(
            text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        )
        return {(str(name), str(body)) for name, body in (*checks, *indexes)}


def test_every_step_goes_down_and_up_again(migrated: Engine) -> None:
    alembic = schema.alembic(migrated)

    command.downgrade(alembic, "base")
    left = set(inspect(migrated).get_table_names())
    command.upgrade(alembic, "head")

    assert left == {"alembic_version"}
    assert set(inspect(migrated).get_table_names()) == {*db.metadata.tables, "alembic_version"}


def test_there_is_one_head_and_the_models_name_it(migrated: Engine) -> None:
    heads = ScriptDirectory.from_config(schema.alembic(migrated)).get_heads()

    assert list(heads) == [HEAD]


def test_two_siblings_at_the_root_cannot_share_a_name(migrated: Engine) -> None:
    with migrated.begin() as connection:
        user = connection.scalar(
            text(
                "INSERT INTO users (id, email, password_hash) "
                "VALUES (gen_random_uuid(), 'a@example.org', '') RETURNING id"
            )
        )
    row = text(
        "INSERT INTO nodes (id, user_id, kind, name, trashed_at, trashed_with, trashed_from) "
        "VALUES (:id, :user, 'folder', 'same', :trashed, :with, :from)"
    )
    with migrated.begin() as connection:
        connection.execute(row, here(user))
        connection.execute(row, here(user) | in_the_trash(uuid.uuid4()))

    with migrated.connect() as connection, pytest.raises(IntegrityError, match="uq_nodes_name"):
        connection.execute(row, here(user))


def here(user: object) -> dict[str, object]:
    return {"id": uuid.uuid4(), "user": user, "trashed": None, "with": None, "from": None}


def in_the_trash(node: uuid.UUID) -> dict[str, object]:
    return {"id": node, "trashed": "2026-11-23", "with": node, "from": ""}


def test_audit_events_can_only_be_added(migrated: Engine) -> None:
    with migrated.begin() as connection:
        connection.execute(text("INSERT INTO audit_events (action) VALUES ('sign_in')"))

    for change in ("UPDATE audit_events SET action = ''", "DELETE FROM audit_events"):
        with migrated.connect() as connection, pytest.raises(IntegrityError, match="append-only"):
            connection.execute(text(change))


def test_flask_db_reaches_the_database_and_finds_nothing_to_write(
    migrated: Engine, tmp_path: Path
) -> None:
    address = migrated.url.render_as_string(hide_password=False)
    given = {**os.environ, **safe_environment(tmp_path), "DATABASE_URL": address}
    command_line = ["-m", "flask", "--app", "balancecloud.cli.flask_db", "db", "check"]

    found = subprocess.run(
        [sys.executable, *command_line], env=given, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stderr
    assert "No new upgrade operations detected" in found.stdout + found.stderr


def test_who_serves_or_stores_carries_neither_migrations_nor_a_bucket_along() -> None:
    loaded = "import sys, balancecloud.app; print({'alembic', 'opendal'} & set(sys.modules))"

    found = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == "set()"
