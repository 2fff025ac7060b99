"""One page of many nodes, read from an index however large the library is."""

import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Subquery,
    case,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from balancecloud.errors import Invalid, NotFound
from balancecloud.library.narrowing import Narrowing, narrowed
from balancecloud.library.page_rows import with_facts
from balancecloud.library.views import NodeView
from balancecloud.models.library import Node
from balancecloud.models.states import NodeKind

LARGEST_PAGE: Final = 500
LAST_PAGE: Final = 1_000_000_000
# "-" before a name sorts the other way round.
SORTS: Final = ("name", "size", "modified")
ANY: Final = Narrowing()
WALKED: Final = 4_000  # names, in which a frequent word is looked for first
ACCENTS: Final = re.compile("[\u0300-\u036f]")  # what `fold_name` takes away
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

    def order(self, kind: NodeKind) -> tuple[ColumnElement[Any], ...]:
        """Return what folders, or files, are ordered by: an index walked one way or the other."""
        key = self.sort.removeprefix("-")
        columns: tuple[ColumnElement[Any], ...] = (Node.folded.expression, Node.id.expression)
        if key == "modified":
            columns = (Node.updated_at.expression, Node.id.expression)
        elif key == "size" and kind is NodeKind.FILE:
            columns = (Node.size.expression, Node.id.expression)
        is_backwards = self.sort.startswith("-") and (key != "size" or kind is NodeKind.FILE)
        return tuple(one.desc() for one in columns) if is_backwards else columns


@dataclass(frozen=True, slots=True)
class FoundPage:
    """The rows of one page, as `page_rows.views` takes them, and how many entries there are."""

    rows: Sequence[Row[Any]]
    total: int


def children(
    session: Session, user_id: uuid.UUID, folder_id: uuid.UUID | None, wanted: Slice
) -> FoundPage:
    """Return one page of a folder's children, folders first.

    Folders and files are walked apart: no index yields both, each the other way round. How many
    folders stand before the page says which files are on it.
    """
    # IS NOT DISTINCT FROM would find no index.
    here = Node.parent_id.is_(None) if folder_id is None else Node.parent_id == folder_id
    conditions = (Node.user_id == user_id, here, Node.trashed_at.is_(None))
    folders = func.count().filter(Node.kind == NodeKind.FOLDER).label("folders")
    counted = select(func.count().label("total"), folders).where(*conditions).cte("counted")
    before = select(counted.c.folders).scalar_subquery()
    skipped, most = literal(wanted.skipped, BigInteger), wanted.per_page
    on_page = func.greatest(0, func.least(before - skipped, most))
    first = _some(conditions, wanted, NodeKind.FOLDER).limit(most).offset(wanted.skipped)
    rest = _some(conditions, wanted, NodeKind.FILE)
    rest = rest.limit(most - on_page).offset(func.greatest(0, skipped - before))
    arms = [select(arm.subquery(name)) for name, arm in (("first", first), ("rest", rest))]
    # Both are one page already: the bound tells the planner so.
    return _page(session, counted, union_all(*arms).limit(most).subquery("chosen"))


def _some(
    conditions: tuple[ColumnElement[bool], ...], wanted: Slice, kind: NodeKind
) -> Select[uuid.UUID, int, int]:
    order = wanted.order(kind)
    place = func.row_number().over(order_by=order).label("place")
    return (
        select(Node.id, literal(int(kind is NodeKind.FILE)).label("part"), place)
        .where(*conditions, Node.kind == kind)
        .order_by(*order)
    )


@dataclass(frozen=True, slots=True)
class Sought:
    """A part of a name, what else a hit must be, and how many are looked for; null: all."""

    words: str
    most: int | None = None
    narrowing: Narrowing = ANY

    @property
    def has_grams(self) -> bool:
        """Whether two letters are left of the words once they are folded, as a gram needs."""
        bare = unicodedata.normalize("NFD", self.words.lower())
        return len(ACCENTS.sub("", bare)) > 1


