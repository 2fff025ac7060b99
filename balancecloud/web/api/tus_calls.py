"""What the calls of tus take and answer, declared as those of JSON are."""

from collections.abc import Mapping
from typing import Any, Final

from balancecloud.errors import (
    BalanceCloudError,
    BrokenUpload,
    Cancelled,
    Invalid,
    LengthRequired,
    NameTaken,
    NoSpoolSpace,
    NotFound,
    OverQuota,
    StateConflict,
    TooLarge,
    Unavailable,
)
from balancecloud.library.upload_errors import (
    BadUploadHeader,
    ChecksumMismatch,
    OffsetConflict,
    UnsupportedTus,
    UploadGone,
    UploadLocked,
)
from balancecloud.web import tus_headers
from balancecloud.web.api.calls import Content, Error, Header, answers

# A number of bytes as headers carry it.
BYTES: Final[Mapping[str, Any]] = {"type": "string", "pattern": tus_headers.DIGITS.pattern}
SPOKEN: Final = Header("Tus-Resumable", {"type": "string", "enum": [tus_headers.VERSION]}, True)
CHECKSUM: Final = Header("Upload-Checksum")
BODY: Final = Content(tus_headers.BODY_TYPE)

LOOKING: Final[tuple[type[BalanceCloudError], ...]] = (NotFound, UnsupportedTus, UploadGone)
RECEIVING: Final[tuple[type[BalanceCloudError], ...]] = (
    BadUploadHeader,
    BrokenUpload,
    Cancelled,
    ChecksumMismatch,
    LengthRequired,
    NoSpoolSpace,
    OffsetConflict,
    TooLarge,
    Unavailable,
    UnsupportedTus,
    UploadGone,
    UploadLocked,
)
BEGINNING: Final = (*RECEIVING, Invalid, NameTaken, NotFound, OverQuota, StateConflict)

OFFER: Final = ("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")
STANDING: Final = ("Tus-Resumable", "Upload-Offset", "Upload-Length")

OPTIONS: Final = answers({204: None}, method="OPTIONS", headers=OFFER)
CREATE: Final = answers(
    {201: None},
    takes=(
        SPOKEN,
        Header("Upload-Length", BYTES, True),
        Header("Upload-Metadata"),
        CHECKSUM,
    ),
    body=BODY,
    is_body_needed=False,
    refusals=BEGINNING,
    headers=("Tus-Resumable", "Location"),
)
HEAD: Final = answers(
    {200: None}, method="HEAD", takes=(SPOKEN,), refusals=LOOKING, headers=STANDING
)
PATCH: Final = answers(
    {204: None},
    method="PATCH",
    takes=(SPOKEN, Header("Upload-Offset", BYTES, True), CHECKSUM),
    body=BODY,
    refusals=RECEIVING,
    headers=STANDING,
)
DELETE: Final = answers(
    {204: None}, method="DELETE", takes=(SPOKEN,), refusals=LOOKING, headers=("Tus-Resumable",)
)
# For senders who can't say PATCH or DELETE. Without the header the address has no such method.
POST: Final = answers(
    {200: None, 204: None, 405: Error},
    method="POST",
    takes=(
        SPOKEN,
        Header(
            "X-HTTP-Method-Override",
            {"type": "string", "enum": ["PATCH", "DELETE", "HEAD", "OPTIONS"]},
            True,
        ),
        Header("Upload-Offset", BYTES),
        CHECKSUM,
    ),
    body=BODY,
    is_body_needed=False,
    refusals=RECEIVING,
)
