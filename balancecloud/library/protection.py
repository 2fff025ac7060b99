"""How many cloud accounts a person's library may lose: what they ask for, and having it done."""

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from balancecloud.errors import Invalid, NotFound
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.people import AuditEvent, User
from balancecloud.storage import upkeep
from balancecloud.storage.placement import WIDEST

MOST: Final = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """One protection: how many accounts may be lost, and what it takes."""

    losses: int
    accounts_needed: int
    space: float  # so many times the files' size is taken on the accounts
    is_possible: bool


@dataclass(frozen=True, slots=True)
class Protection:
    """What is asked for, what the linked accounts allow, and the choices."""

    asked: int
    domains: int
    choices: tuple[Choice, ...]

    @property
    def survives(self) -> int:
        """How many accounts may be lost, as asked and as the linked accounts allow."""
        return min(self.asked, max(0, self.domains - 1))


def protection(session: Session, user_id: uuid.UUID) -> Protection:
    """Return what a person asks for, with what each choice costs on the accounts they have."""
    asked = session.scalar(select(User.protection).where(User.id == user_id))
    if asked is None:
        raise NotFound
    domains = session.scalars(
        select(func.count(func.distinct(CloudAccount.domain))).where(
            CloudAccount.user_id == user_id, ~upkeep.is_lost()
        )
    ).one()
    return Protection(asked, domains, tuple(_choice(m, domains) for m in range(MOST + 1)))


def set_protection(session: Session, user_id: uuid.UUID, losses: int) -> list[uuid.UUID]:
    """Ask for another protection and have all that is stored follow; return the work to ring for.

    Invalid for what there is not. What the linked accounts do not allow yet is done once they do.
    """
    if not 0 <= losses <= MOST:
        raise Invalid({"protection": ["Choose 0, 1 or 2 accounts."]})
    # Before the person's row: a deletion waits for that, and a move, which holds this job, for it.
    upkeep.hold_job(session, user_id)
    changed = session.scalar(
        update(User)
        .where(User.id == user_id, User.protection != losses)
        .values(protection=losses)
        .returning(User.id)
    )
    if changed is not None:
        details = {"protection": losses}
        session.add(AuditEvent(user_id=user_id, action="protection.changed", details=details))
    return look_over(session, user_id)


def look_over(session: Session, user_id: uuid.UUID) -> list[uuid.UUID]:
    """Have packs mended that are not as asked, those given up before too: something has changed.

    Returns the work to ring for.
    """
    upkeep.hold_job(session, user_id)
    upkeep.forget_failures(session, user_id)
    return upkeep.gather(session, user_id)


def _choice(losses: int, domains: int) -> Choice:
    """Say what a choice takes: of the accounts that are linked, else of the fewest it needs."""
    needed = losses + 1
    k = min(max(domains, needed) - losses, WIDEST)
    return Choice(losses, needed, (k + losses) / k, domains >= needed)
