"""Giving nodes another name or another place. No byte moves: only rows change."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError as RowExists
from sqlalchemy.orm import Session

from balancecloud.errors import IntoItself, Invalid, NameTaken, NotFound
from balancecloud.library import names, nodes, tree
from balancecloud.library.names import DEEPEST
from balancecloud.library.views import Crumb, NodeView
from balancecloud.models.library import Node
from balancecloud.models.states import NodeKind

MOST_PLACES = 500  # shown of where something can go; who has more folders opens them one by one


@dataclass(frozen=True, slots=True)
class Places:
    """The folders inside one folder, as places for `nodes` to go to."""

    nodes: tuple[NodeView, ...]
    folder: NodeView | None  # None: the root
    crumbs: tuple[Crumb, ...]
    folders: tuple[Crumb, ...]


def rename(session: Session, user_id: uuid.UUID, node_id: uuid.UUID, name: str) -> NodeView:
    """Give a node another name; Invalid, NameTaken or NotFound when that can't be."""
    name = names.clean_name(name)
    node = tree.lock_node(session, user_id, node_id)
    _change(session, node, name, node.parent_id)
    return nodes.get_node(session, user_id, node_id)


def move(
    session: Session,
    user_id: uuid.UUID,
    node_id: uuid.UUID,
    parent_id: uuid.UUID | None,
    name: str | None = None,
) -> NodeView:
    """Put a node into another folder, None for the root, and give it a name if one is asked for.

    IntoItself when the folder lies in the node; Invalid where folders would get too deep;
    NameTaken or NotFound as usual.
    """
    name = None if name is None else names.clean_name(name)
    one_at_a_time(session, user_id)
    way = [crumb.id for crumb in tree.crumbs(session, parent_id)]
    if node_id in way:
        raise IntoItself
    node = _lock_both(session, user_id, node_id, parent_id, len(way))
    if node.kind is NodeKind.FOLDER and len(way) + height(session, node_id) > DEEPEST:
        problem = f"Folders can be at most {DEEPEST} deep."
        raise Invalid({"parent_id": [problem]}, problem)
    _change(session, node, name or node.name, parent_id)
    return nodes.get_node(session, user_id, node_id)


def places(
    session: Session,
    user_id: uuid.UUID,
    node_ids: Sequence[uuid.UUID],
    folder_id: uuid.UUID | None,
) -> Places:
    """Return where nodes can go from a folder on; NotFound unless all are theirs.

    The nodes themselves and what lies in them are no places for them.
    """
    going = nodes.get_nodes(session, user_id, tuple(node_ids))
    if not going or len(going) != len(set(node_ids)):
        raise NotFound
    folder = nodes.get_node(session, user_id, folder_id) if folder_id else None
    crumbs = tree.crumbs(session, folder_id)
    if (folder and not folder.is_folder) or set(node_ids) & {crumb.id for crumb in crumbs}:
        raise NotFound
    inside = session.execute(
        select(Node.id, Node.name)
        .where(
            Node.user_id == user_id,
            Node.parent_id.is_not_distinct_from(folder_id),
            Node.kind == NodeKind.FOLDER,
            Node.trashed_at.is_(None),
            Node.id.not_in(node_ids),
        )
        .order_by(func.lower(Node.name), Node.name)
        .limit(MOST_PLACES)
    )
    return Places(going, folder, crumbs, tuple(Crumb(row.id, row.name) for row in inside))


def one_at_a_time(session: Session, user_id: uuid.UUID) -> None:
    """Let a person's moves follow one another: two at once could put each folder into the other."""
    turn = func.pg_advisory_xact_lock(func.hashtextextended(f"move:{user_id}", 0))
    session.execute(select(turn))


def _lock_both(
    session: Session,
    user_id: uuid.UUID,
    node_id: uuid.UUID,
    parent_id: uuid.UUID | None,
    depth: int,
) -> Node:
    """Lock the node and its new folder in the order in which a deletion locks them."""
    if parent_id is None:
        return tree.lock_node(session, user_id, node_id)
    is_folder = tree.find_node(session, user_id, node_id).kind is NodeKind.FOLDER
    if is_folder and (len(tree.crumbs(session, node_id)), node_id) < (depth, parent_id):
        node = tree.lock_node(session, user_id, node_id)
        tree.find_folder(session, user_id, parent_id)
        return node
    tree.find_folder(session, user_id, parent_id)
    return tree.lock_node(session, user_id, node_id)


def height(session: Session, node_id: uuid.UUID) -> int:
    """Return how many folders lie one below another from this one on, itself counted."""
    levels = nodes.levels(node_id)
    deepest = session.scalar(
        select(func.max(levels.c.depth))
        .join(Node, Node.id == levels.c.id)
        .where(Node.kind == NodeKind.FOLDER)
    )
    return 1 + (deepest or 0)


def _change(session: Session, node: Node, name: str, parent_id: uuid.UUID | None) -> None:
    try:
        with session.begin_nested():
            node.name, node.parent_id = name, parent_id
    except RowExists:
        session.refresh(node)
        raise NameTaken from None
