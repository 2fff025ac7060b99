"""The bytes that one request sends of a resumable upload, on their way into the spool.

What counts is durable and recorded, and a request records only while it holds the upload's lease:
one that lost it to another, or whose upload is gone, finds that out and leaves nothing.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from balancecloud.crypto.primitives import Buffer
from balancecloud.crypto.spool_parts import PartRecord
from balancecloud.errors import BalanceCloudError, BrokenUpload, Cancelled, TooLarge
from balancecloud.library import early, resumables
from balancecloud.library.batches import CANCELLED
from balancecloud.library.resumables import LIFE
from balancecloud.library.sealing import Envelope, OpenPart, part_row
from balancecloud.library.upload_errors import (
    ChecksumMismatch,
    OffsetConflict,
    UploadGone,
    UploadLocked,
)
from balancecloud.library.uploads import Whole
from balancecloud.models.jobs import Job
from balancecloud.models.library import SpoolPart, Upload, Version
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import VersionState
from balancecloud.storage import spooled
from balancecloud.storage.spooled import SpooledUpload
from balancecloud.storage.tools import Tools

# A request that brings bytes renews its lease every second. One that brought none for so long may
# be dead: another may take its place, and it stops as soon as it notices.
LEASE: Final = timedelta(seconds=5)
NOTE_SECONDS: Final = 1.0
# On a slow line a part ends after this time, so that no more than that is ever sent again.
PART_SECONDS: Final = 5.0
# Each request and each 5 seconds make a part, and whoever stores the file holds all their rows:
# 1 TiB in pieces of 16 MiB has 65,536 of them.
MOST_PARTS: Final = 100_000
# What is read at once when sealed bytes are hashed again: whole frames.
AGAIN_BYTES: Final = 4 << 20
# As much as that is read again before the first byte is taken; more only once all is there.
SOON_BYTES: Final = 64 << 20


Ring = Callable[[uuid.UUID], object]


class Checksum(Protocol):
    """What the sender says that the bytes of one request hash to."""

    def update(self, plaintext: Buffer) -> None:
        """Take bytes that arrived."""
        ...

    def is_right(self) -> bool:
        """Say whether the bytes are those that were sent."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Held:
    """An upload that this request alone may go on with."""

    resumable_id: uuid.UUID
    version_id: uuid.UUID
    job_id: uuid.UUID
    envelope: Envelope
    owner: uuid.UUID
    offset: int
    length: int
    part: int  # the number of the first part it may write


@dataclass(frozen=True, slots=True)
class Ended:
    """How far a request came; work to ring for once all is there."""

    offset: int
    work_ids: tuple[uuid.UUID, ...] = ()


def claim(tools: Tools, user_id: uuid.UUID, resumable_id: uuid.UUID, offset: int) -> Held:
    """Take the lease of an upload to go on at this offset.

    UploadLocked while another request brings bytes, OffsetConflict when it goes on elsewhere,
    UploadGone or Cancelled when nobody wants it any more, TooLarge in too many pieces.
    """
    owner = uuid.uuid4()
    with tools.sessions.begin() as session:
        version, row = _lock(session, resumable_id)
        if row.user_id != user_id:
            raise UploadGone
        if row.owner is not None and _is_held(session, resumable_id):
            raise UploadLocked
        if version.received_bytes != offset:
            raise OffsetConflict
        if row.next_part >= MOST_PARTS:
            raise TooLarge("This upload came in too many pieces. Send it anew, in larger ones.")
        upload = session.scalars(select(Upload).where(Upload.version_id == version.id)).one()
        key = spooled.upload_key(tools.keys, upload)
        row.owner, part = owner, row.next_part
        row.next_part += 1
        _renew(row)
        if version.job_id is None:
            raise AssertionError("An upload belongs to a job.")
        envelope = Envelope(user_id, upload.id, key)
        return Held(row.id, version.id, version.job_id, envelope, owner, offset, row.length, part)


def leave_to_tick(_work_id: uuid.UUID) -> None:
    """Ring for nothing: what is due is found by the tick."""


