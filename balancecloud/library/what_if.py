"""What if these accounts disappeared? Answered from the index, for any set of accounts."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import (
    CTE,
    BigInteger,
    CompoundSelect,
    Numeric,
    Row,
    Select,
    Subquery,
    Uuid,
    any_,
    case,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.errors import NotFound
from balancecloud.library import account_views
from balancecloud.library.bounded import ask_within
from balancecloud.library.survival import READABLE, harmed_without
from balancecloud.library.version_names import Called, names_of
from balancecloud.library.views import AccountView
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.library import Node, Version
from balancecloud.models.states import NodeKind, VersionState

PER_PAGE: Final = 50
# Beyond this a person is told that it takes too long, rather than left waiting.
SECONDS: Final = 8.0
_GONE: Final = (VersionState.LOST, VersionState.UNREADABLE)
_ENDED: Final = (VersionState.FAILED, VersionState.CANCELLED)

Place = Literal["file", "old", "trash"]
Fate = Literal["whole", "less", "lost"]


@dataclass(frozen=True, slots=True)
class Tally:
    """So many versions of so many plaintext bytes together."""

    count: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Fates:
    """What becomes of what can be read now, in one place of the library."""

    whole: Tally = Tally()
    less: Tally = Tally()
    lost: Tally = Tally()

    @property
    def readable(self) -> Tally:
        """What stays readable, however well protected."""
        return Tally(self.whole.count + self.less.count, self.whole.bytes + self.less.bytes)

    @property
    def now(self) -> Tally:
        """What can be read now."""
        return Tally(self.readable.count + self.lost.count, self.readable.bytes + self.lost.bytes)


@dataclass(frozen=True, slots=True)
class Harmed:
    """A version that would be lost, or less protected."""

    called: Called
    size: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer. Old versions and the trash are counted apart from the files that are shown."""

    accounts: tuple[AccountView, ...]
    chosen: tuple[AccountView, ...]
    shared: tuple[tuple[AccountView, ...], ...]  # accounts of which one failure takes all
    is_too_large: bool = False
    files: Fates = Fates()
    old: Fates = Fates()
    trash: Fates = Fates()
    on_server: Tally = Tally()  # on their way to the accounts: sealed here until they are there
    gone_already: Tally = Tally()
    fate: Fate = "lost"
    harmed: tuple[Harmed, ...] = ()
    harmed_count: int = 0
    page: int = 1

    @property
    def lost(self) -> Tally:
        """All that would be lost, wherever it is in the library."""
        every = (self.files.lost, self.old.lost, self.trash.lost)
        return Tally(sum(one.count for one in every), sum(one.bytes for one in every))

    @property
    def less(self) -> Tally:
        """All that would be less protected."""
        every = (self.files.less, self.old.less, self.trash.less)
        return Tally(sum(one.count for one in every), sum(one.bytes for one in every))


@dataclass(frozen=True, slots=True)
class Question:
    """Which accounts, and which part of the list of what would be harmed."""

    account_ids: tuple[uuid.UUID, ...] = ()
    fate: Fate | None = None  # None: what is lost, else what is less protected
    page: int = 1


def what_if(session: Session, config: Config, user_id: uuid.UUID, question: Question) -> WhatIf:
    """Answer a person's question; NotFound for an account that is not theirs."""
    accounts = account_views.list_accounts(session, config, user_id)
    wanted = set(question.account_ids)
    chosen = tuple(one for one in accounts if one.id in wanted)
    if len(chosen) != len(wanted):
        raise NotFound
    shared = _shared_domains(session, accounts)
    if not chosen:
        return WhatIf(accounts, chosen, shared)
    rows = ask_within(session, SECONDS, _asked(user_id, wanted, max(question.page, 1)))
    if rows is None:
        return WhatIf(accounts, chosen, shared, is_too_large=True)
    tallies = [row for row in rows if row.id is None]
    found = WhatIf(accounts, chosen, shared, **_sorted(tallies))
    return _answer(session, question, found, [row for row in rows if row.id is not None])


