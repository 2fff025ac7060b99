"""One person, their accounts in memory or in folders, and everything that storage needs."""

import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.orm import InstrumentedAttribute, Session, sessionmaker

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.crypto import wrapping
from balancecloud.crypto.keys import MasterKeys
from balancecloud.errors import Cancelled, LeaseLost, SignInAgain
from balancecloud.library.removal import Deletion, delete_for_good
from balancecloud.library.uploads import Arrived, Intake, Wanted
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Node, SpoolPart, Upload, Version
from balancecloud.models.people import User, UserKeyRow
from balancecloud.models.states import AccountState, JobState, ShardState, VersionState, WorkKind
from balancecloud.storage import outcome, reader, upkeep, waking, work
from balancecloud.storage.cleaner import delete_job
from balancecloud.storage.completion import COUNTED
from balancecloud.storage.figures import StoreProgress
from balancecloud.storage.links import Links
from balancecloud.storage.mending import mend
from balancecloud.storage.pace import Paces
from balancecloud.storage.packer import form_packs
from balancecloud.storage.spool import LocalSpool, Spool
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim
from balancecloud.storage.writer import store_run
from tests.fakes.memory_provider import MemoryProvider

CHUNK = 4096
FRAME_LOG2 = 9
LEASE = 60.0
PATIENCE = 30.0
NOTHING = -1  # no last chunk shares a pack: each chunk is a pack of its own

Stop = Callable[[], None]


def go_on() -> None:
    """Never stop."""


def say_nothing(_now: Sequence[StoreProgress]) -> None:
    """Nobody watches."""


def stop_at(call: int, error: Exception) -> Stop:
    """Return a stop() that raises on its n-th call, counted from 0, and from then on."""
    calls = iter(range(call))

    def stop() -> None:
        if next(calls, None) is None:
            raise error

    return stop


def make_tools(
    config: Config,
    sessions: sessionmaker[Session],
    spool: Spool | None = None,
    shared: int = NOTHING,
) -> tuple[Tools, dict[uuid.UUID, Provider]]:
    """Build tools whose accounts are looked up in the returned dict."""
    providers: dict[uuid.UUID, Provider] = {}

    def open_provider(account_id: uuid.UUID) -> Provider:
        if account_id not in providers:
            raise SignInAgain
        return providers[account_id]

    small = replace(
        config,
        chunk_size=CHUNK,
        frame_log2=FRAME_LOG2,
        largest_shared_chunk=shared,
        pack_quiet_seconds=0.0,
    )
    keys = MasterKeys({number: key.reveal() for number, key in config.master_keys.items()})
    local = spool or LocalSpool(config.spool_dir, 0)
    # A busy machine is no late account: only tests of lateness are impatient.
    links = Links(paces=Paces(spare=PATIENCE))
    return Tools(small, sessions, keys, local, open_provider, SYSTEM_CLOCK, links=links), providers


