"""Taking files in: one form's files either all become versions, or nothing of them stays.

The beginning, the parts and the end of an upload are committed each for itself, so that what is
under way is seen, and what was abandoned is found and removed.
"""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Update

from balancecloud.config import Config
from balancecloud.crypto import wrapping
from balancecloud.crypto.keys import MasterKeys
from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import BrokenUpload, Cancelled, NoSpoolSpace, TooLarge
from balancecloud.library import abandoned, mime_types, quota, tree
from balancecloud.library.sealing import Envelope, SpoolWriter
from balancecloud.library.tree import Taken
from balancecloud.library.views import NodeView
from balancecloud.models.jobs import Job, JobEvent
from balancecloud.models.library import Node, Upload, Version
from balancecloud.models.people import User
from balancecloud.models.states import JobKind, JobState, UploadState, VersionState
from balancecloud.storage import runs, version_keys
from balancecloud.storage.figures import numbers, numbers_table
from balancecloud.storage.tools import Tools

# How long a receiving request may be silent before its upload counts as abandoned. Longer than
# the read deadline on the body, so that a living request always renews it first.
LEASE = timedelta(seconds=120)
NOTE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where files of a form go, and what to do about a name that is taken."""

    user_id: uuid.UUID
    parent_id: uuid.UUID | None
    conflict: str
    source: str  # "web" | "api"
    declared_bytes: int  # of the whole body: what is reserved


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a form became."""

    job_id: uuid.UUID
    node_ids: tuple[uuid.UUID, ...]
    work_ids: tuple[uuid.UUID, ...]
    node: NodeView | None = None  # of the one file, where nobody has to be asked for it

    @property
    def is_small(self) -> bool:
        """Whether all that is to be done is to form a pack."""
        return self.node is not None


@dataclass(slots=True)
class Incoming:
    """One file of a form while it arrives."""

    node_id: uuid.UUID
    version_id: uuid.UUID
    upload_id: uuid.UUID
    writer: SpoolWriter
    length: int = 0
    sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class Whole:
    """A file of which every byte is durable in the spool."""

    version_id: uuid.UUID
    upload_id: uuid.UUID
    length: int
    sha256: bytes