def _answer(
    session: Session, question: Question, found: WhatIf, listed: Sequence[Row[Any]]
) -> WhatIf:
    fate: Fate = question.fate or ("lost" if found.lost.count or not found.less.count else "less")
    count = found.lost.count if fate == "lost" else found.less.count
    page = min(max(question.page, 1), max(1, -(-count // PER_PAGE)))
    rows = sorted((row for row in listed if row.fate == fate), key=lambda row: row.nth)
    names = names_of(session, [row.id for row in rows])
    harmed = tuple(Harmed(names[row.id], row.size) for row in rows if row.id in names)
    return replace(found, fate=fate, harmed=harmed, harmed_count=count, page=page)


def _shared_domains(
    session: Session, accounts: Sequence[AccountView]
) -> tuple[tuple[AccountView, ...], ...]:
    rows = session.execute(
        select(CloudAccount.id, CloudAccount.domain).where(
            CloudAccount.id.in_([one.id for one in accounts])
        )
    )
    domains = {row.id: row.domain for row in rows}
    together: dict[str, list[AccountView]] = {}
    for account in accounts:
        together.setdefault(domains[account.id], []).append(account)
    return tuple(tuple(group) for group in together.values() if len(group) > 1)


def _sorted(rows: Sequence[Row[Any]]) -> Mapping[str, Any]:
    tallies = {(row.place, row.fate): Tally(row.versions, int(row.bytes)) for row in rows}

    def fates(place: Place) -> Fates:
        return Fates(*(tallies.get((place, fate), Tally()) for fate in ("whole", "less", "lost")))

    def anywhere(fate: str) -> Tally:
        found = [tally for (_, one), tally in tallies.items() if one == fate]
        return Tally(sum(one.count for one in found), sum(one.bytes for one in found))

    return {
        "files": fates("file"),
        "old": fates("old"),
        "trash": fates("trash"),
        "on_server": anywhere("here"),
        "gone_already": anywhere("gone"),
    }


def _asked(user_id: uuid.UUID, gone: Collection[uuid.UUID], page: int) -> CompoundSelect[Any]:
    """Select tallies, and one page of what would be lost and of what would be less protected.

    What becomes of each version is found out once for all three.
    """
    fates = _fates(user_id, gone).cte("fates")
    return _tallies(fates).union_all(_listing(fates, page))


def _tallies(fates: CTE) -> Select[Any]:
    """Select how many versions, and bytes, meet which fate in which place."""
    return select(
        fates.c.place,
        fates.c.fate,
        func.count().label("versions"),
        func.sum(fates.c.size).label("bytes"),
        null().cast(Uuid).label("id"),
        null().cast(BigInteger).label("size"),
        null().cast(BigInteger).label("nth"),
    ).group_by(fates.c.place, fates.c.fate)


def _listing(fates: CTE, page: int) -> Select[Any]:
    """Select a page of each: files before the rest, the largest first; beyond the last, that."""
    order = (fates.c.place, fates.c.size.desc(), fates.c.id)
    nth = func.row_number().over(partition_by=fates.c.fate, order_by=order)
    total = func.count().over(partition_by=fates.c.fate)
    ranked = (
        select(fates, nth.label("nth"), total.label("total"))
        .where(fates.c.fate.in_(("lost", "less")))
        .subquery()
    )
    last = (ranked.c.total - 1) // PER_PAGE
    here = (ranked.c.nth - 1) // PER_PAGE == func.least(literal(page - 1, BigInteger), last)
    no_tally = (null().cast(BigInteger), null().cast(Numeric))
    columns = (ranked.c.id, ranked.c.size, ranked.c.nth)
    return select(ranked.c.place, ranked.c.fate, *no_tally, *columns).where(here)


def _fates(user_id: uuid.UUID, gone: Collection[uuid.UUID]) -> Select[Any]:
    """Select a person's versions with where in the library each is, and what becomes of it."""
    harmed, shown, own = harmed_without(gone).subquery(), _shown(user_id), _own(user_id)
    place = case(
        (Version.number == any_(shown.c.numbers), "file"),
        (own.c.id.is_not(None), "old"),
        else_="trash",
    )
    fate = case(
        (Version.state.in_(_GONE), "gone"),
        (Version.state.not_in(READABLE), "here"),
        (harmed.c.is_lost, "lost"),
        (harmed.c.is_less, "less"),
        else_="whole",
    )
    return (
        select(Version.id, Version.size, place.label("place"), fate.label("fate"))
        .outerjoin(harmed, harmed.c.version_id == Version.id)
        .outerjoin(shown, shown.c.file_id == Version.file_id)
        .outerjoin(own, own.c.id == Version.file_id)
        .where(Version.user_id == user_id, Version.state.not_in(_ENDED))
    )


def _shown(user_id: uuid.UUID) -> Subquery:
    """Select the files with the versions that nodes outside the trash show, copies among them."""
    return (
        select(Node.file_id, func.array_agg(Node.version).label("numbers"))
        .where(Node.user_id == user_id, Node.kind == NodeKind.FILE, Node.trashed_at.is_(None))
        .group_by(Node.file_id)
        .subquery()
    )


def _own(user_id: uuid.UUID) -> Subquery:
    """Select the nodes outside the trash: an older version belongs to the one of its file."""
    return select(Node.id).where(Node.user_id == user_id, Node.trashed_at.is_(None)).subquery()