@dataclass
class Person:
    """A person and what they have; `tools` may be exchanged by a test."""

    tools: Tools
    providers: dict[uuid.UUID, Provider]
    user_id: uuid.UUID
    memory: list[MemoryProvider] = field(default_factory=list)
    account_ids: list[uuid.UUID] = field(default_factory=list)

    @classmethod
    def new(
        cls,
        tools: Tools,
        providers: dict[uuid.UUID, Provider],
        *,
        accounts: int = 0,
        protection: int = 1,
        quota: int | None = None,
    ) -> "Person":
        user_id = uuid.uuid4()
        row = wrapping.user_key_row(user_id.bytes, 1)
        wrapped = wrapping.wrap(tools.keys.writing, row, secrets.token_bytes(32))
        with tools.sessions.begin() as session:
            session.add(
                User(
                    id=user_id,
                    email=f"{user_id}@example.org",
                    password_hash="-",
                    protection=protection,
                    quota_bytes=quota,
                )
            )
            session.flush()
            version = tools.keys.writing.version
            session.add(
                UserKeyRow(user_id=user_id, epoch=1, master_version=version, wrapped=wrapped)
            )
        person = cls(tools, providers, user_id)
        for _ in range(accounts):
            person.link()
        return person

    def link(self, provider: Provider | None = None, total: int | None = 15 << 30) -> uuid.UUID:
        """Link an account; one in memory unless another is handed in."""
        account_id = uuid.uuid4()
        if provider is None:
            provider = MemoryProvider(subject=f"memory-{account_id}", total=total)
            self.memory.append(provider)
        self.providers[account_id] = provider
        self.account_ids.append(account_id)
        with self.tools.sessions.begin() as session:
            session.add(
                CloudAccount(
                    id=account_id,
                    user_id=self.user_id,
                    provider="folder",
                    subject=str(account_id),
                    domain=str(account_id),
                    label="Account",
                    color=0,
                    state=AccountState.HEALTHY,
                    total_bytes=total,
                )
            )
            session.flush()
            waking.wake(session, self.user_id)
        return account_id

    # --- uploading ------------------------------------------------------------------------------

    def intake(
        self, *, parent: uuid.UUID | None = None, conflict: str = "version", declared: int = 1 << 20
    ) -> Intake:
        return Intake(self.tools, Wanted(self.user_id, parent, conflict, "web", declared))

    def upload(
        self,
        *contents: bytes,
        name: str = "file",
        parent: uuid.UUID | None = None,
        conflict: str = "version",
    ) -> Arrived:
        """Take files in; the second is called "<name>-1" and so on."""
        declared = sum(map(len, contents)) + 100
        intake = self.intake(parent=parent, conflict=conflict, declared=declared)
        for number, content in enumerate(contents):
            intake.start_file([f"{name}-{number}" if number else name], None)
            intake.write(content)
            intake.end_file()
        return intake.finish()

    # --- working --------------------------------------------------------------------------------

    def claim(self) -> Claim:
        """Take what is due; a row that is locked for a moment is waited for."""
        for _ in range(200):
            taken = self.try_claim()
            if taken is not None:
                return taken
            with self.tools.sessions() as session:
                session.execute(text("SELECT pg_sleep(0.01)"))
        raise AssertionError("nothing is due")

    def try_claim(self) -> Claim | None:
        """Take what is due; None when there is nothing."""
        with self.tools.sessions.begin() as session:
            return work.claim(session, uuid.uuid4(), LEASE)

    def store(self, claim: Claim, stop: Stop = go_on) -> None:
        store_run(self.tools, claim, say_nothing, stop)

    def form(self, claim: Claim, stop: Stop = go_on) -> None:
        form_packs(self.tools, claim, say_nothing, stop)

    def clean(self, claim: Claim, stop: Stop = go_on) -> None:
        delete_job(self.tools, claim, lambda _done, _total: None, stop)

    def delete(self, arrived: Arrived, number: int = 0) -> Deletion:
        """Delete a file for good, as a page does: its spool goes after the commit."""
        return self.delete_node(arrived.node_ids[number])

    def delete_node(self, node_id: uuid.UUID) -> Deletion:
        with self.tools.sessions.begin() as session:
            deletion = delete_for_good(session, self.user_id, node_id, "web")
        for upload_id in deletion.upload_ids:
            self.tools.spool.remove(upload_id)
        return deletion

    def carry_out(self, claim: Claim, stop: Stop = go_on) -> Exception | None:
        """Do one claim as a worker does; return what stopped it."""
        try:
            if claim.kind is WorkKind.STORE:
                self.store(claim, stop)
            elif claim.kind in upkeep.MENDING:
                mend(self.tools, claim, stop)
            elif claim.kind is WorkKind.FORM:
                self.form(claim, stop)
            else:
                self.clean(claim, stop)
        except LeaseLost as error:
            return error
        except Exception as error:  # noqa: BLE001 - the place of the job wrapper
            outcome.settle(self.tools, claim, error)
            return error
        return None

    def obey(self) -> None:
        """Stop as a worker does whose person cancelled the job."""
        with self.tools.sessions() as session:
            if session.scalar(select(Job.id).where(Job.state == JobState.CANCELLING).limit(1)):
                raise Cancelled

    def work(self, *, rounds: int = 200) -> list[Exception]:
        """Do everything that is due now; return what went wrong."""
        problems: list[Exception] = []
        for _ in range(rounds):
            taken = self.try_claim()
            if taken is None:
                return problems
            problem = self.carry_out(taken, self.obey)
            problems += [problem] if problem else []
        raise AssertionError("the work does not end")

    def make_due(self) -> None:
        """Let the waiting times of all work pass, and those of its accounts."""
        with self.tools.sessions.begin() as session:
            waking.wake(session, self.user_id)
            session.execute(
                update(CloudAccount).values(paused_until=None).where(self._mine(CloudAccount))
            )

    def lose_lease(self, claim: Claim) -> None:
        """Let the lease run out, as if the worker had been killed."""
        with self.tools.sessions.begin() as session:
            session.execute(
                update(Work)
                .where(Work.id == claim.id)
                .values(lease_until=func.now() - timedelta(hours=1))
            )

    # --- looking --------------------------------------------------------------------------------

    def read(self, version_id: uuid.UUID, begin: int = 0, end: int | None = None) -> bytes:
        with self.tools.sessions() as session:
            version = session.get_one(Version, version_id)
            reading = reader.open_version(self.tools, session, version)
        stop = version.size if end is None else end
        return b"".join(reader.stream(reading, begin, stop))

    def version(self, arrived: Arrived, number: int = 0) -> Version:
        """Return the newest version of a file that arrived."""
        with self.tools.sessions() as session:
            found = session.scalar(
                select(Version)
                .join(Node, Node.file_id == Version.file_id)
                .where(Node.id == arrived.node_ids[number], Version.job_id == arrived.job_id)
                .order_by(Version.number.desc())
                .limit(1)
            )
        assert found is not None
        return found

    def job(self, job_id: uuid.UUID) -> Job:
        with self.tools.sessions() as session:
            return session.get_one(Job, job_id)

    def user(self) -> User:
        with self.tools.sessions() as session:
            return session.get_one(User, self.user_id)

    def shards(self, version_id: uuid.UUID) -> list[ShardRow]:
        with self.tools.sessions() as session:
            return list(
                session.scalars(
                    select(ShardRow)
                    .join(Chunk, Chunk.pack_id == ShardRow.pack_id)
                    .where(Chunk.version_id == version_id)
                    .order_by(Chunk.index, ShardRow.index)
                )
            )

    def objects(self) -> set[tuple[uuid.UUID, str]]:
        """Return the account and name of all that lies at the accounts; twins are refused."""
        found = [
            (account_id, str(stored.name))
            for account_id in self.account_ids
            for stored in self.providers[account_id].listing()
        ]
        assert len(found) == len(set(found)), "there are twins"
        return set(found)

    def known_objects(self, *states: ShardState) -> set[tuple[uuid.UUID, str]]:
        """Return the account and name of shards the index knows, in these states or in any."""
        with self.tools.sessions() as session:
            rows = session.scalars(
                select(ShardRow).join(Pack).where(Pack.user_id == self.user_id)
            ).all()
        return {(row.account_id, row.name) for row in rows if not states or row.state in states}

    def check_books(self) -> None:
        """Compare the quota, the index and the accounts: each byte is counted once."""
        user = self.user()
        with self.tools.sessions() as session:
            used = _sum(session, Version.size, self._mine(Version), Version.state.in_(COUNTED))
            reserved = _sum(session, Upload.reserved_bytes, self._mine(Upload))
            uploads = set(session.scalars(select(Upload.id)))
            parts = set(session.scalars(select(SpoolPart.upload_id)))
            nodes = set(session.scalars(select(Node.file_id).where(Node.file_id.is_not(None))))
            lost = session.scalars(
                select(Version.id).where(
                    self._mine(Version),
                    Version.state != VersionState.CANCELLED,
                    Version.file_id.not_in(nodes),
                )
            ).all()
        assert (user.used_bytes, user.reserved_bytes) == (used, reserved)
        assert parts <= uploads
        assert not lost, "versions that no node shows"
        stored = (ShardState.STORED, ShardState.VERIFIED)
        assert self.known_objects(*stored) <= self.objects() <= self.known_objects()
        self._check_room()

    def check_settled(self) -> None:
        """Compare as `check_books` does, and demand that nothing is on its way any more."""
        self.check_books()
        with self.tools.sessions() as session:
            assert set(self.tools.spool.uploads()) <= set(session.scalars(select(Upload.id)))
        stored = (ShardState.STORED, ShardState.VERIFIED)
        assert self.objects() == self.known_objects() == self.known_objects(*stored)

    def _check_room(self) -> None:
        """The used bytes of each account are those of its shards that were stored."""
        with self.tools.sessions() as session:
            for account_id in self.account_ids:
                held = _sum(
                    session,
                    ShardRow.length,
                    ShardRow.account_id == account_id,
                    ShardRow.stored_at.is_not(None),
                )
                account = session.get_one(CloudAccount, account_id)
                assert account.used_bytes == account.stored_bytes == held

    def _mine(self, table: type[Version | Upload | CloudAccount]) -> ColumnElement[bool]:
        return table.user_id == self.user_id


def _sum(session: Session, column: InstrumentedAttribute[int], *where: ColumnElement[bool]) -> int:
    return int(session.scalar(select(func.coalesce(func.sum(column), 0)).where(*where)) or 0)
