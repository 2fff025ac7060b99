"""How Alembic reaches the database: by the engine handed in, or by the Flask application's."""

from typing import cast

from alembic import context
from flask import current_app
from sqlalchemy import Connection, Engine, text

from balancecloud.extensions import db

# One migration at a time; the others wait for it and then find nothing to do.
LOCK = 0x62635F6D69677261  # "bc_migra"


def run() -> None:
    """Bring the schema to where Alembic was asked to, in one transaction."""
    engine = context.config.attributes.get("engine") or current_app.extensions["migrate"].db.engine
    with cast(Engine, engine).connect() as connection:
        configure(connection)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            # A table in use must not be waited for: everybody else would queue behind us.
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            context.run_migrations()


def configure(connection: Connection) -> None:
    """Tell Alembic what the models say."""
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        compare_type=True,
        compare_server_default=True,
        transactional_ddl=True,
    )


run()
