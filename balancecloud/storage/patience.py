"""Whether patience is enough where no set of accounts fits now, and for how long.

An account that rests comes back by itself; a full one, one without a grant, or none at all is a
person's to mend. Work that only needs patience says until when.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import extract, func, select
from sqlalchemy.orm import Session

from balancecloud.errors import Temporary, Throttled, Unreachable
from balancecloud.models.clouds import CloudAccount
from balancecloud.storage import health
from balancecloud.storage.placement import Candidate, NoPlace, plan

# A pack that was to be placed just as its account came back is planned again soon.
LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Needs:
    """What a pack asks of the accounts it is to lie on."""

    user_id: uuid.UUID
    pack_id: uuid.UUID
    length: int
    protection: int


def candidate(row: CloudAccount) -> Candidate:
    """Return an account as placement sees it: our own bytes, and the room that is ours to fill."""
    if row.total_bytes is None:
        return Candidate(row.id, row.domain, row.provider, row.stored_bytes, None)
    free = max(0, row.total_bytes - row.used_bytes)
    return Candidate(row.id, row.domain, row.provider, row.stored_bytes, row.stored_bytes + free)


def reason_to_wait(session: Session, needs: Needs) -> Temporary | None:
    """Return what to raise when the accounts that rest would do, with the time; None otherwise."""
    rest = extract("epoch", CloudAccount.paused_until - func.statement_timestamp())
    rows = session.execute(
        select(CloudAccount, func.greatest(0, func.coalesce(rest, 0)).label("rest"))
        .where(CloudAccount.user_id == needs.user_id, CloudAccount.state.in_(health.PASSING))
        .order_by("rest", CloudAccount.id)
    ).all()
    accounts = [row[0] for row in rows]
    for count, (last, seconds) in enumerate(rows, start=1):
        if _is_enough(accounts[:count], needs):
            if seconds <= 0:
                break  # who rests would add nothing
            wait = max(LEAST_SECONDS, float(seconds))
            kind = Unreachable if last.state_reason == health.UNREACHABLE else Throttled
            return kind(retry_after=wait, is_own=True)
    return None


def _is_enough(accounts: Sequence[CloudAccount], needs: Needs) -> bool:
    try:
        plan(needs.pack_id, needs.length, needs.protection, map(candidate, accounts))
    except NoPlace:
        return False
    return True
