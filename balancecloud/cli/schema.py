"""The database's schema, brought up to date by Alembic without the web application."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Engine

FOLDER: Final = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply every migration up to a revision, in one transaction; nothing to do is fine."""
    command.upgrade(alembic(engine), revision)


def alembic(engine: Engine) -> AlembicConfig:
    """Return Alembic's configuration for a database."""
    config = AlembicConfig(FOLDER / "alembic.ini")
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config
