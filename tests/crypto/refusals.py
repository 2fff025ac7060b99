"""How tests ask for a refusal: one error to the caller, its cause beside it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from balancecloud.errors import IntegrityError


@contextmanager
def refused(*causes: str) -> Iterator[None]:
    """Expect an IntegrityError with one of these causes, which its text does not tell."""
    with pytest.raises(IntegrityError) as caught:
        yield
    assert caught.value.cause in causes
    assert str(caught.value) == IntegrityError.sentence
