"""Where a file is: its chunks, their shards, and how many accounts may be lost."""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.errors import NotFound
from balancecloud.library import copies, tree
from balancecloud.library.views import PlacedChunk, PlacedShard, Placement
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.library import Node, Version
from balancecloud.models.people import User
from balancecloud.models.states import AccountState, ShardState

AWAY: Final = (AccountState.UNLINKED, AccountState.SIGN_IN_AGAIN)
READABLE = {ShardState.STORED.value, ShardState.VERIFIED.value}


def placement(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> Placement:
    """Return where the version that a file shows lies; NotFound for a folder or a stranger's."""
    node = tree.find_node(session, user_id, node_id)
    version = shown_version(session, node)
    chunks = _chunks(session, version.id)
    return Placement(
        protection=session.scalars(select(User.protection).where(User.id == user_id)).one(),
        survives=_survives(session, user_id, chunks),
        chunks=chunks,
    )


def shown_version(session: Session, node: Node) -> Version:
    """Return the version that a file shows, else its newest; NotFound where there is none."""
    version = session.scalar(
        select(Version)
        .where(
            copies.history_of(node),
            Version.number == node.version if node.version else Version.number > 0,
        )
        .order_by(Version.number.desc())
        .limit(1)
    )
    if version is None:
        raise NotFound
    return version


def _chunks(session: Session, version_id: uuid.UUID) -> tuple[PlacedChunk, ...]:
    rows = session.execute(
        select(
            Chunk.index,
            Pack.id,
            Pack.k,
            Pack.m,
            ShardRow.index,
            ShardRow.account_id,
            ShardRow.state,
        )
        .join(Pack, Pack.id == Chunk.pack_id)
        .join(ShardRow, ShardRow.pack_id == Pack.id)
        .where(Chunk.version_id == version_id)
        .order_by(Chunk.index, ShardRow.index)
    ).all()
    layouts = {row[0]: (row[1], row[2], row[3]) for row in rows}
    shards = defaultdict(list)
    for index, _, _, _, number, account_id, state in rows:
        shards[index].append(PlacedShard(number, account_id, state.value))
    return tuple(
        PlacedChunk(index, pack_id, k, m, tuple(shards[index]))
        for index, (pack_id, k, m) in layouts.items()
    )


def _survives(session: Session, user_id: uuid.UUID, chunks: tuple[PlacedChunk, ...]) -> int:
    """Return how many accounts may be lost now: what any chunk has beyond k.

    Accounts of one failure domain count as one, as on the page of `whereabouts`.
    """
    rows = session.execute(
        select(CloudAccount.id, CloudAccount.domain).where(
            CloudAccount.user_id == user_id, CloudAccount.state.not_in(AWAY)
        )
    )
    domains = {row.id: row.domain for row in rows}
    spare = (len(_domains(chunk, domains)) - chunk.k for chunk in chunks)
    return max(0, min(spare, default=0))


def _domains(chunk: PlacedChunk, domains: Mapping[uuid.UUID, str]) -> set[str]:
    good = (shard.account_id for shard in chunk.shards if shard.state in READABLE)
    return {domains[account_id] for account_id in good if account_id in domains}
