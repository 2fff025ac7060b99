"""Whether this server can do its work. Says no names, counts of people, or secrets."""

import enum
from dataclasses import dataclass
from typing import Final

from sqlalchemy import exists, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.errors import NotReady
from balancecloud.library.gateway import Gateway
from balancecloud.live.doorbell import Doorbell
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState

VERSION: Final = "0.1.0"


class Health(enum.StrEnum):
    """How a part is."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Checks:
    """The parts, each on its own."""

    database: Health
    queue: Health
    workers: Health
    spool: Health
    clouds: Health


@dataclass(frozen=True, slots=True)
class HealthReport:
    """`status` is down only when nothing can be taken in or handed out."""

    status: Health
    version: str
    checks: Checks


def examine(gateway: Gateway, doorbell: Doorbell) -> HealthReport:
    """Ask each part how it is."""
    database, clouds = _database(gateway.sessions)
    workers = doorbell.workers()
    checks = Checks(
        database=database,
        queue=Health.OK if doorbell.waiting() is not None else Health.DOWN,
        workers=Health.OK if workers else Health.DOWN,
        spool=_spool(gateway),
        clouds=clouds,
    )
    return HealthReport(_overall(checks), VERSION, checks)


def _overall(checks: Checks) -> Health:
    if Health.DOWN in {checks.database, checks.spool}:
        return Health.DOWN
    parts = (checks.database, checks.queue, checks.workers, checks.spool, checks.clouds)
    return Health.OK if all(part is Health.OK for part in parts) else Health.DEGRADED


def _database(sessions: sessionmaker[Session]) -> tuple[Health, Health]:
    silent = select(exists().where(CloudAccount.state == AccountState.SILENT))
    try:
        with sessions() as session:
            session.execute(text("SELECT 1"))
            is_silent = session.scalar(silent)
    except SQLAlchemyError:
        return Health.DOWN, Health.DEGRADED
    return Health.OK, Health.DEGRADED if is_silent else Health.OK


def _spool(gateway: Gateway) -> Health:
    """Say how the spool is: full is degraded, as it still hands out; unwritable is down."""
    try:
        gateway.spool.check()
        free = gateway.spool.free_bytes()
    except (OSError, NotReady):
        return Health.DOWN
    return Health.OK if free > 0 else Health.DEGRADED
