"""Turning rows of the tree into what people see: one query per kind of fact, never one per node."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVarTuple

from sqlalchemy import ARRAY, Cast, Row, Select, Uuid, and_, any_, cast, func, select, true
from sqlalchemy.orm import Session

from balancecloud.library.views import AccountShare, NodeView
from balancecloud.models.clouds import Chunk, CloudAccount, ShardRow
from balancecloud.models.kept_aliases import kept_alias
from balancecloud.models.library import Node, Version
from balancecloud.models.states import NodeKind, VersionState

Columns = TypeVarTuple("Columns")
SHOWN = kept_alias(Version, "shown")
NEWEST = kept_alias(Version, "newest")
FOLDER_STATE = "stored"
ENDED = (VersionState.CANCELLED, VersionState.LOST)


@dataclass(frozen=True, slots=True)
class Found:
    """A node with the version it shows and its own newest one, either of which may be missing."""

    node: Node
    shown: Version | None
    newest: Version | None

    @property
    def version(self) -> Version | None:
        """The version that is shown, else the one on its way."""
        return self.shown or self.newest


def with_versions() -> Select[Node, Version, Version]:
    """Return the query of nodes with the version shown and the newest one, the trash left out."""
    return anywhere().where(Node.trashed_at.is_(None))


def anywhere() -> Select[Node, Version, Version]:
    """Return the query of nodes with the version shown and the newest one, wherever they are."""
    return joined(select(Node, SHOWN, NEWEST))


def joined(query: Select[*Columns]) -> Select[*Columns]:
    """Return a query of nodes with the version shown and the newest one beside each."""
    highest = (
        select(func.max(Version.number))
        .where(Version.file_id == Node.id, Version.state.not_in(ENDED))
        .correlate(Node)
        .scalar_subquery()
    )
    return query.outerjoin(
        SHOWN, and_(SHOWN.file_id == Node.file_id, SHOWN.number == Node.version)
    ).outerjoin(NEWEST, and_(NEWEST.file_id == Node.id, NEWEST.number == highest))


def views(
    session: Session,
    rows: Sequence[Row[Node, Version, Version] | tuple[Node, Version | None, Version | None]],
    parent_path: str | None,
    *,
    with_shares: bool = True,
    counts: dict[uuid.UUID, int] | None = None,
) -> tuple[NodeView, ...]:
    """Return the views of nodes; `parent_path` where all lie in one folder, else looked up.

    What was deleted between the question for the rows and this one is left out. `counts` are of
    the items in the folders, where they are known already.
    """
    found = [Found(*row) for row in rows]
    if counts is None:
        folders = [f.node.id for f in found if f.node.kind is NodeKind.FOLDER]
        counts = _item_counts(session, folders)
    held = [f.version.id for f in found if f.version] if with_shares else []
    shares = shares_of(session, held)
    if parent_path is None:
        paths = {f.node.id: f"/{f.node.name}" for f in found if f.node.parent_id is None}
        paths |= paths_of(session, [f.node.id for f in found if f.node.parent_id])
    else:
        paths = {f.node.id: f"{parent_path}/{f.node.name}" for f in found}
    here = (f for f in found if f.node.id in paths)
    return tuple(_view(f, paths[f.node.id], counts, shares) for f in here)


def _view(
    found: Found,
    path: str,
    counts: dict[uuid.UUID, int],
    shares: dict[uuid.UUID, tuple[AccountShare, ...]],
) -> NodeView:
    node, version, newest = found.node, found.version, found.newest
    is_folder = node.kind is NodeKind.FOLDER
    is_on_its_way = newest is not None and newest.state is not VersionState.STORED
    return NodeView(
        id=node.id,
        user_id=node.user_id,
        name=node.name,
        path=path,
        size=version.size if version else 0,
        mime_type=version.mime_type if version else None,
        is_folder=is_folder,
        parent_id=node.parent_id,
        state=version.state.value if version else FOLDER_STATE,
        version=version.number if version else None,
        sha256=version.sha256.hex() if version and version.sha256 else None,
        created_at=node.created_at,
        updated_at=node.updated_at,
        item_count=counts.get(node.id, 0),
        job_id=newest.job_id if newest and is_on_its_way else None,
        error_code=version.error_code if version else None,
        shares=shares.get(version.id, ()) if version else (),
    )


def _item_counts(session: Session, folder_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    if not folder_ids:
        return {}
    rows = session.execute(
        select(Node.parent_id, func.count())
        .where(Node.parent_id.in_(folder_ids), Node.trashed_at.is_(None))
        .group_by(Node.parent_id)
    )
    return {parent_id: count for parent_id, count in rows if parent_id is not None}


def shares_of(
    session: Session, version_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, tuple[AccountShare, ...]]:
    """Return how many bytes of shards each account holds of each version."""
    if not version_ids:
        return {}
    rows = session.execute(
        select(
            Chunk.version_id,
            CloudAccount.id,
            CloudAccount.label,
            CloudAccount.provider,
            CloudAccount.color,
            func.sum(ShardRow.length),
        )
        .join(ShardRow, ShardRow.pack_id == Chunk.pack_id)
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .where(Chunk.version_id == any_(array_of(version_ids)), ShardRow.stored_at.is_not(None))
        .group_by(Chunk.version_id, CloudAccount.id)
        .order_by(CloudAccount.created_at, CloudAccount.id)
    )
    shares: dict[uuid.UUID, tuple[AccountShare, ...]] = {}
    for version_id, account_id, label, provider, color, total in rows:
        share = AccountShare(account_id, label, provider, color, int(total))
        shares[version_id] = (*shares.get(version_id, ()), share)
    return shares


def paths_of(session: Session, node_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the full paths of nodes that may lie anywhere."""
    if not node_ids:
        return {}
    way = (
        select(Node.id.label("leaf"), Node.parent_id, Node.name.label("path"))
        .where(Node.id == any_(array_of(node_ids)))
        .cte("way", recursive=True)
    )
    # LIMIT keeps it to one look at the key for each: a join may read the whole table instead.
    one = select(Node.parent_id, Node.name).where(Node.id == way.c.parent_id).limit(1).lateral("up")
    above = select(way.c.leaf, one.c.parent_id, one.c.name + "/" + way.c.path).join_from(
        way, one, true()
    )
    way = way.union_all(above)
    rows = session.execute(select(way.c.leaf, way.c.path).where(way.c.parent_id.is_(None)))
    return {leaf: f"/{path}" for leaf, path in rows}


def array_of(ids: Collection[uuid.UUID]) -> Cast[Any]:
    """Return ids as one value of a statement: a hundred of them are put together anew each time."""
    return cast(list(ids), ARRAY(Uuid))
