"""One page of many nodes, read from an index however large the library is."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, select, true
from sqlalchemy.orm import Session, aliased

from balancecloud.errors import Invalid, NotFound
from balancecloud.library.narrowing import Narrowing, narrowed
from balancecloud.library.node_views import ENDED, NEWEST, SHOWN, joined
from balancecloud.library.views import NodeView
from balancecloud.models.library import Node, Version
from balancecloud.models.states import NodeKind

LARGEST_PAGE: Final = 500
LAST_PAGE: Final = 1_000_000_000
SIZE: Final = func.coalesce(SHOWN.size, NEWEST.size, 0)
# "-" before a name sorts the other way round.
SORTS: Final[dict[str, ColumnElement[Any]]] = {
    "name": Node.folded.expression,
    "size": SIZE,
    "modified": Node.updated_at.expression,
}
INSIDE = aliased(Node, name="inside")
ANY: Final = Narrowing()
ESCAPES: Final = {ord(letter): f"\\{letter}" for letter in "%_\\"}


@dataclass(frozen=True, slots=True)
class Slice:
    """Which entries of a list, in which order; Invalid for a slice that no list has."""

    sort: str
    page: int
    per_page: int

    def __post_init__(self) -> None:
        """Refuse what cannot be asked for."""
        if not 1 <= self.page <= LAST_PAGE or not 1 <= self.per_page <= LARGEST_PAGE:
            problem = f"A page is 1 or higher and holds 1 to {LARGEST_PAGE} entries."
            raise Invalid({"page": [problem]}, problem)
        if self.sort.removeprefix("-") not in SORTS:
            problem = "Sort by name, size or modified, with - for the other way round."
            raise Invalid({"sort": [problem]}, problem)

    @property
    def skipped(self) -> int:
        """How many entries stand before this page."""
        return (self.page - 1) * self.per_page

    @property
    def order(self) -> tuple[ColumnElement[Any], ...]:
        """What the entries are ordered by after folders and files."""
        column = SORTS[self.sort.removeprefix("-")]
        ordered = column.desc() if self.sort.startswith("-") else column.asc()
        return ordered, Node.folded.expression, Node.id.expression


@dataclass(frozen=True, slots=True)
class FoundPage:
    """The rows of one page, how many items the folders among them hold, and how many there are."""

    rows: Sequence[tuple[Node, Version | None, Version | None]]
    counts: dict[uuid.UUID, int]
    total: int


def children(
    session: Session, user_id: uuid.UUID, folder_id: uuid.UUID | None, wanted: Slice
) -> FoundPage:
    """Return one page of a folder's children, folders first."""
    # IS NOT DISTINCT FROM would find no index.
    here = Node.parent_id.is_(None) if folder_id is None else Node.parent_id == folder_id
    conditions = (Node.user_id == user_id, here, Node.trashed_at.is_(None))
    total = select(func.count().label("total")).select_from(Node).where(*conditions)
    ids = select(Node.id).where(*conditions)
    order = (Node.kind.desc(), *wanted.order)
    if wanted.sort.removeprefix("-") != "size":
        return _page(session, total, ids.order_by(*order), order, wanted)
    # A folder's versions are joined once: the newest is looked for only where none is shown yet.
    size = func.coalesce(SHOWN.size, case((Node.version.is_(None), _newest_size())), 0)
    sized = size.desc() if wanted.sort.startswith("-") else size
    shown = and_(SHOWN.file_id == Node.file_id, SHOWN.number == Node.version)
    ids = ids.outerjoin(SHOWN, shown).order_by(Node.kind.desc(), sized, *wanted.order[1:])
    return _page(session, total, ids, order, wanted)


@dataclass(frozen=True, slots=True)
class Sought:
    """A part of a name, what else a hit must be, and how many are looked for; null: all."""

    words: str
    most: int | None = None
    narrowing: Narrowing = ANY


