"""Questions that may be too large: asked for a short time only, and then given up."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Executable, Row, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

_CANCELLED: Final = "57014"  # PostgreSQL's query_canceled


def ask_within(session: Session, seconds: float, query: Executable) -> Sequence[Row[Any]] | None:
    """Return all rows of a query, None when the database needs longer than this for it."""
    before = session.scalar(text("SELECT current_setting('statement_timeout')"))
    try:
        with session.begin_nested():
            _limit(session, f"{round(seconds * 1000)}ms")
            # Sorting and hashing a large library in the default 4 MB goes by way of the disk.
            session.execute(text("SET LOCAL work_mem = '64MB'"))
            rows = session.execute(query).all()
            session.execute(text("SET LOCAL work_mem = DEFAULT"))
            _limit(session, str(before))
    except OperationalError as problem:
        # Leaving the savepoint took the limit back, too.
        if getattr(problem.orig, "pgcode", None) != _CANCELLED:
            raise
        return None
    return rows


def _limit(session: Session, limit: str) -> None:
    session.execute(text("SELECT set_config('statement_timeout', :limit, true)"), {"limit": limit})