def named(session: Session, user_id: uuid.UUID, sought: Sought, wanted: Slice) -> FoundPage:
    """Return one page of the nodes whose name contains the words, by name."""
    hits = _hits(user_id, sought)
    counted = select(func.count().label("total")).select_from(hits).cte("counted")
    place = func.row_number().over(order_by=(hits.c.folded, hits.c.id)).label("place")
    ids = select(hits.c.id, literal(0).label("part"), place).order_by(hits.c.folded, hits.c.id)
    chosen = ids.limit(wanted.per_page).offset(wanted.skipped).subquery("chosen")
    return _page(session, counted, chosen)


def _hits(user_id: uuid.UUID, sought: Sought) -> CTE:
    """Select id and folded name of what is sought.

    Where more would fit than are looked for: those that begin with it, if they are enough; else
    those found among the first names, where a frequent word is found often; else those that the
    grams yield first, which find a rare word at once and must gather all of a frequent one.
    """
    mine = select(Node.id, Node.folded).where(Node.user_id == user_id, Node.trashed_at.is_(None))
    by_name = mine.order_by(Node.user_id, Node.folded, Node.id)
    fitting = (*_like(Node.folded.expression, sought.words), *_grams(user_id, sought))
    if sought.narrowing:
        names = by_name.where(*fitting)
        return narrowed(user_id, names, sought.narrowing).limit(sought.most).cte("hits")
    if sought.most is None or not sought.has_grams:
        return by_name.where(*fitting).limit(sought.most).cte("hits")
    beginning = by_name.where(*_begins(sought.words)).limit(sought.most).cte("beginning")
    begin = select(func.count()).select_from(beginning).scalar_subquery()
    # Not looked at where the bound is 0.
    looked_at = case((begin < sought.most, WALKED), else_=0)
    first = by_name.limit(looked_at).subquery("first")
    walk = select(first).where(*_like(first.c.folded, sought.words)).limit(sought.most).cte("walk")
    found = func.greatest(begin, select(func.count()).select_from(walk).scalar_subquery())
    # Planned as if all of it were read, so by the grams, however soon enough are found.
    fits = mine.where(*fitting, found < sought.most).cte("fits").prefix_with("MATERIALIZED")
    return union_all(
        select(beginning).where(begin >= sought.most),
        select(walk).where(begin < sought.most, found >= sought.most),
        select(select(fits).limit(sought.most).subquery("rest")),
    ).cte("hits")


def _like(folded: ColumnElement[str | None], words: str) -> list[ColumnElement[bool]]:
    pattern = "%" + _escaped(words) + "%"
    return [folded.like(pattern, escape="\\")] if words else []


def _begins(words: str) -> list[ColumnElement[bool]]:
    """Say that a name begins with the words, and where in the index such names lie together.

    The range holds by code points, as the embedded database and ours in Compose compare; another
    order may leave names out of it, which are then found as the others are.
    """
    folded, least = Node.folded.expression, func.fold_name(words)
    return [
        folded >= least,
        folded < least + "\U0010ffff",
        folded.like(_escaped(words) + "%", escape="\\"),
    ]


def _escaped(words: str) -> ColumnElement[str]:
    return func.fold_name(words.translate(ESCAPES))


def _grams(user_id: uuid.UUID, sought: Sought) -> list[ColumnElement[bool]]:
    if not sought.has_grams:
        return []
    # Of constants alone, so that the planner can tell a rare gram from a common one.
    grams = func.sought_grams(user_id, func.fold_name(sought.words))
    return [func.name_grams(Node.user_id, Node.folded).op("@>")(grams)]


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


def _page(session: Session, counted: CTE, chosen: Subquery) -> FoundPage:
    """Ask for the total and the page's rows at once; versions are looked up for these alone."""
    query = select(counted.c.total).select_from(counted).outerjoin(chosen, true())
    rows = session.execute(with_facts(query, chosen).order_by(chosen.c.part, chosen.c.place)).all()
    return FoundPage([row for row in rows if row.id is not None], rows[0].total)
