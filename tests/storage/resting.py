"""Accounts that rest, and when work is due again."""

from datetime import timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from balancecloud.models.clouds import CloudAccount
from balancecloud.models.jobs import Work
from tests.storage.world import Person


def set_account(person: Person, number: int, **values: object) -> None:
    chosen = CloudAccount.id == person.account_ids[number]
    with person.tools.sessions.begin() as session:
        session.execute(update(CloudAccount).where(chosen).values(**values))


def rest(person: Person, number: int, seconds: float, state: str = "slowed") -> None:
    until = func.now() + timedelta(seconds=seconds)
    reason = "unreachable" if state == "silent" else "throttled"
    set_account(person, number, state=state, state_reason=reason, paused_until=until)


def seconds_until(
    person: Person, column: InstrumentedAttribute[object], where: ColumnElement[bool]
) -> list[float]:
    with person.tools.sessions() as session:
        left = func.extract("epoch", column - func.now())
        return [float(one) for one in session.scalars(select(left).where(where).order_by(left))]


def due_in(person: Person) -> list[float]:
    return seconds_until(
        person,
        Work.due_at,
        (Work.user_id == person.user_id) & (Work.state == "due"),
    )


def asked(person: Person) -> int:
    return sum(len(account.calls) for account in person.memory)
