"""A person's quota: reserved by one conditional UPDATE, so that it is exact under concurrency."""

import uuid

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from balancecloud.errors import OverQuota
from balancecloud.models.people import User


def reserve(session: Session, user_id: uuid.UUID, size_bytes: int) -> None:
    """Set bytes aside for an upload; OverQuota when they do not fit."""
    wanted = User.used_bytes + User.reserved_bytes + size_bytes
    reserved = session.scalar(
        update(User)
        .where(User.id == user_id, or_(User.quota_bytes.is_(None), wanted <= User.quota_bytes))
        .values(reserved_bytes=User.reserved_bytes + size_bytes)
        .returning(User.id)
    )
    if reserved is None:
        raise OverQuota


def give_back(session: Session, user_id: uuid.UUID, size_bytes: int) -> None:
    """Return what was reserved and is not needed."""
    session.execute(
        update(User)
        .where(User.id == user_id)
        .values(reserved_bytes=User.reserved_bytes - size_bytes)
    )


def free_used(session: Session, user_id: uuid.UUID, size_bytes: int) -> None:
    """Return what a removed version used."""
    session.execute(
        update(User).where(User.id == user_id).values(used_bytes=User.used_bytes - size_bytes)
    )
