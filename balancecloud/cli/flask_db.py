"""The application for `flask --app balancecloud.cli.flask_db db`: to write a migration, or look.

Flask-Migrate brings Alembic, 11 MB that no process which serves or stores has a use for.
"""

from flask import Flask
from flask_migrate import Migrate

from balancecloud.app import create_app as create_web
from balancecloud.cli.schema import FOLDER
from balancecloud.config import from_environment
from balancecloud.extensions import db


def create_app() -> Flask:
    """Build the application from the environment, whatever the schema of its database is."""
    app = create_web(from_environment())
    Migrate(app, db, directory=str(FOLDER), compare_type=True)
    return app