class Arrival:
    """Takes the plaintext of one request; only `finish` or `break_off` ends it, or `drop`.

    What of a large file is whole meanwhile is rung for, to be stored while the rest arrives.
    """

    def __init__(
        self,
        tools: Tools,
        held: Held,
        checksum: Checksum | None = None,
        ring: Ring = leave_to_tick,
    ) -> None:
        self._tools = tools
        self._ring = ring
        self._held = held
        self._checksum = checksum
        self._number = held.part
        self._part: OpenPart | None = None
        self._closed = held.offset  # where the next part begins
        self._pending: list[PartRecord] = []  # durable, and not recorded
        self._prefix = tools.hashes.up_to(held.envelope.upload_id, held.offset)
        self._noted_at = self._part_began_at = tools.clock.monotonic()

    @property
    def offset(self) -> int:
        """How far the upload is with all that was taken."""
        return self._closed + (self._part.received if self._part else 0)

    def write(self, plaintext: Buffer) -> None:
        """Take more bytes; TooLarge beyond the length that was declared."""
        if self.offset + len(plaintext) > self._held.length:
            raise TooLarge
        self._hash(plaintext)
        view = memoryview(plaintext)
        while view:
            part = self._current()
            view = view[part.write(view) :]
            if part.is_full:
                self._end_part()
        self._look_up()

    def finish(self) -> Ended:
        """Record the rest and let the lease go; the last byte has the upload stored.

        ChecksumMismatch when the bytes are not those that were sent.
        """
        if self._checksum is not None and not self._checksum.is_right():
            raise ChecksumMismatch
        self._close_part()
        if self._closed == self._held.length:
            return self._complete()
        with self._tools.sessions.begin() as session:
            self._release(self._record(session))
        self._settle()
        return Ended(self._closed)

    def break_off(self) -> None:
        """Keep what arrived of a request that broke off, unless it has a checksum to pass."""
        if self._checksum is not None:
            self.drop()
            return
        try:
            self._close_part()
            with self._tools.sessions.begin() as session:
                self._release(self._record(session))
            self._settle()
        except BalanceCloudError:
            self.drop()

    def drop(self) -> None:
        """Leave nothing of what is not recorded, and let the lease go if it is held still."""
        held, spool = self._held, self._tools.spool
        if self._part is not None:
            self._part.drop()
            self._part = None
            spool.discard(held.envelope.upload_id, self._number)
        with self._tools.sessions.begin() as session:
            recorded = self._recorded(session)
            session.execute(
                update(Resumable)
                .where(Resumable.id == held.resumable_id, Resumable.owner == held.owner)
                .values(owner=None, lease_until=None)
            )
        for record in self._pending:
            if record.place.number not in recorded:
                spool.discard(held.envelope.upload_id, record.place.number)
        self._pending.clear()

    def _recorded(self, session: Session) -> set[int]:
        """Return the parts that count: of a commit whose answer was lost nobody knows but here."""
        if not self._pending:
            return set()
        # It may still be under way at the database: the version's lock waits for its end.
        version = select(Version.id).where(Version.id == self._held.version_id)
        session.scalar(version.with_for_update())
        of_upload = SpoolPart.upload_id == self._held.envelope.upload_id
        return set(session.scalars(select(SpoolPart.number).where(of_upload)))

    # --- parts ---------------------------------------------------------------------------------

    def _current(self) -> OpenPart:
        if self._part is None:
            envelope = self._held.envelope
            self._part = OpenPart(self._tools, envelope, self._number, self._closed)
            self._part_began_at = self._tools.clock.monotonic()
        return self._part

    def _close_part(self) -> None:
        """Make what the open part holds durable; it counts once it is recorded."""
        if self._part is None:
            return
        part, self._part = self._part, None
        try:
            record = part.finish()
        except BalanceCloudError as problem:
            part.drop()
            self._tools.spool.discard(self._held.envelope.upload_id, self._number)
            # The spool says so of an upload that was removed meanwhile.
            if isinstance(problem, BrokenUpload):
                raise UploadGone from problem
            raise
        self._pending.append(record)
        self._closed += record.length

    def _end_part(self) -> None:
        """Close a part in the middle of a request and get a number for the next one."""
        self._close_part()
        with self._tools.sessions.begin() as session:
            # With a checksum nothing counts before the last byte.
            row = self._record(session) if self._checksum is None else self._hold(session)[1]
            self._number = row.next_part
            row.next_part += 1
        if self._checksum is None:
            self._settle()
        self._noted_at = self._tools.clock.monotonic()

    def _look_up(self) -> None:
        """Now and then, say that this request lives, and see whether it is still wanted."""
        now = self._tools.clock.monotonic()
        if now - self._noted_at < NOTE_SECONDS:
            return
        is_old = self._part is not None and now - self._part_began_at >= PART_SECONDS
        if is_old and self._checksum is None:
            self._end_part()
            return
        self._note()

    def _note(self) -> None:
        with self._tools.sessions.begin() as session:
            self._hold(session)
        self._noted_at = self._tools.clock.monotonic()

    # --- rows ----------------------------------------------------------------------------------

    def _hold(self, session: Session) -> tuple[Version, Resumable]:
        """Lock the upload and renew its lease; raises when it is not this request's any more."""
        version, row = _lock(session, self._held.resumable_id)
        if row.owner != self._held.owner:
            raise UploadLocked
        _renew(row)
        return version, row

    def _record(self, session: Session) -> Resumable:
        """Let every durable part count, in the transaction that moves the offset."""
        version, row = self._hold(session)
        session.add_all(part_row(self._held.envelope, record) for record in self._pending)
        version.received_bytes = self._closed
        return row

    def _release(self, row: Resumable) -> None:
        row.owner = row.lease_until = None

    def _settle(self) -> None:
        """After the commit: what was pending is recorded, and its hash may be remembered."""
        self._pending.clear()
        if self._prefix.length == self._closed:
            self._tools.hashes.keep(self._held.envelope.upload_id, self._prefix)
        for work_id in early.note_durable(self._tools, self._held.envelope.upload_id):
            self._ring(work_id)

    def _complete(self) -> Ended:
        """Record the last byte and queue the version, in one transaction: never one alone."""
        self._hash_rest()
        held = self._held
        sha256 = self._prefix.digest.digest()
        whole = Whole(held.version_id, held.envelope.upload_id, held.length, sha256)
        with self._tools.sessions.begin() as session:
            session.get(Job, held.job_id, with_for_update=True)
            self._release(self._record(session))
            session.flush()
            work_ids = resumables.take_in(session, self._tools, whole)
        self._pending.clear()
        self._tools.hashes.forget(held.envelope.upload_id)
        return Ended(held.length, work_ids)

    # --- the hash of the whole -----------------------------------------------------------------

    def _hash(self, plaintext: Buffer) -> None:
        if self._checksum is not None:
            self._checksum.update(plaintext)
        if self._prefix.length < self._held.offset <= self._prefix.length + SOON_BYTES:
            self._hash_again(self._held.offset)
        if self._prefix.length == self.offset:
            self._prefix.take(plaintext)

    def _hash_rest(self) -> None:
        if self._prefix.length < self._closed:
            self._hash_again(self._closed)

    def _hash_again(self, end: int) -> None:
        """Hash what another process received, from the sealed bytes."""
        with self._tools.sessions() as session:
            known = spooled.of_version(session, self._tools.keys, self._held.version_id)
        if known is None:
            raise UploadGone
        parts = (*known.parts, *self._pending)
        source = SpooledUpload(known.upload_id, known.key, parts)
        while self._prefix.length < end:
            stop = min(end, self._prefix.length + AGAIN_BYTES)
            self._prefix.take(source.read(self._tools.spool, self._prefix.length, stop))
            if self._tools.clock.monotonic() - self._noted_at >= NOTE_SECONDS:
                self._note()


def _lock(session: Session, resumable_id: uuid.UUID) -> tuple[Version, Resumable]:
    """Lock an upload's version, then its row; UploadGone or Cancelled when it is over."""
    version = session.scalar(
        select(Version)
        .join(Resumable, Resumable.version_id == Version.id)
        .where(Resumable.id == resumable_id)
        .with_for_update(of=Version)
        .execution_options(populate_existing=True)
    )
    if version is None or version.state is not VersionState.RECEIVING:
        raise UploadGone
    if session.scalar(select(Job.state).where(Job.id == version.job_id)) in CANCELLED:
        raise Cancelled
    row = session.get(Resumable, resumable_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise UploadGone
    return version, row


def _is_held(session: Session, resumable_id: uuid.UUID) -> bool:
    held = select(Resumable.lease_until >= func.now()).where(Resumable.id == resumable_id)
    return bool(session.scalar(held))


def _renew(row: Resumable) -> None:
    row.lease_until = func.now() + LEASE
    row.expires_at = func.now() + LIFE
