"""Asking whether a database's connection still lives, where it has rested long enough to be lost.

SQLAlchemy's own asking does so each time one is taken from the pool: three statements more for each
transaction, and a worker makes several for each pack.
"""

from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from balancecloud.clock import Clock

# A server that was started anew was away for longer.
RESTED_SECONDS: Final = 1.0
_RESTS_SINCE: Final = "rests_since"


def ping_rested(engine: Engine, clock: Clock) -> None:
    """Ask connections of this engine that rested; one that is lost is replaced unseen."""

    def checkin(_connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info[_RESTS_SINCE] = clock.monotonic()

    def checkout(connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        since = entry.info.get(_RESTS_SINCE)
        if since is None or clock.monotonic() - since < RESTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as problem:
            raise DisconnectionError from problem

    event.listen(engine, "checkin", checkin)
    event.listen(engine, "checkout", checkout)
