"""What people call a version: the node that shows it, or showed it, with its path."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from balancecloud.models.library import Node, Version


@dataclass(frozen=True, slots=True)
class Called:
    """A version's node and path; `number` where it is not the one that its file shows."""

    node_id: uuid.UUID
    path: str
    number: int | None
    is_trashed: bool


def names_of(session: Session, version_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Called]:
    """Return what these versions are called; one whose node is gone is left out."""
    shown = func.coalesce(and_(Node.trashed_at.is_(None), Node.version == Version.number), False)
    rows = session.execute(
        select(Version.id, Version.number, Node.id, Node.name, Node.trashed_at, Node.version)
        .join(Node, Node.file_id == Version.file_id)
        .where(Version.id.in_(version_ids))
        .order_by(Version.id, shown.desc(), Node.trashed_at.is_not(None), Node.id)
        .ext(distinct_on(Version.id))
    ).all()
    paths = paths_of(session, [node_id for _, _, node_id, _, trashed, _ in rows if not trashed])
    return {
        version_id: Called(
            node_id,
            paths.get(node_id, name),
            None if number == current else number,
            trashed is not None,
        )
        for version_id, number, node_id, name, trashed, current in rows
    }


def paths_of(session: Session, node_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the full paths of nodes that may lie anywhere."""
    way = (
        select(Node.id.label("leaf"), Node.parent_id, Node.name.label("path"))
        .where(Node.id.in_(node_ids))
        .cte("way", recursive=True)
    )
    above = select(way.c.leaf, Node.parent_id, Node.name + "/" + way.c.path)
    way = way.union_all(above.join(way, Node.id == way.c.parent_id))
    rows = session.execute(select(way.c.leaf, way.c.path).where(way.c.parent_id.is_(None)))
    return {leaf: f"/{path}" for leaf, path in rows}
