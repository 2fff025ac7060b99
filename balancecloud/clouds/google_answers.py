"""What Google Drive answers: files, and errors told apart by status and stable reason."""

import hashlib
import re
from dataclasses import dataclass

from balancecloud.clouds.http import Answer
from balancecloud.clouds.provider import ObjectId, Shard, ShardName, StoredObject
from balancecloud.clouds.replies import Reply
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    BadRange,
    BadReply,
    ObjectMissing,
    Permanent,
    ProviderError,
    SignInAgain,
    Throttled,
    Unreachable,
)

DAY_SECONDS = 86_400.0
FIELDS = "id,name,size,md5Checksum,sha256Checksum,parents,trashed"


@dataclass(frozen=True, slots=True)
class DriveFile:
    """One file as Drive tells it."""

    stored: StoredObject
    md5: bytes | None
    is_trashed: bool

    def holds(self, shard: Shard) -> bool | None:
        """Say whether these are the shard's bytes; None where Drive tells no checksum."""
        if self.stored.length != shard.length:
            return False
        if self.stored.checksum is not None:
            return self.stored.checksum == shard.sha256
        if self.md5 is not None:
            return self.md5 == hashlib.md5(shard.body, usedforsecurity=False).digest()
        return None


def read_file(reply: Reply) -> DriveFile:
    """Read a file resource with the fields we ask for."""
    return DriveFile(
        stored=StoredObject(
            object_id=ObjectId(reply.text("id")),
            name=ShardName(reply.text("name")),
            length=reply.whole("size"),
            checksum=reply.hex_or_none("sha256Checksum", 32),
        ),
        md5=reply.hex_or_none("md5Checksum", 16),
        is_trashed=reply.is_true("trashed"),
    )


def kept_of(answer: Answer) -> int:
    """Return how many bytes a session kept: no Range at all means none."""
    header = answer.headers.get("range")
    if header is None:
        return 0
    match = re.fullmatch(r"bytes=0-([0-9]{1,18})", header)
    if match is None:
        raise BadReply
    return int(match[1]) + 1


# --- errors: by status and stable reason, never by prose, with one exception ---------------------

# The one text that is looked at: nothing else tells the wall of 750 GB a day from the rate limit.
DAILY_UPLOAD_WALL = "User rate limit exceeded."
NOT_ENABLED = (
    "The Drive API is not enabled for this server's own client. Its administrator has to mend that."
)


def good(answer: Answer) -> Answer:
    """Return an answer that is a success or a redirect; raise what any other means."""
    if answer.is_success or answer.status in {301, 302, 303, 307, 308}:
        return answer
    raise _meaning(answer)


def _meaning(answer: Answer) -> ProviderError:
    by_status = _by_status(answer.status, answer.retry_after_seconds)
    if by_status is not None:
        return by_status
    error = Reply.of_error(answer).child("error")
    reasons = _reasons(error)
    for reason in reasons:
        meaning = _by_reason(reason, error.text_or_none("message"), answer.retry_after_seconds)
        if meaning is not None:
            return meaning
    if reasons and answer.status != 403:
        return Permanent(f"Google Drive refused a request ({answer.status}).")
    return BadReply()


def _by_status(status: int, retry_after: float | None) -> ProviderError | None:
    if status == 401:
        return SignInAgain()
    if status == 416:
        return BadRange()
    if status == 429:
        return Throttled(retry_after=retry_after)
    if status >= 500 or status == 408:
        return Unreachable(retry_after=retry_after)
    return None


def is_id_in_use(answer: Answer) -> bool:
    """Say whether a create was refused because its id is taken."""
    return answer.status == 409 and "fileidinuse" in _reasons(Reply.of_error(answer).child("error"))


def _reasons(error: Reply) -> list[str]:
    """Return the reasons of an error in one spelling, however much of it is as documented."""
    found: list[str] = []
    for name in ("errors", "details"):
        try:
            for item in error.children(name):
                found.append(item.text_or_none("reason") or "")  # noqa: PERF401 - until nonsense
        except BadReply:
            continue
    return [reason.lower().replace("_", "") for reason in found if reason]


_RATE = frozenset({"userratelimitexceeded", "ratelimitexceeded"})
_FULL = frozenset(
    {
        "storagequotaexceeded",
        "activeitemcreationlimitexceeded",
        "numchildreninnonrootlimitexceeded",
        "teamdrivefilelimitexceeded",
    }
)
_REFUSED = frozenset(
    {
        "insufficientpermissions",
        "accesstokenscopeinsufficient",
        "insufficientfilepermissions",
        "domainpolicy",
    }
)
_NOT_ENABLED = frozenset({"accessnotconfigured", "servicedisabled"})
_MISSING = frozenset({"notfound", "appnotauthorizedtofile", "cannotdownloadabusivefile"})
_WAIT_A_DAY = frozenset({"dailylimitexceeded", "quotaexceeded", "downloadquotaexceeded"})


def _by_reason(reason: str, message: str | None, retry_after: float | None) -> ProviderError | None:
    if reason == "userratelimitexceeded" and message == DAILY_UPLOAD_WALL:
        return Throttled(retry_after=DAY_SECONDS)
    meanings: tuple[tuple[frozenset[str], ProviderError], ...] = (
        (_RATE, Throttled(retry_after=retry_after)),
        (_FULL, AccountFull()),
        (_REFUSED, AccessRefused()),
        (_NOT_ENABLED, AccessRefused(NOT_ENABLED)),
        (_MISSING, ObjectMissing()),
        (_WAIT_A_DAY, Throttled(retry_after=DAY_SECONDS)),
    )
    return next((meaning for reasons, meaning in meanings if reason in reasons), None)
