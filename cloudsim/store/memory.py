"""What was read lately and has not changed since, so that it need not be read for each request."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cloudsim.store.database import Database

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_AT_MOST = 10_000


class Memory(Generic[K, V]):
    """Values of rows of one topic; forgotten as soon as any row of the topic changes.

    The database itself says that one did, in the transaction that changes it: whoever asks then
    waits for that transaction, as for any other.
    """

    def __init__(self, database: Database, topic: str) -> None:
        self._database = database
        self._topic = topic
        self._values: dict[K, tuple[int, V]] = {}

    def find(self, key: K, read: Callable[[], V | None]) -> V | None:
        """Give what is remembered, or read it; what is not there is not remembered."""
        known = self._values.get(key)
        if known is not None and known[0] == self._database.changes_of(self._topic):
            return known[1]
        with self._database.reading():  # nobody changes it while it is read
            moment = self._database.changes_of(self._topic)
            value = read()
        if value is not None:
            if len(self._values) >= _AT_MOST:
                self._values.clear()
            self._values[key] = (moment, value)
        return value