def named(session: Session, user_id: uuid.UUID, sought: Sought, wanted: Slice) -> FoundPage:
    """Return one page of the nodes whose name contains the words, by name."""
    names = (
        select(Node.id, Node.folded)
        .where(Node.user_id == user_id, Node.trashed_at.is_(None), *_like(user_id, sought.words))
        .order_by(Node.user_id, Node.folded, Node.id)
    )
    if sought.narrowing:
        names = narrowed(user_id, names, sought.narrowing)
    hits = names.limit(sought.most).cte("hits")
    total = select(func.count().label("total")).select_from(hits)
    ids = select(hits.c.id).order_by(hits.c.folded, hits.c.id)
    return _page(session, total, ids, wanted.order, wanted)


def _like(user_id: uuid.UUID, words: str) -> list[ColumnElement[bool]]:
    if not words:
        return []
    folded = func.fold_name(words.translate(ESCAPES))
    conditions: list[ColumnElement[bool]] = [Node.folded.like("%" + folded + "%", escape="\\")]
    if len(words) > 1:
        # Of constants alone, so that the planner can tell a rare gram from a common one.
        grams = func.name_grams(user_id, func.fold_name(words))
        conditions.append(func.name_grams(Node.user_id, Node.folded).op("@>")(grams))
    return conditions


def way_to(session: Session, user_id: uuid.UUID, folder_id: uuid.UUID) -> Sequence[Node]:
    """Return the folders from the root down to and with this one; NotFound unless it is theirs."""
    way = (
        select(Node.id, Node.parent_id, literal(0).label("steps"))
        .where(
            Node.id == folder_id,
            Node.user_id == user_id,
            Node.kind == NodeKind.FOLDER,
            Node.trashed_at.is_(None),
        )
        .cte("way", recursive=True)
    )
    above = select(Node.id, Node.parent_id, way.c.steps + 1)
    way = way.union_all(above.join(way, Node.id == way.c.parent_id))
    found = session.scalars(
        select(Node).join(way, way.c.id == Node.id).order_by(way.c.steps.desc())
    ).all()
    if not found:
        raise NotFound
    return found


def as_folder(node: Node, path: str, item_count: int) -> NodeView:
    """Return the view of a folder of which all is known already."""
    return NodeView(
        id=node.id,
        user_id=node.user_id,
        name=node.name,
        path=path,
        size=0,
        mime_type=None,
        is_folder=True,
        parent_id=node.parent_id,
        state="stored",
        version=None,
        sha256=None,
        created_at=node.created_at,
        updated_at=node.updated_at,
        item_count=item_count,
    )


def _page(
    session: Session,
    total: Select[int],
    ids: Select[uuid.UUID],
    order: tuple[ColumnElement[Any], ...],
    wanted: Slice,
) -> FoundPage:
    """Ask for the total and the page's rows at once; versions are looked up for these alone."""
    counted = total.subquery("counted")
    chosen = ids.limit(wanted.per_page).offset(wanted.skipped).subquery("chosen")
    query = (
        select(counted.c.total, Node, SHOWN, NEWEST, _item_count())
        .select_from(counted)
        .outerjoin(chosen, true())
        .outerjoin(Node, Node.id == chosen.c.id)
    )
    rows = session.execute(joined(query).order_by(*order)).all()
    here = [row for row in rows if row[1] is not None]
    counts = {row[1].id: row[4] for row in here if row[1].kind is NodeKind.FOLDER}
    return FoundPage([row[1:4] for row in here], counts, rows[0][0])


def _newest_size() -> ColumnElement[int]:
    return (
        select(Version.size)
        .where(Version.file_id == Node.id, Version.state.not_in(ENDED))
        .order_by(Version.number.desc())
        .limit(1)
        .correlate(Node)
        .scalar_subquery()
    )


def _item_count() -> ColumnElement[int]:
    return (
        select(func.count())
        .where(
            INSIDE.user_id == Node.user_id,
            INSIDE.parent_id == Node.id,
            INSIDE.trashed_at.is_(None),
        )
        .correlate(Node)
        .scalar_subquery()
    )
