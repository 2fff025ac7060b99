"""Building lost shards of a pack again, in place: the same names and the same bytes.

A shard goes back to its own account where that is well, else to one outside the pack's failure
domains; what may still lie at the account it left is given to clean-up in the same transaction
that points its row elsewhere.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId, Provider, Shard
from balancecloud.crypto import shards
from balancecloud.errors import IntegrityError, LeaseLost, ObjectDiffers, ProviderError, Temporary
from balancecloud.models.clouds import Pack, ShardRow
from balancecloud.models.states import ShardState
from balancecloud.storage import cleanup, erasure
from balancecloud.storage.case import (
    Case,
    Refusal,
    confirm,
    count_bytes,
    demand_linked,
    note_failure,
    note_refused,
    put_all,
    reserve,
    stray_of,
)
from balancecloud.storage.hold import hold
from balancecloud.storage.packing import Parcel
from balancecloud.storage.placement import Placed
from balancecloud.storage.salvage import KnownShard, fetch_body


def rebuild(case: Case, targets: Sequence[Placed], stop: Callable[[], None]) -> None:
    """Build these shards from any k others and put them where they are to lie.

    Nothing is put unless each is the very shard that the index knows (docs/format.md, 7.3).
    """
    lost = {shard.index: shard for shard in case.pack.shards}
    body = fetch_body(case.tools, case.pack, case.user_key)
    stop()
    parcels = _parcels(case, body, targets, lost)
    put_all(parcels, lambda parcel: _put(case, lost[parcel.index], parcel))


def _parcels(
    case: Case, body: bytes, targets: Sequence[Placed], lost: Mapping[int, KnownShard]
) -> list[Parcel]:
    layout = case.pack.layout
    pieces = erasure.encode(body, layout.k, layout.m)
    made = []
    for target in targets:
        index = target.index
        sealed = shards.seal_shard(case.user_key, layout, index, pieces[index])
        if sealed.sha256 != lost[index].sha256:
            raise IntegrityError("sha256")
        shard = Shard(sealed.body, sealed.sha256)
        made.append(Parcel(index, target.account, lost[index].name, shard))
    return made


def _put(case: Case, lost: KnownShard, parcel: Parcel) -> ProviderError | None:
    """Put one shard and record it; return what its provider said against it."""
    is_begun = lost.state is ShardState.INTENT and lost.account_id == parcel.account
    try:
        provider = case.tools.open_provider(parcel.account)
        object_id = lost.object_id if is_begun else _begin(case, provider, lost, parcel)
    except ProviderError as refusal:
        return note_failure(case, parcel.account, refusal)
    try:
        stored = provider.put(parcel.name, parcel.shard, object_id)
    except ObjectDiffers as refusal:
        # What lies there under this name or id is of no use: it is cleared away next time.
        _mark_damaged(case, parcel)
        return refusal
    except ProviderError as refusal:
        return note_refused(case, stray_of(case.pack.id, parcel, object_id), refusal)
    confirm(case, case.pack.id, parcel, stored.object_id)
    return None


def _begin(case: Case, provider: Provider, lost: KnownShard, parcel: Parcel) -> ObjectId | None:
    """Clear the place, reserve an id and commit the intent."""
    if parcel.account == lost.account_id:
        _demand_lost(case, lost)
        _clear_away(provider, lost)
    object_id = reserve(provider)
    with case.tools.sessions.begin() as session:
        hold(session, case.claim)
        if parcel.account != lost.account_id and lost.is_linked:
            _leave_behind(session, case, lost)
        _write_intent(session, case, lost, parcel, object_id)
    return object_id


def _demand_lost(case: Case, lost: KnownShard) -> None:
    """Refusal when the shard is not as it was: it proved itself, or its account came back."""
    with case.tools.sessions() as session:
        row = session.get(ShardRow, (case.pack.id, lost.index))
    if row is None or (row.account_id, row.state) != (lost.account_id, lost.state):
        raise Refusal((), Temporary())


def _clear_away(provider: Provider, lost: KnownShard) -> None:
    """Remove what lies in the place: another object could not be put there by every provider."""
    if lost.object_id is not None:
        provider.delete(lost.object_id)
        return
    for found in provider.find(lost.name):
        provider.delete(found.object_id)


def _leave_behind(session: Session, case: Case, lost: KnownShard) -> None:
    """Have what may lie at the account that the shard leaves cleaned up: a pack of its own."""
    row = session.get(ShardRow, (case.pack.id, lost.index), populate_existing=True)
    if row is None:
        raise LeaseLost
    layout = case.pack.layout
    left = Pack(
        id=uuid.uuid4(),
        user_id=case.pack.user_id,
        epoch=case.pack.epoch,
        length=layout.pack_length,
        digest=layout.digest,
        k=layout.k,
        m=layout.m,
    )
    session.add(left)
    session.flush()
    session.add(
        ShardRow(
            pack_id=left.id,
            index=row.index,
            account_id=row.account_id,
            name=row.name,
            object_id=row.object_id,
            length=row.length,
            sha256=row.sha256,
            state=ShardState.DELETING,
            stored_at=row.stored_at,
        )
    )
    session.flush()
    cleanup.clean_packs(session, case.pack.user_id, [left.id])


def _write_intent(
    session: Session, case: Case, lost: KnownShard, parcel: Parcel, object_id: ObjectId | None
) -> None:
    """Point the shard's row to where it will lie; Refusal when it is not as it was: look anew."""
    demand_linked(session, parcel.account, also=lost.account_id)
    row = session.get(
        ShardRow, (case.pack.id, lost.index), with_for_update=True, populate_existing=True
    )
    if row is None or row.state is ShardState.DELETING:
        raise LeaseLost
    is_as_it_was = row.state is lost.state or parcel.account == lost.account_id
    if row.account_id != lost.account_id or not is_as_it_was:
        # In its own place it was cleared away just now, whatever was thought of it meanwhile.
        raise Refusal((), Temporary())
    is_left_behind = parcel.account != lost.account_id and lost.is_linked
    if row.stored_at is not None and not is_left_behind:
        count_bytes(session, row.account_id, -row.length)
    row.account_id, row.object_id = parcel.account, object_id
    row.state, row.tries = ShardState.INTENT, row.tries + 1
    row.stored_at = row.verified_at = None


def _mark_damaged(case: Case, parcel: Parcel) -> None:
    with case.tools.sessions.begin() as session:
        hold(session, case.claim)
        row = session.get(ShardRow, (case.pack.id, parcel.index), with_for_update=True)
        if row is not None and row.state is ShardState.INTENT:
            row.state = ShardState.DAMAGED
