"""How much a person uses, and how much their accounts hold."""

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.library import account_views, protection
from balancecloud.library.shortfalls import is_thin
from balancecloud.library.views import AccountView, Usage
from balancecloud.models.library import Node, Version
from balancecloud.models.people import User
from balancecloud.models.states import NodeKind, VersionState
from balancecloud.storage import upkeep

HARMED: Final = (VersionState.DEGRADED, VersionState.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Gauge:
    """What every page shows of a person's use; `total_bytes` null: unlimited."""

    used_bytes: int
    reserved_bytes: int
    total_bytes: int | None
    accounts: tuple[AccountView, ...]


def gauge(session: Session, config: Config, user_id: uuid.UUID) -> Gauge:
    """Return what is used and of how much: kept with the person, so no file is looked at."""
    used, reserved, quota = session.execute(
        select(User.used_bytes, User.reserved_bytes, User.quota_bytes).where(User.id == user_id)
    ).one()
    return Gauge(used, reserved, quota, account_views.list_accounts(session, config, user_id))


def usage(session: Session, config: Config, user_id: uuid.UUID) -> Usage:
    """Return a person's use; plaintext bytes of all kept versions, each counted once."""
    used, reserved, quota = session.execute(
        select(User.used_bytes, User.reserved_bytes, User.quota_bytes).where(User.id == user_id)
    ).one()
    files = session.scalars(
        select(func.count())
        .select_from(Node)
        .where(Node.user_id == user_id, Node.kind == NodeKind.FILE, Node.trashed_at.is_(None))
    ).one()
    less = session.scalars(
        select(func.count(func.distinct(Version.file_id))).where(
            Version.user_id == user_id,
            or_(
                Version.state.in_(HARMED),
                and_(Version.state == VersionState.STORED, is_thin(user_id)),
            ),
        )
    ).one()
    accounts = account_views.list_accounts(session, config, user_id)
    survives = protection.protection(session, user_id).survives
    return Usage(
        used, reserved, quota, files, accounts, less, survives, upkeep.open_job(session, user_id)
    )
