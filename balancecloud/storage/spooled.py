"""Reading what lies in the spool: plaintext ranges of an upload, opened frame by frame."""

import bisect
import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.crypto import spool_parts, wrapping
from balancecloud.crypto.keys import MasterKeys
from balancecloud.crypto.spool_parts import PartPlace, PartRecord, PartState
from balancecloud.errors import Unavailable
from balancecloud.models.library import SpoolPart, Upload
from balancecloud.storage.spool import Spool


@dataclass(frozen=True, slots=True, repr=False)
class SpooledUpload:
    """An upload's parts and the key that opens them."""

    upload_id: uuid.UUID
    key: bytes
    parts: tuple[PartRecord, ...]

    @property
    def length(self) -> int:
        """Plaintext bytes that are durable and recorded."""
        last = self.parts[-1] if self.parts else None
        return last.place.offset + last.length if last else 0

    def read(self, spool: Spool, begin: int, end: int) -> bytes:
        """Return plaintext `begin` to `end`, the end excluded.

        Raises Unavailable where the spool does not hold it, IntegrityError where it was changed.
        """
        if not 0 <= begin <= end <= self.length:
            raise Unavailable
        pieces = []
        at = begin
        while at < end:
            part = self._holding(at)
            stop = min(end, part.place.offset + part.length)
            pieces.append(self._read_part(spool, part, at, stop))
            at = stop
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_into(self, spool: Spool, begin: int, target: memoryview) -> None:
        """Fill `target` with the plaintext from `begin` on, copying none of it where that can be.

        Raises like `read`; what `target` holds then is of no use.
        """
        end = begin + len(target)
        if not 0 <= begin <= end <= self.length:
            raise Unavailable
        at = begin
        while at < end:
            part = self._holding(at)
            stop = min(end, part.place.offset + part.length)
            self._read_part_into(spool, part, at, target[at - begin : stop - begin])
            at = stop

    def _read_part_into(self, spool: Spool, part: PartRecord, at: int, target: memoryview) -> None:
        begin = at - part.place.offset
        span = spool_parts.part_span(part, begin, begin + len(target))
        if spool_parts.is_whole_frames(part, span):
            sealed = spool.read(self.upload_id, part.place.number, span.start, span.length)
            spool_parts.open_part_into(self.key, part, span, sealed, target)
        else:
            target[:] = self._read_part(spool, part, at, at + len(target))

    def _read_part(self, spool: Spool, part: PartRecord, at: int, stop: int) -> bytes:
        span = spool_parts.part_span(part, at - part.place.offset, stop - part.place.offset)
        sealed = spool.read(self.upload_id, part.place.number, span.start, span.length)
        return spool_parts.open_part_span(self.key, part, span, sealed)

    def _holding(self, offset: int) -> PartRecord:
        index = bisect.bisect_right(self.parts, offset, key=lambda part: part.place.offset)
        return self.parts[index - 1]


def of_version(session: Session, keys: MasterKeys, version_id: uuid.UUID) -> SpooledUpload | None:
    """Return the upload that holds a version's bytes; None when the spool no longer does."""
    return of_versions(session, keys, [version_id]).get(version_id)


def of_versions(
    session: Session, keys: MasterKeys, version_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, SpooledUpload]:
    """Return the uploads that hold versions' bytes, those that are there, by version."""
    uploads = session.scalars(select(Upload).where(Upload.version_id.in_(version_ids))).all()
    if not uploads:
        return {}
    parts: defaultdict[uuid.UUID, list[SpoolPart]] = defaultdict(list)
    rows = select(SpoolPart).where(SpoolPart.upload_id.in_([upload.id for upload in uploads]))
    for row in session.scalars(rows.order_by(SpoolPart.upload_id, SpoolPart.number)):
        parts[row.upload_id].append(row)
    return {
        upload.version_id: SpooledUpload(
            upload.id, upload_key(keys, upload), _records(upload, parts[upload.id])
        )
        for upload in uploads
    }


def upload_key(keys: MasterKeys, upload: Upload) -> bytes:
    """Open the key under which an upload's parts are sealed."""
    row = wrapping.upload_key_row(upload.user_id.bytes, upload.id.bytes)
    return wrapping.unwrap(keys.reading(upload.master_version), row, upload.wrapped_key)


def _records(upload: Upload, rows: Sequence[SpoolPart]) -> tuple[PartRecord, ...]:
    return tuple(
        PartRecord(
            PartPlace(upload.user_id.bytes, upload.id.bytes, row.number, row.offset),
            row.salt,
            row.length,
            PartState(row.state),
        )
        for row in rows
        if row.length
    )