class Intake:
    """The files of one form on their way into the spool."""

    def __init__(self, tools: Tools, wanted: Wanted) -> None:
        self._tools = tools
        self._wanted = wanted
        self._owner = uuid.uuid4()
        self._job_id: uuid.UUID | None = None
        self._files: list[Incoming] = []
        self._made_folders: list[uuid.UUID] = []
        self._received = 0
        self._noted_at = tools.clock.monotonic()

    def start_file(self, path: Sequence[str], content_type: str | None) -> None:
        """Begin the next file; its last name is the file's, those before are folders.

        The first one reserves the whole body. Raises what stands in its way; nothing stays then.
        """
        if self._tools.spool.free_bytes() < self._wanted.declared_bytes - self._received:
            raise NoSpoolSpace
        with self._tools.sessions.begin() as session:
            self._files.append(self._begin(session, path, content_type))

    def write(self, plaintext: Buffer) -> None:
        """Take bytes of the file begun last; TooLarge beyond the largest file allowed."""
        current = self._files[-1]
        if current.writer.length + len(plaintext) > self._tools.config.largest_file_bytes:
            raise TooLarge
        if self._received + len(plaintext) > self._wanted.declared_bytes:
            raise BrokenUpload
        current.writer.write(plaintext)
        self._received += len(plaintext)
        if self._tools.clock.monotonic() - self._noted_at >= NOTE_SECONDS:
            self._note(current)

    def end_file(self) -> None:
        """Make the file begun last durable in the spool."""
        current = self._files[-1]
        current.writer.finish()
        current.length, current.sha256 = current.writer.length, current.writer.sha256

    def finish(self) -> Arrived:
        """Make every file a version on its way, in one transaction.

        Cancelled if the job was, BrokenUpload if a file was deleted meanwhile.
        """
        if self._job_id is None:
            raise AssertionError("A form without a file is refused before it is finished.")
        with self._tools.sessions.begin() as session:
            job = _hold_living(session, self._job_id)
            job.files_total = len(self._files)
            if job.state is not JobState.PAUSED:
                job.state = JobState.QUEUED
            versions = [_receive(session, file) for file in self._files]
            work_ids = runs.queue(session, self._tools.config, versions)
            note_sizes(session, {file.version_id: file.length for file in self._files})
            kept = sum(file.length for file in self._files)
            quota.give_back(session, self._wanted.user_id, self._wanted.declared_bytes - kept)
            values = {"files": len(self._files), "bytes": kept}
            session.add(JobEvent(job_id=job.id, code="upload.received", args=values))
        nodes = tuple(file.node_id for file in self._files)
        return Arrived(self._job_id, nodes, tuple(work_ids))

    def abort(self, reason: str) -> None:
        """Leave nothing of the form but its job, which says why."""
        for file in self._files:
            file.writer.drop()
        if self._job_id is None:
            return
        with self._tools.sessions.begin() as session:
            abandoned.abandon_job(session, self._job_id, reason)
        with self._tools.sessions.begin() as session:
            abandoned.drop_empty_folders(session, self._made_folders)
            ids = {file.upload_id for file in self._files}
            received = set(session.scalars(select(Upload.id).where(Upload.id.in_(ids))))
        for upload_id in ids - received:
            self._tools.spool.remove(upload_id)

    def _begin(self, session: Session, path: Sequence[str], content_type: str | None) -> Incoming:
        wanted = self._wanted
        rest = wanted.declared_bytes - self._received
        is_first = self._job_id is None
        if self._job_id is not None:
            _hold_living(session, self._job_id)
        tree.find_folder(session, wanted.user_id, wanted.parent_id)
        job_id = self._job_id or open_job(session, wanted, path[-1])
        folder_id, made = tree.ensure_folders(session, wanted.user_id, wanted.parent_id, path[:-1])
        taken = tree.take_file(session, wanted.user_id, folder_id, path[-1], wanted.conflict)
        version = self._add_version(session, taken, path[-1], content_type)
        version.job_id, version.size = job_id, rest
        session.flush()
        if self._files:
            # The file before keeps only its own bytes of the reservation: the rest is this one's.
            _settle_size(session, self._files[-1])
        envelope = add_upload(session, self._tools.keys, version, rest, self._owner)
        if not is_first:
            total = len(self._files) + 1
            session.execute(update(Job).where(Job.id == job_id).values(files_total=total))
        else:
            # Last, as everybody locks people's rows after all others.
            quota.reserve(session, wanted.user_id, wanted.declared_bytes)
        self._job_id = job_id
        self._made_folders += made
        writer = SpoolWriter(self._tools, envelope)
        return Incoming(taken.node.id, version.id, envelope.upload_id, writer)

    def _add_version(
        self, session: Session, taken: Taken, name: str, content_type: str | None
    ) -> Version:
        version = new_version(session, self._tools.config, self._tools.keys, taken)
        version.mime_type = mime_types.of(name, content_type)
        session.add(version)
        return version

    def _note(self, current: Incoming) -> None:
        """Say how far it is, and that this request lives; Cancelled if the job was."""
        self._noted_at = self._tools.clock.monotonic()
        if self._job_id is None:
            raise AssertionError("A file that arrives has a job.")
        with self._tools.sessions.begin() as session:
            _hold_living(session, self._job_id)
            session.execute(
                update(Version)
                .where(Version.id == current.version_id)
                .values(received_bytes=current.writer.length)
            )
            session.execute(
                update(Upload)
                .where(Upload.owner == self._owner)
                .values(lease_until=func.now() + LEASE)
            )


def take_in(session: Session, whole: Whole) -> Version:
    """Say that a file is whole in the spool: its size, its hash, and that no request is needed.

    BrokenUpload when the file was deleted while it arrived.
    """
    version: Version | None = session.scalar(
        update(Version)
        .where(Version.id == whole.version_id)
        .values(state=VersionState.QUEUED, **_measured(whole))
        .returning(Version)
    )
    received = session.scalar(
        update(Upload)
        .where(Upload.id == whole.upload_id)
        .values(
            state=UploadState.RECEIVED,
            owner=None,
            lease_until=None,
            reserved_bytes=whole.length,
        )
        .returning(Upload.id)
    )
    if version is None or received is None:
        raise BrokenUpload
    return version


def _receive(session: Session, file: Incoming) -> Version:
    version = take_in(session, Whole(file.version_id, file.upload_id, file.length, file.sha256))
    file.writer.record_rest(session)
    return version


