"""What a sender of a resumable upload is refused with.

Refused
├── BadUploadHeader, UnsupportedTus        400, 412
├── OffsetConflict, UploadLocked           409, 423: ask how far it is, or wait
├── UploadGone (UploadExpired)             410
└── ChecksumMismatch                       460
"""

from balancecloud.errors import Refused


class BadUploadHeader(Refused):
    """A header of a resumable upload that is missing, malformed or not offered."""

    code = "bad_upload_header"
    status = 400
    sentence = "A header of this upload is missing or not as the protocol asks."


class OffsetConflict(Refused):
    """A resumable upload goes on somewhere else than the sender thinks."""

    code = "offset_conflict"
    status = 409
    sentence = "The upload goes on at another place. Ask how far it is, and send from there."


class UploadGone(Refused):
    """A resumable upload that was given up: it can't go on."""

    code = "upload_gone"
    status = 410
    sentence = "This upload was given up. Begin it again."


class UploadExpired(UploadGone):
    """A resumable upload that nobody went on with in time."""

    code = "upload_expired"
    sentence = "Nobody went on with this upload in time, so it was given up. Begin it again."


class UnsupportedTus(Refused):
    """A version of tus that is not spoken here."""

    code = "unsupported_tus_version"
    status = 412
    sentence = "This server speaks tus 1.0.0: say so in the header Tus-Resumable."


class UploadLocked(Refused):
    """Another request is sending this upload just now."""

    code = "upload_locked"
    status = 423
    sentence = "This upload is being sent from elsewhere just now. Try again in a few seconds."


class ChecksumMismatch(Refused):
    """What arrived is not what was sent."""

    code = "checksum_mismatch"
    status = 460
    sentence = "Bytes were damaged on their way here, and were not kept. Send them again."
