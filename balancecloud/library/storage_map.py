"""The map of a library: which share of each folder lies on which account."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ARRAY, Row, TextClause, Uuid, bindparam, text
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.library import account_views, nodes
from balancecloud.library.bounded import ask_within
from balancecloud.library.views import AccountView, FolderPage, NodeView

# What is below a folder is counted up to so many nodes, and all of a page within so many seconds:
# a larger folder is to be opened, and its own folders are counted then.
MOST_NODES: Final = 20_000
SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class MapRow:
    """One folder or file. `is_counted` false: too large to be counted at once."""

    node: NodeView
    is_counted: bool
    files: int  # stored ones, at most as many as were counted
    bytes: int  # of files, plaintext
    shares: Mapping[uuid.UUID, int]  # bytes of shards by account

    @property
    def kept(self) -> int:
        """The bytes of shards on all accounts."""
        return sum(self.shares.values())


@dataclass(frozen=True, slots=True)
class StorageMap:
    """One page of a folder: what is in it by account."""

    page: FolderPage
    accounts: tuple[AccountView, ...]
    rows: tuple[MapRow, ...]


def storage_map(
    session: Session,
    config: Config,
    user_id: uuid.UUID,
    folder_id: uuid.UUID | None,
    page_number: int = 1,
) -> StorageMap:
    """Return the map of a person's folder; NotFound unless it is theirs."""
    page = nodes.list_folder(session, user_id, folder_id, "name", page_number)
    found = _count(session, user_id, [node.id for node in page.nodes])
    rows = tuple(_row(node, found) for node in page.nodes)
    return StorageMap(page, account_views.list_accounts(session, config, user_id), rows)


def _count(
    session: Session, user_id: uuid.UUID, node_ids: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, Sequence[Row[Any]]] | None:
    """Return rows of figures by node, a row an account; None when that took too long."""
    if not node_ids:
        return {}
    asked = _FIGURES.bindparams(ids=list(node_ids), user_id=user_id, most=MOST_NODES + 1)
    rows = ask_within(session, SECONDS, asked)
    if rows is None:
        return None
    found: dict[uuid.UUID, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.top, []).append(row)
    return found


def _row(node: NodeView, found: Mapping[uuid.UUID, Sequence[Row[Any]]] | None) -> MapRow:
    rows = () if found is None else found.get(node.id, ())
    if found is None or any(row.nodes > MOST_NODES for row in rows):
        return MapRow(node, is_counted=False, files=0, bytes=0, shares={})
    return MapRow(
        node,
        is_counted=True,
        files=rows[0].files if rows else 0,
        bytes=int(rows[0].bytes) if rows else 0,
        shares={row.account_id: int(row.kept) for row in rows if row.account_id},
    )


# Packs are summed before they meet shards: a thousand small files may share one. A chunk takes a
# k-th of its length on each account that holds a shard of its pack.
_FIGURES: Final[TextClause] = text(
    """
    WITH below AS MATERIALIZED (
      SELECT top.id AS top, way.kind, way.file_id, way.version
      FROM unnest(:ids) AS top(id)
      CROSS JOIN LATERAL (
        WITH RECURSIVE way AS (
          SELECT n.id, n.kind, n.file_id, n.version FROM nodes n
          WHERE n.id = top.id AND n.user_id = :user_id AND n.trashed_at IS NULL
          UNION ALL
          SELECT n.id, n.kind, n.file_id, n.version FROM nodes n
          JOIN way ON n.parent_id = way.id AND way.kind = 'folder'
          WHERE n.trashed_at IS NULL
        )
        SELECT * FROM way LIMIT :most
      ) AS way
    ),
    counted AS (SELECT top, count(*) AS nodes FROM below GROUP BY top),
    shown AS MATERIALIZED (
      SELECT DISTINCT below.top, v.id, v.size, v.chunk_size
      FROM below
      JOIN counted ON counted.top = below.top AND counted.nodes < :most
      JOIN versions v ON v.file_id = below.file_id AND v.number = below.version
      WHERE v.state IN ('stored', 'degraded')
    ),
    totals AS (SELECT top, count(*) AS files, sum(size) AS bytes FROM shown GROUP BY top),
    pieces AS (
      SELECT shown.top, c.pack_id,
        sum(greatest(0, least(shown.size - c.index::bigint * shown.chunk_size, shown.chunk_size)))
          AS bytes
      FROM shown JOIN chunks c ON c.version_id = shown.id
      GROUP BY shown.top, c.pack_id
    ),
    kept AS (
      SELECT pieces.top, s.account_id, sum(pieces.bytes / p.k) AS kept
      FROM pieces
      JOIN packs p ON p.id = pieces.pack_id
      JOIN shards s ON s.pack_id = p.id AND s.state IN ('stored', 'verified')
      GROUP BY pieces.top, s.account_id
    )
    SELECT counted.top, counted.nodes, coalesce(totals.files, 0) AS files,
      coalesce(totals.bytes, 0) AS bytes, kept.account_id, coalesce(kept.kept, 0) AS kept
    FROM counted
    LEFT JOIN totals ON totals.top = counted.top
    LEFT JOIN kept ON kept.top = counted.top
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid())), bindparam("user_id", type_=Uuid()))
