"""Waiting for locks of the database, seen from another transaction."""

from sqlalchemy import text
from sqlalchemy.orm import Session

# Unlike pg_stat_activity it is looked at anew within a transaction.
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def wait_until_somebody_waits(session: Session) -> None:
    """Wait until another transaction waits for a lock."""
    for _ in range(1000):
        if session.scalar(text(WAITING)):
            return
        session.execute(text("SELECT pg_sleep(0.01)"))
    raise AssertionError("nobody waits")
