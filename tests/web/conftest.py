"""A browser and a program, each against an application of the test's own."""

from collections.abc import Iterator

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from balancecloud.app import create_app
from balancecloud.config import Config
from balancecloud.extensions import db
from balancecloud.web.context import KEY
from tests.web.browser import Browser
from tests.web.conforming import ConformingClient
from tests.web.program import Program


class CompiledOnce(BytecodeCache):
    """Templates as compiled for an earlier application: that takes longer than most tests."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session")
def compiled() -> CompiledOnce:
    return CompiledOnce()


@pytest.fixture
def app(config: Config, compiled: CompiledOnce) -> Iterator[Flask]:
    """The whole application on real servers."""
    app = create_app(config)
    app.jinja_env.bytecode_cache = compiled
    app.test_client_class = ConformingClient
    yield app
    app.extensions[KEY].viewer.darkroom.close()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def browser(app: Flask) -> Browser:
    """A browser nobody has signed in with."""
    return Browser(app)


@pytest.fixture
def program(app: Flask) -> Program:
    """A program without a token."""
    return Program(app)
