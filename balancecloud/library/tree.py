"""The tree of folders and files: finding what belongs to a person, taking names."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import bindparam, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from balancecloud.errors import Invalid, NameTaken, NotFound
from balancecloud.library.names import DEEPEST, numbered
from balancecloud.library.views import Crumb
from balancecloud.models.library import Node
from balancecloud.models.states import NodeKind

CONFLICTS = ("version", "keep_both", "fail")
MOST_TWINS = 1000


@dataclass(frozen=True, slots=True)
class Taken:
    """A file's node, locked; `is_new` when its name was free until now."""

    node: Node
    is_new: bool


def find_node(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> Node:
    """Return a person's node; NotFound for another's, a trashed or a missing one alike.

    As it is now: who looked at it, locked it and asks again must not act by what it was.
    """
    node = session.scalar(
        select(Node)
        .where(Node.id == node_id, Node.user_id == user_id, Node.trashed_at.is_(None))
        .execution_options(populate_existing=True)
    )
    if node is None:
        raise NotFound
    return node


def find_anywhere(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> Node:
    """Return a person's node or an entry of their trash; NotFound for what is neither."""
    node = session.scalar(
        select(Node).where(
            Node.id == node_id,
            Node.user_id == user_id,
            or_(Node.trashed_at.is_(None), Node.trashed_with == Node.id),
        )
    )
    if node is None:
        raise NotFound
    return node


def lock_node(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> Node:
    """Lock a person's node against a change of its row, not against what is put into it."""
    node = session.scalar(
        select(Node)
        .where(Node.id == node_id, Node.user_id == user_id, Node.trashed_at.is_(None))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if node is None:
        raise NotFound
    return node


def find_folder(session: Session, user_id: uuid.UUID, folder_id: uuid.UUID | None) -> Node | None:
    """Return a person's folder, None for the root; it can't be removed until this is committed."""
    if folder_id is None:
        return None
    node = session.scalar(
        select(Node)
        .where(
            Node.id == folder_id,
            Node.user_id == user_id,
            Node.kind == NodeKind.FOLDER,
            Node.trashed_at.is_(None),
        )
        .with_for_update(read=True, key_share=True)
    )
    if node is None:
        raise NotFound
    return node


def crumbs(session: Session, folder_id: uuid.UUID | None) -> tuple[Crumb, ...]:
    """Return the way from the root down to and with a folder."""
    steps = literal(0).label("steps")
    way = (
        select(Node.id, Node.name, Node.parent_id, steps)
        .where(Node.id == folder_id)
        .cte("way", recursive=True)
    )
    above = select(Node.id, Node.name, Node.parent_id, way.c.steps + 1)
    way = way.union_all(above.join(way, Node.id == way.c.parent_id))
    rows = session.execute(select(way.c.id, way.c.name).order_by(way.c.steps.desc()))
    return tuple(Crumb(row.id, row.name) for row in rows)


def add_folder(
    session: Session, user_id: uuid.UUID, parent_id: uuid.UUID | None, name: str
) -> Node:
    """Make a folder; NameTaken when a sibling has that name."""
    find_folder(session, user_id, parent_id)
    if len(crumbs(session, parent_id)) >= DEEPEST:
        problem = f"Folders can be at most {DEEPEST} deep."
        raise Invalid({"parent_id": [problem]}, problem)
    node = _insert(session, user_id, parent_id, name, NodeKind.FOLDER)
    if node is None:
        raise NameTaken
    return node


def ensure_folders(
    session: Session, user_id: uuid.UUID, parent_id: uuid.UUID | None, names: Sequence[str]
) -> tuple[uuid.UUID | None, list[uuid.UUID]]:
    """Find or make folders below one another; return the last and those that were made."""
    if not names:
        return parent_id, []
    if len(crumbs(session, parent_id)) + len(names) > DEEPEST:
        problem = f"Folders can be at most {DEEPEST} deep."
        raise Invalid({"path": [problem]}, problem)
    made = []
    for name in names:
        node = _insert(session, user_id, parent_id, name, NodeKind.FOLDER)
        if node is not None:
            made.append(node.id)
        else:
            node = _sibling(session, user_id, parent_id, name)
        if node.kind is not NodeKind.FOLDER:
            raise NameTaken
        parent_id = node.id
    return parent_id, made


def take_file(
    session: Session, user_id: uuid.UUID, parent_id: uuid.UUID | None, name: str, conflict: str
) -> Taken:
    """Take a name for a new version of a file, as `conflict` says when it is taken already."""
    find_folder(session, user_id, parent_id)
    node = _insert(session, user_id, parent_id, name, NodeKind.FILE)
    if node is not None:
        return Taken(node, is_new=True)
    if conflict == "keep_both":
        return _take_numbered(session, user_id, parent_id, name)
    sibling = _sibling(session, user_id, parent_id, name)
    if conflict == "fail" or sibling.kind is NodeKind.FOLDER:
        raise NameTaken
    return Taken(sibling, is_new=False)


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file's node just added."""

    id: uuid.UUID
    created_at: datetime
    updated_at: datetime


def take_free_name(
    session: Session, user_id: uuid.UUID, parent_id: uuid.UUID | None, name: str, size: int
) -> NewFile:
    """Add a file of this size under a free name; NameTaken otherwise."""
    place = {"user": user_id, "parent": parent_id, "name": name}
    values = {"node": uuid.uuid4(), "size": size, **place}
    row = session.connection().execute(_taking(), values).one_or_none()
    if row is None:
        raise NameTaken
    return NewFile(row.id, row.created_at, row.updated_at)


@cache
def _taking() -> ReturningInsert[uuid.UUID, datetime, datetime]:
    """Return the statement of `take_free_name`, put together once."""
    return (
        insert(Node)
        .values(
            id=bindparam("node"),
            user_id=bindparam("user"),
            parent_id=bindparam("parent"),
            kind=NodeKind.FILE,
            name=bindparam("name"),
            file_id=bindparam("node"),
            size=bindparam("size"),
        )
        .on_conflict_do_nothing()
        .returning(Node.id, Node.created_at, Node.updated_at)
    )


def _take_numbered(
    session: Session, user_id: uuid.UUID, parent_id: uuid.UUID | None, name: str
) -> Taken:
    for number in range(2, MOST_TWINS):
        node = _insert(session, user_id, parent_id, numbered(name, number), NodeKind.FILE)
        if node is not None:
            return Taken(node, is_new=True)
    raise NameTaken


def _insert(
    session: Session,
    user_id: uuid.UUID,
    parent_id: uuid.UUID | None,
    name: str,
    kind: NodeKind,
) -> Node | None:
    """Add a node unless its name is taken; a concurrent one with that name is waited for."""
    node_id = uuid.uuid4()
    file_id = node_id if kind is NodeKind.FILE else None
    return session.scalar(
        insert(Node)
        .values(
            id=node_id, user_id=user_id, parent_id=parent_id, kind=kind, name=name, file_id=file_id
        )
        .on_conflict_do_nothing()
        .returning(Node)
    )


def _sibling(session: Session, user_id: uuid.UUID, parent_id: uuid.UUID | None, name: str) -> Node:
    node = session.scalar(
        select(Node)
        .where(
            Node.user_id == user_id,
            Node.parent_id.is_not_distinct_from(parent_id),
            Node.name == name,
            Node.trashed_at.is_(None),
        )
        .with_for_update()
    )
    if node is None:
        # It was removed between the two statements: the person's next try will find it free.
        raise NameTaken
    return node
