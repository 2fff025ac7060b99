"""What people call a version: the node that shows it, or showed it, with its path."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CompoundSelect, and_, func, select
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
    copies: int = 0  # so many other nodes outside the trash show it, too

    @property
    def name(self) -> str:
        """Its name without the folders."""
        return self.path.rpartition("/")[2]


def names_of(session: Session, version_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Called]:
    """Return what these versions are called; one whose nodes are gone is left out.

    Called by a node that shows it, else by the one whose older version it is; the trash comes last.
    """
    of = _naming(version_ids).subquery()
    showing = func.count().filter(of.c.is_shown).over(partition_by=of.c.id).label("showing")
    rows = session.execute(
        select(of, showing)
        .order_by(
            of.c.id,
            of.c.is_shown.desc(),
            of.c.is_trashed,
            of.c.is_own.desc(),
            of.c.node_id,
        )
        .ext(distinct_on(of.c.id))
    ).all()
    paths = paths_of(session, [row.node_id for row in rows if not row.is_trashed])
    return {
        row.id: Called(
            row.node_id,
            paths.get(row.node_id, row.name),
            None if row.number == row.current else row.number,
            row.is_trashed,
            max(0, row.showing - 1),
        )
        for row in rows
    }


def _naming(version_ids: Collection[uuid.UUID]) -> CompoundSelect[*tuple[Any, ...]]:
    """Select the nodes of versions: the one whose file it is of, and the copies that show it."""
    is_shown = func.coalesce(and_(Node.trashed_at.is_(None), Node.version == Version.number), False)
    facts = select(
        Version.id,
        Version.number,
        Node.id.label("node_id"),
        Node.name,
        Node.version.label("current"),
        Node.trashed_at.is_not(None).label("is_trashed"),
        (Node.id == Version.file_id).label("is_own"),
        and_(Node.file_id == Version.file_id, is_shown).label("is_shown"),
    ).where(Version.id.in_(version_ids))
    own = facts.join(Node, Node.id == Version.file_id)
    is_copy = and_(Node.file_id == Version.file_id, Node.id != Version.file_id)
    return own.union_all(facts.join(Node, and_(is_copy, Node.version == Version.number)))


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
