"""A browser and a program, each against an application of the test's own."""

from collections.abc import Iterator

import pytest
from flask import Flask

from balancecloud.app import create_app
from balancecloud.config import Config
from balancecloud.extensions import db
from tests.web.browser import Browser
from tests.web.program import Program


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    """The whole application on real servers."""
    app = create_app(config)
    yield app
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
