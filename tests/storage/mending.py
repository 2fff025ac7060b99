"""What tests of repairs and moves do to packs, and how they look at them afterwards."""

import uuid
from datetime import timedelta

from sqlalchemy import delete, func, select, update

from balancecloud.clouds.provider import ObjectId
from balancecloud.library.uploads import Arrived
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.jobs import Job
from balancecloud.models.library import Node, Version
from balancecloud.models.people import User
from balancecloud.models.states import AccountState, JobKind, ShardState
from balancecloud.storage import packing, upkeep, version_keys
from balancecloud.storage.cleanup import drop_chunks
from balancecloud.storage.packing import VersionKeys
from balancecloud.storage.placement import Placed, Plan
from tests.fakes.memory_provider import MemoryProvider
from tests.storage.world import Person


def gather(person: Person) -> list[uuid.UUID]:
    with person.tools.sessions.begin() as session:
        return upkeep.gather(session, person.user_id)


def protect(person: Person, protection: int) -> None:
    with person.tools.sessions.begin() as session:
        session.execute(update(User).where(User.id == person.user_id).values(protection=protection))


def repair_jobs(person: Person) -> list[Job]:
    with person.tools.sessions() as session:
        return list(
            session.scalars(
                select(Job)
                .where(Job.user_id == person.user_id, Job.kind == JobKind.REPAIR)
                .order_by(Job.created_at)
            )
        )


def packs_of(person: Person) -> list[Pack]:
    """Return the packs that hold a chunk."""
    with person.tools.sessions() as session:
        held = select(Chunk.pack_id)
        mine = Pack.user_id == person.user_id
        return list(session.scalars(select(Pack).where(mine, Pack.id.in_(held)).order_by(Pack.id)))


def rows_of(person: Person, pack_id: uuid.UUID) -> list[ShardRow]:
    with person.tools.sessions() as session:
        query = select(ShardRow).where(ShardRow.pack_id == pack_id).order_by(ShardRow.index)
        return list(session.scalars(query))


def account_of(person: Person, account_id: uuid.UUID) -> MemoryProvider:
    provider = person.providers[account_id]
    assert isinstance(provider, MemoryProvider)
    return provider


def damage(person: Person, row: ShardRow) -> None:
    """Flip a bit of what an account holds, and say so as a reader does."""
    objects = account_of(person, row.account_id).objects
    name, content = objects[ObjectId(row.object_id or "")]
    objects[ObjectId(row.object_id or "")] = (name, content[:-1] + bytes([content[-1] ^ 1]))
    mark(person, row, ShardState.DAMAGED)


def lose(person: Person, row: ShardRow) -> None:
    """Remove what an account holds, and say so as a reader does."""
    del account_of(person, row.account_id).objects[ObjectId(row.object_id or "")]
    mark(person, row, ShardState.MISSING)


def mark(person: Person, row: ShardRow, state: ShardState) -> None:
    with person.tools.sessions.begin() as session:
        session.execute(
            update(ShardRow)
            .where(ShardRow.pack_id == row.pack_id, ShardRow.index == row.index)
            .values(state=state)
        )


def set_account(
    person: Person, account_id: uuid.UUID, state: AccountState, since: timedelta = timedelta()
) -> None:
    with person.tools.sessions.begin() as session:
        session.execute(
            update(CloudAccount)
            .where(CloudAccount.id == account_id)
            .values(state=state, state_since=func.now() - since)
        )


def unlink(person: Person, account_id: uuid.UUID) -> None:
    """Unlink an account as the page does, whatever it holds."""
    del person.providers[account_id]
    with person.tools.sessions.begin() as session:
        session.execute(
            update(ShardRow)
            .where(ShardRow.account_id == account_id)
            .values(state=ShardState.MISSING)
        )
        account = session.get_one(CloudAccount, account_id)
        account.state = AccountState.UNLINKED
        account.used_bytes = account.stored_bytes = 0
    gone = person.account_ids.index(account_id)
    person.account_ids.pop(gone)
    person.memory.pop(gone)


def share_a_pack(person: Person, arrived: Arrived, contents: list[bytes]) -> uuid.UUID:
    """Put the files of one form, a chunk each, into one pack, as small files are."""
    with person.tools.sessions.begin() as session:
        versions = [person.version(arrived, number) for number in range(len(contents))]
        user_key = version_keys.user_key(session, person.tools.keys, person.user_id, 1)
        pack = packing.seal_pack(
            packing.Opened(
                version,
                0,
                VersionKeys(user_key, version_keys.file_key(version, user_key)),
                content,
            )
            for version, content in zip(versions, contents, strict=True)
        )
        drop = drop_chunks(session, [version.id for version in versions])
        session.execute(delete(Pack).where(Pack.id.in_(drop)))
        pack_id = _store(person, session, user_key, pack)
        session.add_all(
            Chunk(
                version_id=one.version.id,
                index=0,
                pack_id=pack_id,
                offset=one.offset,
                salt=one.salt,
            )
            for one in pack.chunks
        )
    return pack_id


def _store(person: Person, session, user_key, pack) -> uuid.UUID:  # type: ignore[no-untyped-def] # noqa: ANN001
    for provider in person.memory:
        provider.objects.clear()
    pack_id = uuid.uuid4()
    accounts = person.account_ids
    plan = Plan(len(accounts) - 1, 1, tuple(Placed(i, a, "-") for i, a in enumerate(accounts)))
    layout = packing.layout_of(pack_id, pack, plan.k, plan.m)
    session.add(
        Pack(
            id=pack_id,
            user_id=person.user_id,
            epoch=1,
            length=len(pack.body),
            digest=pack.digest,
            k=plan.k,
            m=plan.m,
        )
    )
    session.flush()
    for parcel in packing.parcels(user_key, layout, pack, plan):
        provider = account_of(person, parcel.account)
        stored = provider.put(parcel.name, parcel.shard, None)
        session.add(
            ShardRow(
                pack_id=pack_id,
                index=parcel.index,
                account_id=parcel.account,
                name=parcel.name,
                object_id=stored.object_id,
                length=parcel.shard.length,
                sha256=parcel.shard.sha256,
                state=ShardState.STORED,
                stored_at=func.now(),
            )
        )
        session.execute(
            update(CloudAccount)
            .where(CloudAccount.id == parcel.account)
            .values(used_bytes=parcel.shard.length, stored_bytes=parcel.shard.length)
        )
    return pack_id


def with_domain(person: Person, account_id: uuid.UUID, domain: str) -> None:
    with person.tools.sessions.begin() as session:
        session.execute(
            update(CloudAccount).where(CloudAccount.id == account_id).values(domain=domain)
        )


def nodes_of(person: Person) -> list[uuid.UUID]:
    with person.tools.sessions() as session:
        return list(session.scalars(select(Node.id).where(Node.user_id == person.user_id)))


def states_of(person: Person) -> set[str]:
    with person.tools.sessions() as session:
        mine = Version.user_id == person.user_id
        return {state.value for state in session.scalars(select(Version.state).where(mine))}
