"""Where a file is: its chunks, their shards, and how many accounts may be lost."""

import uuid
from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.errors import NotFound
from balancecloud.library import account_views, copies, tree
from balancecloud.library.views import PlacedChunk, PlacedShard, Placement
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.library import Node, Version
from balancecloud.models.people import User
from balancecloud.models.states import AccountState, ShardState

READABLE = {ShardState.STORED.value, ShardState.VERIFIED.value}


def placement(
    session: Session, config: Config, user_id: uuid.UUID, node_id: uuid.UUID
) -> Placement:
    """Return where the version that a file shows lies; NotFound for a folder or a stranger's."""
    node = tree.find_node(session, user_id, node_id)
    version = shown_version(session, node)
    chunks = _chunks(session, version.id)
    holding = {shard.account_id for chunk in chunks for shard in chunk.shards}
    accounts = account_views.list_accounts(session, config, user_id)
    return Placement(
        protection=session.scalars(select(User.protection).where(User.id == user_id)).one(),
        survives=_survives(session, chunks),
        chunks=chunks,
        accounts=tuple(account for account in accounts if account.id in holding),
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


def _survives(session: Session, chunks: tuple[PlacedChunk, ...]) -> int:
    """Return how many accounts may be lost now: the least spare shards of any chunk."""
    away = set(
        session.scalars(
            select(CloudAccount.id).where(
                CloudAccount.state.in_((AccountState.UNLINKED, AccountState.SIGN_IN_AGAIN))
            )
        )
    )
    spare = [
        sum(s.state in READABLE and s.account_id not in away for s in chunk.shards) - chunk.k
        for chunk in chunks
    ]
    return max(0, min(spare, default=0))
