"""Shards that reach their account when no row wants them any more: they are removed, or noted.

While a shard is on its way its file may be deleted, and clean-up be done before it is there. Then
nobody else would ever look for it.
"""

import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId, ShardName
from balancecloud.errors import ProviderError
from balancecloud.models.clouds import CloudAccount, Pack, ShardRow
from balancecloud.models.states import AccountState, ShardState
from balancecloud.storage import cleanup, health
from balancecloud.storage.tools import Tools

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stray:
    """A shard that was sent; without an object id it is looked for by its name."""

    pack_id: uuid.UUID
    index: int
    account_id: uuid.UUID
    name: ShardName
    object_id: ObjectId | None


def take_back(tools: Tools, user_id: uuid.UUID, strays: Collection[Stray]) -> None:
    """Remove what no row wants; where that is refused, clean-up does it later."""
    with tools.sessions() as session:
        unwanted = [one for one in strays if not _is_wanted(session, one)]
    for one in unwanted:
        try:
            # It is there for certain, so its id is known.
            if one.object_id is not None:
                tools.open_provider(one.account_id).delete(one.object_id)
        except ProviderError as refusal:
            logger.info("An unwanted shard is to be removed later: %s.", refusal.code)
            with tools.sessions.begin() as session:
                health.note_failure(session, one.account_id, refusal)
            leave(tools, user_id, one)


def leave(tools: Tools, user_id: uuid.UUID, stray: Stray) -> None:
    """Have clean-up remove a shard that may be there, unless a row wants it."""
    with tools.sessions() as session:
        if _is_wanted(session, stray):
            return
    with tools.sessions.begin() as session:
        if _is_linked(session, stray.account_id):
            cleanup.clean_packs(session, user_id, [_pack_of_its_own(session, user_id, stray)])


def _is_wanted(session: Session, stray: Stray) -> bool:
    row = session.get(ShardRow, (stray.pack_id, stray.index), populate_existing=True)
    if row is None or row.account_id != stray.account_id:
        return False
    return row.state is not ShardState.DELETING


def _is_linked(session: Session, account_id: uuid.UUID) -> bool:
    """Say whether an account can be asked at all; it is not unlinked until this is committed."""
    state = session.scalar(
        select(CloudAccount.state)
        .where(CloudAccount.id == account_id)
        .with_for_update(read=True, key_share=True)
    )
    return state not in {None, AccountState.UNLINKED}


def _pack_of_its_own(session: Session, user_id: uuid.UUID, stray: Stray) -> uuid.UUID:
    """Write down a pack that nobody reads: what of it lies where is all that clean-up asks."""
    pack = Pack(id=uuid.uuid4(), user_id=user_id, epoch=0, length=0, digest=b"", k=1, m=0)
    session.add(pack)
    session.flush()
    session.add(
        ShardRow(
            pack_id=pack.id,
            index=0,
            account_id=stray.account_id,
            name=stray.name,
            object_id=stray.object_id,
            length=0,
            sha256=b"",
            state=ShardState.DELETING,
        )
    )
    session.flush()
    return pack.id
