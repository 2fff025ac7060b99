"""Where a file is, however large: its map in at most 96 columns, its chunks page by page."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.library import account_views, chunk_lines, chunk_maps, tree
from balancecloud.library.chunk_lines import ChunkLine
from balancecloud.library.placements import AWAY, shown_version
from balancecloud.library.views import AccountView, ChunkMap, JobFile, Stages
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.library import Node, Version
from balancecloud.models.people import User
from balancecloud.storage.standing import HELD

PER_PAGE: Final = 50
PANEL_COLUMNS: Final = 28


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the version that a file shows lies. `chunk_map` None: there is no version."""

    protection: int
    survives: int
    unreadable: int  # so many chunks cannot be read now
    size: int
    state: str | None
    chunk_map: ChunkMap | None
    checked_at: datetime | None  # when the last shard of it was checked
    placed: int  # so many chunks lie on accounts, or are on their way there
    lines: tuple[ChunkLine, ...] = ()
    page: int = 1
    per_page: int = PER_PAGE


def whereabouts(
    session: Session, config: Config, user_id: uuid.UUID, node_id: uuid.UUID, page: int = 1
) -> Whereabouts:
    """Return where a person's file is; NotFound for a folder or a stranger's."""
    node = tree.find_node(session, user_id, node_id)
    version = shown_version(session, node)
    found = _glance(session, config, node, version, chunk_maps.MOST_COLUMNS)
    page = min(max(page, 1), max(1, -(-found.placed // PER_PAGE)))
    return replace(
        found, lines=chunk_lines.lines(session, version, PER_PAGE, (page - 1) * PER_PAGE), page=page
    )


def glance(session: Session, config: Config, user_id: uuid.UUID, node_id: uuid.UUID) -> Whereabouts:
    """Return the same in fewer columns, for a panel, and without the lines of single chunks."""
    node = tree.find_node(session, user_id, node_id)
    return _glance(session, config, node, shown_version(session, node), PANEL_COLUMNS)


def _glance(
    session: Session, config: Config, node: Node, version: Version, columns: int
) -> Whereabouts:
    standing = _standing(session, version.id)
    return Whereabouts(
        protection=session.scalars(select(User.protection).where(User.id == node.user_id)).one(),
        survives=max(0, standing.survives),
        unreadable=standing.unreadable,
        size=version.size,
        state=version.state.value,
        chunk_map=_map(session, config, node, version, columns) if standing.placed else None,
        checked_at=standing.checked_at,
        placed=standing.placed,
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    survives: int = 0
    unreadable: int = 0
    placed: int = 0
    checked_at: datetime | None = None


def _standing(session: Session, version_id: uuid.UUID) -> _Standing:
    """Return what the weakest chunk survives, and how many cannot be read."""
    is_good = and_(ShardRow.state.in_(HELD), CloudAccount.state.not_in(AWAY))
    spare = func.count(func.distinct(CloudAccount.domain)).filter(is_good) - Pack.k
    chunks = (
        select(spare.label("spare"), func.max(ShardRow.verified_at).label("checked_at"))
        .select_from(Chunk)
        .join(Pack, Pack.id == Chunk.pack_id)
        .join(ShardRow, ShardRow.pack_id == Pack.id)
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .where(Chunk.version_id == version_id)
        .group_by(Chunk.index, Pack.id)
        .subquery()
    )
    found = session.execute(
        select(
            func.coalesce(func.min(chunks.c.spare), 0),
            func.count().filter(chunks.c.spare < 0),
            func.count(),
            func.max(chunks.c.checked_at),
        ).select_from(chunks)
    ).one()
    return _Standing(*found)


def _map(
    session: Session, config: Config, node: Node, version: Version, columns: int
) -> ChunkMap | None:
    file = JobFile(
        node.id, version.id, node.name, version.size, version.state.value, Stages(), error=None
    )
    holding = _holding(session, config, node.user_id, version.id)
    return chunk_maps.chunk_map(session, file, holding, columns)


def _holding(
    session: Session, config: Config, user_id: uuid.UUID, version_id: uuid.UUID
) -> tuple[AccountView, ...]:
    holding = set(
        session.scalars(
            select(ShardRow.account_id)
            .join(Chunk, Chunk.pack_id == ShardRow.pack_id)
            .where(Chunk.version_id == version_id)
            .distinct()
        )
    )
    accounts = account_views.list_accounts(session, config, user_id)
    return tuple(account for account in accounts if account.id in holding)
