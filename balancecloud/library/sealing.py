"""Sealing what arrives into the spool, part by part (docs/format.md 12)."""

import hashlib
import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.crypto.primitives import Buffer
from balancecloud.crypto.spool_parts import PartPlace, PartRecord, PartSealer
from balancecloud.errors import BrokenUpload
from balancecloud.models.library import SpoolPart, Upload
from balancecloud.storage.tools import Tools


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """Whose upload it is and the key it is sealed under."""

    user_id: uuid.UUID
    upload_id: uuid.UUID
    key: bytes


class OpenPart:
    """One part while its plaintext arrives: at most one frame of that is in memory."""

    def __init__(self, tools: Tools, envelope: Envelope, number: int, offset: int) -> None:
        place = PartPlace(envelope.user_id.bytes, envelope.upload_id.bytes, number, offset)
        self._sealer = PartSealer.fresh(envelope.key, place)
        self._file = tools.spool.create(envelope.upload_id, number)
        try:
            self._file.append(self._sealer.header)
        except BaseException:
            self._file.close()
            raise

    @property
    def received(self) -> int:
        """Plaintext bytes taken so far."""
        return self._sealer.received

    @property
    def is_full(self) -> bool:
        """Whether the next byte belongs in another part."""
        return not self._sealer.room

    def write(self, plaintext: memoryview) -> int:
        """Take what there is room for and return how much that is; NoSpoolSpace when full."""
        taken = plaintext[: self._sealer.room]
        self._file.append(self._sealer.update(taken))
        return len(taken)

    def finish(self) -> PartRecord:
        """Make every byte durable and return what is to be recorded of them."""
        self._file.append(self._sealer.close())
        self._file.sync()
        record = self._sealer.record()
        self._file.close()
        return record

    def drop(self) -> None:
        """Release the file; what it holds is removed with its upload."""
        self._file.close()


def part_row(envelope: Envelope, record: PartRecord) -> SpoolPart:
    """Return the row by which a durable part counts."""
    return SpoolPart(
        upload_id=envelope.upload_id,
        number=record.place.number,
        offset=record.place.offset,
        length=record.length,
        salt=record.salt,
        state=record.state.value,
    )


class SpoolWriter:
    """Takes the plaintext of one upload and leaves sealed, durable parts, each recorded.

    Plaintext is in memory only: at most what is handed in and one frame of 64 KiB.
    """

    def __init__(self, tools: Tools, envelope: Envelope) -> None:
        self._tools = tools
        self._envelope = envelope
        self._hash = hashlib.sha256()
        self._closed_bytes = 0
        self._number = 0
        self._part: OpenPart | None = None
        self._rest: PartRecord | None = None  # the last part: durable, and not yet recorded

    @property
    def length(self) -> int:
        """Plaintext bytes taken so far."""
        return self._closed_bytes + (self._part.received if self._part else 0)

    @property
    def sha256(self) -> bytes:
        """The hash of the plaintext taken so far."""
        return self._hash.digest()

    def write(self, plaintext: Buffer) -> None:
        """Take more bytes; NoSpoolSpace when the spool is full."""
        self._hash.update(plaintext)
        view = memoryview(plaintext)
        while view:
            part = self._current()
            view = view[part.write(view) :]
            if part.is_full:
                self._close_part()

    def finish(self) -> None:
        """Make every byte durable; the last part is recorded by `record_rest`."""
        if self._part is not None:
            self._rest = self._close()

    def record_rest(self, session: Session) -> None:
        """Record the last part, in the transaction that says that the upload is whole."""
        if self._rest is not None:
            session.add(part_row(self._envelope, self._rest))

    def drop(self) -> None:
        """Release the open file; what it holds is removed with its upload."""
        if self._part is not None:
            self._part.drop()
            self._part = None

    def _current(self) -> OpenPart:
        if self._part is None:
            self._part = OpenPart(self._tools, self._envelope, self._number, self._closed_bytes)
        return self._part

    def _close_part(self) -> None:
        record = self._close()
        with self._tools.sessions.begin() as session:
            upload = select(Upload.id).where(Upload.id == self._envelope.upload_id)
            if session.scalar(upload.with_for_update(read=True, key_share=True)) is None:
                raise BrokenUpload
            session.add(part_row(self._envelope, record))

    def _close(self) -> PartRecord:
        record = self._current().finish()
        self._part = None
        self._closed_bytes += record.length
        self._number += 1
        return record
