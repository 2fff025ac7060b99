"""A file's versions: what there is, showing an older one, removing one."""

import uuid
from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.errors import NotFound, StateConflict
from balancecloud.library import copies, nodes, removal, tree
from balancecloud.library.past_views import VersionView
from balancecloud.library.removal import Cause, Deletion
from balancecloud.library.views import NodeView
from balancecloud.models.library import Node, Version
from balancecloud.models.states import VersionState
from balancecloud.storage import completion

# Whose bytes lie on the clouds, as well as they do just now.
KEPT: Final = (VersionState.STORED, VersionState.DEGRADED, VersionState.UNREADABLE)
GONE: Final = (VersionState.CANCELLED, VersionState.LOST)


def list_versions(
    session: Session, user_id: uuid.UUID, node_id: uuid.UUID
) -> tuple[VersionView, ...]:
    """Return a file's versions, the newest first; NotFound for a folder or a stranger's.

    A copy's begin with the one it was made of: those before it stay with the original.
    """
    node = _file(session, user_id, node_id)
    rows = _versions(session, node)
    held = copies.numbers_shown_elsewhere(session, node)
    return tuple(_view(node, row, rows[0].number, held) for row in rows)


def get_version(
    session: Session, user_id: uuid.UUID, node_id: uuid.UUID, number: int
) -> VersionView:
    """Return one version; NotFound when the file has none of that number."""
    found = [one for one in list_versions(session, user_id, node_id) if one.number == number]
    if not found:
        raise NotFound
    return found[0]


def restore(session: Session, user_id: uuid.UUID, node_id: uuid.UUID, number: int) -> NodeView:
    """Let a file show an older version; no byte moves, and the newer ones stay.

    StateConflict while that version is not stored.
    """
    node = tree.lock_node(session, user_id, node_id)
    version = _numbered(session, node, number)
    if version.state not in KEPT:
        raise StateConflict("This version is not stored, so it can't be made the current one.")
    if node.version != number:
        node.version, node.size = number, version.size
        node.updated_at = session.scalars(select(func.now())).one()
    session.flush()
    return nodes.get_node(session, user_id, node_id)


def delete(
    session: Session, user_id: uuid.UUID, node_id: uuid.UUID, number: int, source: str
) -> Deletion:
    """Remove one version for good.

    StateConflict for the current one, for the newest, whose number would be given again, for one
    that is on its way, and for one that a copy shows.
    """
    node = _file(session, user_id, node_id)
    removal.lock_versions(session, [file_id for file_id in {node.id, node.file_id} if file_id])
    node = tree.lock_node(session, user_id, node_id)
    versions = _versions(session, node)
    version = next((one for one in versions if one.number == number), None)
    if version is None:
        raise NotFound
    held = copies.numbers_shown_elsewhere(session, node)
    reason = _reason_to_stay(node, version, versions, held)
    if reason:
        raise StateConflict(reason)
    cause = Cause(source, f"{node.name}, version {number}")
    return removal.remove(session, user_id, [version], cause)


def _reason_to_stay(
    node: Node, version: Version, versions: Sequence[Version], held: frozenset[int]
) -> str | None:
    if version.state in completion.UNFINISHED:
        return "This version is still on its way. Cancel its job instead."
    if version.number == node.version:
        return "This is the current version. Make another one current first."
    if version.number in held:
        return "A copy of this file shows this version. It stays as long as the copy shows it."
    if version.number == max(one.number for one in versions):
        return "The newest version stays as long as the file: its number is never given again."
    return None


def _file(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> Node:
    node = tree.find_node(session, user_id, node_id)
    if node.file_id is None:
        raise NotFound
    return node


def _versions(session: Session, node: Node) -> Sequence[Version]:
    found = session.scalars(
        select(Version)
        .where(copies.history_of(node), Version.state.not_in(GONE))
        .order_by(Version.number.desc())
    ).all()
    if not found:
        raise NotFound
    return found


def _numbered(session: Session, node: Node, number: int) -> Version:
    version = session.scalar(
        select(Version).where(
            copies.history_of(node),
            Version.number == number,
            Version.state.not_in(GONE),
        )
    )
    if version is None:
        raise NotFound
    return version


def _view(node: Node, row: Version, newest: int, held: frozenset[int]) -> VersionView:
    is_current = row.number == node.version
    return VersionView(
        number=row.number,
        size=row.size,
        state=row.state.value,
        mime_type=row.mime_type,
        sha256=row.sha256.hex() if row.sha256 else None,
        created_at=row.created_at,
        is_current=is_current,
        can_be_current=not is_current and row.state in KEPT,
        can_be_deleted=not is_current
        and row.number not in held
        and row.number != newest
        and row.state not in completion.UNFINISHED,
    )
