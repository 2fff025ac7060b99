"""Which versions belong to a node, and which are wanted by one: files that several nodes show."""

import uuid
from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from balancecloud.models.library import Node, Version


def history_of(node: Node) -> ColumnElement[bool]:
    """Return which versions a node has: all of its own file, and of another's the one it shows."""
    own = Version.file_id == node.id
    if node.file_id == node.id:
        return own
    return or_(own, and_(Version.file_id == node.file_id, Version.number == node.version))


def numbers_shown_elsewhere(session: Session, node: Node) -> frozenset[int]:
    """Return the numbers of a node's own versions that copies of it show."""
    if node.file_id != node.id:
        return frozenset()
    shown = session.scalars(
        select(Node.version).where(Node.file_id == node.file_id, Node.id != node.id).distinct()
    )
    return frozenset(number for number in shown if number is not None)


def wanted(session: Session, version_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of these versions a node needs: its file's own node, or one that shows it.

    The answer holds while the versions are locked as `removal.lock_versions` does.
    """
    own = select(Node.id).where(Node.id == Version.file_id)
    showing = select(Node.id).where(Node.file_id == Version.file_id, Node.version == Version.number)
    is_wanted = or_(own.correlate(Version).exists(), showing.correlate(Version).exists())
    return set(session.scalars(select(Version.id).where(Version.id.in_(version_ids), is_wanted)))
