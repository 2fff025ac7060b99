"""Ids of uploads whose bytes are in the spool before their row is in the database.

Such an id tells when it was made (UUID version 7, RFC 9562), so that what looks for bytes that no
row owns gives their row time to come.
"""

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from balancecloud.clock import Clock

# Longer than any transaction that writes down an upload: PostgreSQL ends those that idle.
ROW_COMES_WITHIN: Final = timedelta(minutes=10)


def fresh(clock: Clock) -> uuid.UUID:
    """Return a new id that holds the present millisecond and 74 random bits."""
    milliseconds = int(clock.now().timestamp() * 1000)
    high = milliseconds << 16 | 7 << 12 | secrets.randbits(12)
    return uuid.UUID(int=high << 64 | 0b10 << 62 | secrets.randbits(62))


def may_get_a_row(upload: uuid.UUID, now: datetime) -> bool:
    """Say whether the row of an upload without one may still come."""
    if upload.version != 7:
        return False  # its row was there before its first byte
    made = datetime.fromtimestamp((upload.int >> 80) / 1000, UTC)
    return now - made < ROW_COMES_WITHIN
