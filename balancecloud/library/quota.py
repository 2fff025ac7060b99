"""A person's quota: reserved by one conditional UPDATE, so that it is exact under concurrency."""

import uuid
from functools import cache

from sqlalchemy import BigInteger, bindparam, or_, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate, Update

from balancecloud.errors import OverQuota
from balancecloud.models.people import User


def reserve(session: Session, user_id: uuid.UUID, size_bytes: int) -> None:
    """Set bytes aside for an upload; OverQuota when they do not fit."""
    values = {"user": user_id, "size": size_bytes}
    if session.connection().scalar(_reserved(), values) is None:
        raise OverQuota


@cache
def _reserved() -> ReturningUpdate[uuid.UUID]:
    return reserving().returning(User.id)


@cache
def reserving() -> Update:
    """Return the statement of `reserve`, of `user` and `size`; it changes no row where it fails."""
    size = bindparam("size", type_=BigInteger)
    wanted = User.used_bytes + User.reserved_bytes + size
    return (
        update(User)
        .where(
            User.id == bindparam("user"),
            or_(User.quota_bytes.is_(None), wanted <= User.quota_bytes),
        )
        .values(reserved_bytes=User.reserved_bytes + size)
    )


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
