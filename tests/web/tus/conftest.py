"""A person's program that speaks tus, and nothing in the drive yet."""

import pytest

from tests.web.program import Program
from tests.web.tus.sender import Sender


@pytest.fixture
def sender(program: Program) -> Sender:
    program.register()
    return Sender(program)
