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
from balancecloud.storage.spool import PartWriter
from balancecloud.storage.tools import Tools


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """Whose upload it is and the key it is sealed under."""

    user_id: uuid.UUID
    upload_id: uuid.UUID
    key: bytes


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
        self._sealer: PartSealer | None = None
        self._file: PartWriter | None = None
        self._rest: PartRecord | None = None  # the last part: durable, and not yet recorded

    @property
    def length(self) -> int:
        """Plaintext bytes taken so far."""
        return self._closed_bytes + (self._sealer.received if self._sealer else 0)

    @property
    def sha256(self) -> bytes:
        """The hash of the plaintext taken so far."""
        return self._hash.digest()

    def write(self, plaintext: Buffer) -> None:
        """Take more bytes; NoSpoolSpace when the spool is full."""
        self._hash.update(plaintext)
        view = memoryview(plaintext)
        while view:
            sealer, part = self._current()
            taken = view[: sealer.room]
            part.append(sealer.update(taken))
            view = view[len(taken) :]
            if not sealer.room:
                self._close_part()

    def finish(self) -> None:
        """Make every byte durable; the last part is recorded by `record_rest`."""
        if self._sealer is not None:
            self._rest = self._close()

    def close_only_part(self) -> PartRecord:
        """Make every byte durable and return the one part; for what one part holds, unrecorded."""
        if self._number:
            raise AssertionError("Earlier parts were recorded.")
        return self._close()

    def record_rest(self, session: Session) -> None:
        """Record the last part, in the transaction that says that the upload is whole."""
        if self._rest is not None:
            session.add(self._row(self._rest))

    def drop(self) -> None:
        """Release the open file; what it holds is removed with its upload."""
        if self._file is not None:
            self._file.close()
            self._file = self._sealer = None

    def _current(self) -> tuple[PartSealer, PartWriter]:
        if self._sealer is None or self._file is None:
            envelope = self._envelope
            place = PartPlace(
                envelope.user_id.bytes, envelope.upload_id.bytes, self._number, self._closed_bytes
            )
            self._sealer = PartSealer.fresh(envelope.key, place)
            self._file = self._tools.spool.create(envelope.upload_id, self._number)
            self._file.append(self._sealer.header)
        return self._sealer, self._file

    def _close_part(self) -> None:
        record = self._close()
        with self._tools.sessions.begin() as session:
            upload = select(Upload.id).where(Upload.id == self._envelope.upload_id)
            if session.scalar(upload.with_for_update(read=True, key_share=True)) is None:
                raise BrokenUpload
            session.add(self._row(record))

    def _close(self) -> PartRecord:
        sealer, part = self._current()
        part.append(sealer.close())
        part.sync()
        record = sealer.record()
        self.drop()
        self._closed_bytes += record.length
        self._number += 1
        return record

    def _row(self, record: PartRecord) -> SpoolPart:
        return SpoolPart(
            upload_id=self._envelope.upload_id,
            number=record.place.number,
            offset=record.place.offset,
            length=record.length,
            salt=record.salt,
            state=record.state.value,
        )