def new_version(session: Session, config: Config, keys: MasterKeys, taken: Taken) -> Version:
    """Return the next version of a file, with a key of its own; the node is locked for it.

    With it a copy begins a file of its own, whose numbers go on from the one it shows.
    """
    node = taken.node
    if node.file_id is None:
        raise AssertionError("A folder has no versions.")
    number = 1 if taken.is_new else _next_number(session, node)
    key = version_keys.newest_user_key(session, keys, node.user_id)
    secret = secrets.token_bytes(32)
    asked = select(User.protection).where(User.id == node.user_id).scalar_subquery()
    return Version(
        user_id=node.user_id,
        file_id=node.id,
        number=number,
        state=VersionState.RECEIVING,
        size=0,
        chunk_size=config.chunk_size,
        frame_log2=config.frame_log2,
        pad=True,
        epoch=key.epoch,
        file_key=version_keys.wrap_file_key(key, node.id, number, secret),
        protection=asked,
        mime_type=mime_types.UNKNOWN,
    )


def _next_number(session: Session, node: Node) -> int:
    shown = session.scalar(select(Node.version).where(Node.id == node.id).with_for_update())
    highest = select(func.max(Version.number)).where(Version.file_id == node.id)
    return max(session.scalar(highest) or 0, shown or 0) + 1


def _hold_living(session: Session, job_id: uuid.UUID) -> Job:
    """Lock a job that is being received; Cancelled or BrokenUpload when that is over."""
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is not None and job.state in {JobState.CANCELLING, JobState.CANCELLED}:
        raise Cancelled
    if job is None or job.state not in {JobState.RUNNING, JobState.PAUSED}:
        raise BrokenUpload
    return job


def open_job(session: Session, wanted: Wanted, name: str) -> uuid.UUID:
    """Open the job under which files are received; its first one has this name."""
    job = Job(
        user_id=wanted.user_id,
        kind=JobKind.STORE,
        state=JobState.RUNNING,
        source=wanted.source,
        folder_id=wanted.parent_id,
        subject=name,
        started_at=func.now(),
        files_total=1,
    )
    session.add(job)
    session.flush()
    return job.id


def add_upload(
    session: Session, keys: MasterKeys, version: Version, reserved: int, owner: uuid.UUID | None
) -> Envelope:
    """Give a version a place in the spool and a key; without an owner no request holds it."""
    upload_id, key = uuid.uuid4(), secrets.token_bytes(32)
    row = wrapping.upload_key_row(version.user_id.bytes, upload_id.bytes)
    session.add(
        Upload(
            id=upload_id,
            user_id=version.user_id,
            version_id=version.id,
            state=UploadState.RECEIVING,
            reserved_bytes=reserved,
            wrapped_key=wrapping.wrap(keys.writing, row, key),
            master_version=keys.writing.version,
            owner=owner,
            lease_until=func.now() + LEASE if owner else None,
        )
    )
    session.flush()
    return Envelope(version.user_id, upload_id, key)


def _settle_size(session: Session, file: Incoming) -> None:
    """Write down a file's exact size, its hash, and that it needs no more than that.

    BrokenUpload when the file was deleted while it arrived.
    """
    session.execute(update(Version).where(Version.id == file.version_id).values(**_measured(file)))
    settled = session.scalar(
        update(Upload)
        .where(Upload.id == file.upload_id)
        .values(reserved_bytes=file.length)
        .returning(Upload.id)
    )
    if settled is None:
        raise BrokenUpload


def note_sizes(session: Session, sizes: Mapping[uuid.UUID, int]) -> None:
    """Give the nodes of new files their sizes, by version, for lists; called after work is queued.

    Whoever forms packs may have to show an older version of the same file: nodes come after its
    row. Who is at a node just now is not waited for, as a form takes its files in as they came.
    """
    session.connection().execute(_noting_sizes(), numbers(sizes))


@cache
def _noting_sizes() -> Update:
    of = numbers_table()
    free = (
        select(Node.id, of.c.n)
        .join(Version, Version.file_id == Node.id)
        .join(of, of.c.id == Version.id)
        .where(Node.version.is_(None))
        .with_for_update(of=Node, skip_locked=True)
        .cte("free")
    )
    return update(Node).where(Node.id == free.c.id).values(size=free.c.n)


def _measured(file: Incoming | Whole) -> dict[str, Any]:
    return {"size": file.length, "received_bytes": file.length, "sha256": file.sha256}
