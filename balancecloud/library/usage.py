"""How much a person uses, and how much their accounts hold."""

import uuid
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.library import account_views, protection, shortfalls
from balancecloud.library.views import AccountView, Usage
from balancecloud.models.library import Node
from balancecloud.models.people import User
from balancecloud.models.states import NodeKind
from balancecloud.storage import upkeep


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
    less = shortfalls.count_short(session, user_id)
    accounts = account_views.list_accounts(session, config, user_id)
    survives = protection.protection(session, user_id).survives
    return Usage(
        used, reserved, quota, files, accounts, less, survives, upkeep.open_job(session, user_id)
    )
