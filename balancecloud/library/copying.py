"""Copies: nodes that show what others show. No byte is stored or counted twice."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    Subquery,
    Uuid,
    any_,
    case,
    cast,
    func,
    insert,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_nothing
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, aliased

from balancecloud.errors import IntoItself, Invalid, NameTaken, StateConflict
from balancecloud.library import nodes, rearranging, tree
from balancecloud.library.names import DEEPEST, clean_name, numbered
from balancecloud.library.tree import MOST_TWINS
from balancecloud.library.views import NodeView
from balancecloud.models.library import Node
from balancecloud.models.states import NodeKind

MOST_COPIED: Final = 50_000  # nodes at once: each costs a row, though not a byte of anybody's quota
MOST_LOOKS: Final = 5
CHANGING: Final = "Something in it is changing just now. Try again in a moment."
DEADLOCK: Final = "40P01"  # PostgreSQL's code: this transaction is the one that was ended


@dataclass(frozen=True, slots=True)
class CopyTo:
    """Where a copy goes, None for the root, and what it is called unless it keeps the name."""

    parent_id: uuid.UUID | None
    name: str | None = None


def copy(session: Session, user_id: uuid.UUID, node_id: uuid.UUID, to: CopyTo) -> NodeView:
    """Copy a node with all below it; a name that is taken gets a number.

    IntoItself when the folder lies in the node; Invalid where it is too much or too deep;
    StateConflict while a file of it is not stored yet; NotFound as usual.
    """
    name = None if to.name is None else clean_name(to.name)
    rearranging.one_at_a_time(session, user_id)
    source = tree.find_node(session, user_id, node_id)
    if to.parent_id is not None:
        tree.find_node(session, user_id, to.parent_id)
    way = [crumb.id for crumb in tree.crumbs(session, to.parent_id)]
    if source.kind is NodeKind.FOLDER and node_id in way:
        raise IntoItself("A folder can't be copied into itself.")
    ids = _lock(session, node_id, to.parent_id, len(way))
    source = tree.find_node(session, user_id, node_id)
    tree.find_folder(session, user_id, to.parent_id)
    _refuse(session, source, ids, len(way))
    made = _copy_top(session, source, name or source.name, to.parent_id)
    if len(ids) > 1:
        _copy_below(session, source.id, made, ids)
    return nodes.get_node(session, user_id, made)


def _lock(
    session: Session, node_id: uuid.UUID, parent_id: uuid.UUID | None, depth: int
) -> list[uuid.UUID]:
    """Keep the node, all below it and the new folder as they are; return the ids of the former.

    Who deletes for good waits, and then finds the copies. Locked in the order in which a deletion
    locks, with depths in the whole tree, so that neither waits for the other in a ring.
    """
    above = len(tree.crumbs(session, node_id)) - 1
    for _ in range(MOST_LOOKS):
        levels = nodes.levels(node_id)
        of = select(levels.c.id, (levels.c.depth + above).label("depth"))
        if parent_id is not None:
            of = union_all(of, select(literal(parent_id), literal(depth - 1)))  # type: ignore[assignment]
        locked = _hold(session, of.subquery())
        ids = list(session.scalars(nodes.below(node_id)))
        if set(ids) <= locked:
            return ids
    raise StateConflict(CHANGING)


def _hold(session: Session, placed: Subquery) -> set[uuid.UUID]:
    """Keep these nodes as they are. StateConflict when that is waited for in a ring.

    Who moves several things at once may have locked folders in another order.
    """
    nodes_of = (
        select(Node.id)
        .join(placed, placed.c.id == Node.id)
        .order_by(*nodes.in_turn(placed.c.depth))
        .with_for_update(of=Node, read=True)
    )
    try:
        return set(session.scalars(nodes_of))
    except OperationalError as problem:
        if getattr(problem.orig, "pgcode", None) != DEADLOCK:
            raise
        raise StateConflict(CHANGING) from problem


def _refuse(session: Session, source: Node, ids: Sequence[uuid.UUID], depth: int) -> None:
    if len(ids) > MOST_COPIED:
        problem = f"At most {MOST_COPIED:,} folders and files can be copied at once."
        raise Invalid({"parent_id": [problem]}, problem)
    is_folder = source.kind is NodeKind.FOLDER
    if is_folder and depth + rearranging.height(session, source.id) > DEEPEST:
        problem = f"Folders can be at most {DEEPEST} deep."
        raise Invalid({"parent_id": [problem]}, problem)
    unstored = select(Node.id).where(
        Node.id == any_(_array(ids)), Node.kind == NodeKind.FILE, Node.version.is_(None)
    )
    if session.scalar(unstored.limit(1)) is not None:
        what = "Something in this folder" if is_folder else "This file"
        raise StateConflict(f"{what} is not stored yet. It can be copied as soon as it is.")


def _copy_top(
    session: Session, source: Node, wanted: str, parent_id: uuid.UUID | None
) -> uuid.UUID:
    """Add the copy of the node itself under the first free name."""
    candidates = [wanted, *(numbered(wanted, number) for number in range(2, MOST_TWINS))]
    siblings = select(Node.name).where(
        Node.user_id == source.user_id,
        Node.parent_id.is_not_distinct_from(parent_id),
        Node.name.in_(candidates),
        Node.trashed_at.is_(None),
    )
    taken = set(session.scalars(siblings))
    for name in candidates:
        if name in taken:
            continue
        made: uuid.UUID | None = session.scalar(
            insert_or_nothing(Node)
            .values(
                id=uuid.uuid4(),
                user_id=source.user_id,
                parent_id=parent_id,
                kind=source.kind,
                name=name,
                file_id=source.file_id,
                version=source.version,
                size=source.size,
                updated_at=source.updated_at,
            )
            .on_conflict_do_nothing()
            .returning(Node.id)
        )
        if made is not None:
            return made
    raise NameTaken


def _copy_below(
    session: Session, top: uuid.UUID, made: uuid.UUID, ids: Sequence[uuid.UUID]
) -> None:
    """Add the copies of all below, in one statement: each old id is given a new one first."""
    old = func.unnest(_array([one for one in ids if one != top])).table_valued("id", name="old")
    old = old.render_derived()
    fresh = select(old.c.id, func.gen_random_uuid().label("new")).cte("fresh")
    above = aliased(fresh, name="above")
    rows = (
        select(
            fresh.c.new,
            Node.user_id,
            case((Node.parent_id == top, literal(made, Uuid)), else_=above.c.new),
            Node.kind,
            Node.name,
            Node.file_id,
            Node.version,
            Node.size,
            Node.updated_at,
        )
        .join(fresh, fresh.c.id == Node.id)
        .outerjoin(above, above.c.id == Node.parent_id)
    )
    same = ["kind", "name", "file_id", "version", "size", "updated_at"]
    columns = ["id", "user_id", "parent_id", *same]
    session.execute(insert(Node).from_select(columns, rows, include_defaults=False))


def _array(ids: Sequence[uuid.UUID]) -> Any:
    return cast(list(ids), ARRAY(Uuid))
