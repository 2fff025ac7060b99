"""The preview's pages, rendered."""

import pytest
from flask.testing import FlaskClient

from tests.web.pages import preview


@pytest.fixture(scope="session")
def gallery() -> FlaskClient:
    """Serves every page of the preview."""
    return preview.build().test_client()
