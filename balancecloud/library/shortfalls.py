"""What is less protected than asked, why, and what is being done about it."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select, union
from sqlalchemy.orm import Session

from balancecloud.library import protection
from balancecloud.library.version_names import Called, names_of
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.jobs import Work
from balancecloud.models.library import Version
from balancecloud.models.people import User
from balancecloud.models.states import AccountState, VersionState, WorkState
from balancecloud.storage import upkeep
from balancecloud.storage.standing import HELD

PER_PAGE: Final = 50
MOST_LISTED: Final = 10_000  # a longer list helps nobody, and would have to be put in order
HARMED: Final = (VersionState.DEGRADED, VersionState.UNREADABLE, VersionState.LOST)
_AWAY: Final = (AccountState.SIGN_IN_AGAIN, AccountState.SILENT)

# lost: too few shards are left. away: waits for accounts named in `away`. repairing: work is due
# or under way. given_up: it was tried, and the reason is known. few_accounts: there are not enough
# accounts to do as asked. soon: the next look over the library finds it.
Plan = Literal["lost", "away", "repairing", "given_up", "few_accounts", "soon"]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A version that is not protected as asked."""

    called: Called
    size: int
    survives: int  # so many more losses
    plan: Plan
    away: tuple[str, ...]  # labels of accounts that are away and hold some of it
    job_id: uuid.UUID | None
    reason: str | None  # an error code, where it was given up


@dataclass(frozen=True, slots=True)
class Shortfalls:
    """One page of them, the worst first."""

    asked: int
    possible: int  # as the linked accounts allow
    entries: tuple[Shortfall, ...]
    total: int
    page: int
    per_page: int = PER_PAGE
    most: int = MOST_LISTED  # a total of so many means that many or more


def shortfalls(session: Session, user_id: uuid.UUID, page: int = 1) -> Shortfalls:
    """Return what of a person's library is less protected than asked."""
    wanted = protection.protection(session, user_id)
    total = count_short(session, user_id)
    page = min(max(page, 1), max(1, -(-total // PER_PAGE)))
    rows = session.execute(
        _listed(user_id)
        .order_by(
            case((Version.state == VersionState.LOST, 0), else_=1),
            Version.size.desc(),
            Version.id,
        )
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    ).all()
    ids = [row.id for row in rows]
    names, facts = names_of(session, ids), _facts(session, ids)
    entries = tuple(
        _entry(row, names[row.id], facts.get(row.id), wanted) for row in rows if row.id in names
    )
    return Shortfalls(wanted.asked, wanted.survives, entries, total, page, most=MOST_LISTED)


def count_short(session: Session, user_id: uuid.UUID) -> int:
    """Return how many versions the pages of `shortfalls` list, at most `MOST_LISTED`."""
    found = _listed(user_id).limit(MOST_LISTED).subquery()
    return session.scalars(select(func.count()).select_from(found)).one()


def _listed(user_id: uuid.UUID) -> Select[uuid.UUID, int, VersionState]:
    """Select what is less protected than asked: no more than a bound of each sort is looked for.

    Thin packs are few or found at once in their index; `short` asks each version for its packs.
    """
    asked = select(User.protection).where(User.id == user_id).scalar_subquery()
    harmed = select(Version.id).where(Version.user_id == user_id, Version.state.in_(HARMED))
    thin = (
        select(Version.id)
        .join(Chunk, Chunk.version_id == Version.id)
        .join(Pack, Pack.id == Chunk.pack_id)
        .where(Pack.user_id == user_id, Pack.m < asked)
        .where(Version.user_id == user_id, Version.state == VersionState.STORED)
    )
    arms = (select(one.limit(MOST_LISTED).subquery()) for one in (harmed, thin))
    ids = union(*arms).subquery("short")
    return select(Version.id, Version.size, Version.state).join(ids, ids.c.id == Version.id)


def _is_thin(user_id: uuid.UUID) -> ColumnElement[bool]:
    """Say whether a version was stored with less protection than asked: too few accounts then."""
    asked = select(User.protection).where(User.id == user_id).scalar_subquery()
    layouts = select(Chunk.version_id).join(Pack, Pack.id == Chunk.pack_id)
    thin = layouts.where(Chunk.version_id == Version.id, Pack.m < asked)
    return thin.correlate(Version).exists()


def short(user_id: uuid.UUID) -> Select[uuid.UUID, int, VersionState]:
    """Return the query of all versions that are less protected than asked, to count them."""
    return select(Version.id, Version.size, Version.state).where(
        Version.user_id == user_id,
        or_(
            Version.state.in_(HARMED),
            and_(Version.state == VersionState.STORED, _is_thin(user_id)),
        ),
    )


def _facts(session: Session, version_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Row[Any]]:
    """Return of each version what its weakest pack survives, and the work on its packs."""
    is_held = and_(ShardRow.state.in_(HELD), ~upkeep.is_lost())
    is_away = and_(ShardRow.state.in_(HELD), CloudAccount.state.in_(_AWAY))
    packs = (
        select(
            Pack.id,
            (func.count(func.distinct(CloudAccount.domain)).filter(is_held) - Pack.k).label(
                "survives"
            ),
            func.array_agg(func.distinct(CloudAccount.label)).filter(is_away).label("away"),
        )
        .join(ShardRow, ShardRow.pack_id == Pack.id)
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .where(Pack.id.in_(select(Chunk.pack_id).where(Chunk.version_id.in_(version_ids))))
        .group_by(Pack.id)
        .subquery()
    )
    at_work = Work.state.in_((WorkState.DUE, WorkState.LEASED))
    rows = session.execute(
        select(
            Chunk.version_id,
            func.min(packs.c.survives).label("survives"),
            func.max(packs.c.away).label("away"),
            func.bool_or(at_work).label("is_at_work"),
            func.bool_or(Work.state == WorkState.DEAD).label("is_dead"),
            func.max(Work.reason).filter(Work.state == WorkState.DEAD).label("reason"),
            func.array_agg(Work.job_id).filter(at_work).label("jobs"),
        )
        .join(packs, packs.c.id == Chunk.pack_id)
        .outerjoin(Work, and_(Work.key == Chunk.pack_id, Work.kind.in_(upkeep.MENDING)))
        .where(Chunk.version_id.in_(version_ids))
        .group_by(Chunk.version_id)
    )
    return {row.version_id: row for row in rows}


def _entry(
    row: Row[uuid.UUID, int, VersionState],
    called: Called,
    facts: Row[Any] | None,
    wanted: protection.Protection,
) -> Shortfall:
    survives = max(0, facts.survives) if facts else 0
    away = tuple(facts.away or ()) if facts else ()
    jobs = [one for one in (facts.jobs or ()) if one] if facts else []
    return Shortfall(
        called=called,
        size=row.size,
        survives=survives,
        plan=_plan(row.state, facts, wanted),
        away=away,
        job_id=jobs[0] if jobs else None,
        reason=facts.reason if facts else None,
    )


def _plan(state: VersionState, facts: Row[Any] | None, wanted: protection.Protection) -> Plan:
    if state is VersionState.LOST or facts is None or facts.survives < 0:
        return "away" if facts is not None and facts.away else "lost"
    if facts.is_at_work:
        return "repairing"
    if facts.is_dead:
        return "given_up"
    if facts.away:
        return "away"
    if facts.survives >= wanted.survives:
        return "few_accounts"
    return "soon"
