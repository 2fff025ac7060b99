"""One application for all these tests, and for each of them a person of its own."""

import secrets
from collections.abc import Iterator

import pytest
from flask import Flask

from balancecloud.app import create_app
from balancecloud.cli.embedded.valkey import Valkey
from balancecloud.config import Config, Secret
from balancecloud.extensions import db
from tests.services.databases import Databases
from tests.web.tus.sender import Sender, new_program


@pytest.fixture(scope="package")
def tus_app(
    databases: Databases, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    data_dir = tmp_path_factory.mktemp("tus")
    keys = {name: Secret(secrets.token_bytes(32)) for name in ("secret", "token", "queue")}
    with databases.clean() as url:
        app = create_app(
            Config(
                secret_key=keys["secret"],
                token_key=keys["token"],
                queue_key=keys["queue"],
                pepper=Secret(secrets.token_bytes(32)),
                master_keys={1: Secret(secrets.token_bytes(32))},
                database_url=url,
                redis_url=valkey.url(),
                data_dir=data_dir,
                rate_limits=False,
                pack_quiet_seconds=0.0,
            )
        )
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(tus_app: Flask) -> Flask:
    return tus_app


@pytest.fixture
def sender(app: Flask) -> Sender:
    return Sender(new_program(app))
