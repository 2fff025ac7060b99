"""What OneDrive answers: items, and errors told apart by code, whatever its case."""

from balancecloud.clouds.hashes import quick_xor
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


def read_item(item: Reply) -> StoredObject:
    """Read a driveItem; a folder, or one that is gone, is `ObjectMissing`."""
    if item.has("deleted") or item.has("folder"):
        raise ObjectMissing
    if not item.has("file"):
        raise BadReply  # nonsense loses no shard
    return StoredObject(
        object_id=ObjectId(item.text("id")),
        name=ShardName(item.text("name")),
        length=item.whole("size"),
        checksum=item.child("file").child("hashes").base64_or_none("quickXorHash", 20),
    )


def holds(stored: StoredObject, shard: Shard) -> bool | None:
    """Say whether these are the shard's bytes; None where there is no hash yet."""
    if stored.length != shard.length:
        return False
    if stored.checksum is None:
        return True if shard.length == 0 else None  # an empty file may never have a hash
    return stored.checksum == quick_xor(shard.body)


# --- errors: by status and code, whatever its case, the deepest known one first ------------------


def good(answer: Answer) -> Answer:
    """Return a success; raise what any other answer means."""
    if answer.is_success:
        return answer
    raise _meaning(answer)


def codes_of(answer: Answer) -> list[str]:
    """Return the codes of an error in lower case, the deepest first."""
    found: list[str] = []
    error = Reply.of_error(answer).child_without_case("error")
    for _ in range(8):
        code = error.text_without_case("code")
        if code is None and not error.has_fields:
            break
        if code is not None:
            found.insert(0, code.lower())
        error = error.child_without_case("innererror")
    return found


def _meaning(answer: Answer) -> ProviderError:
    codes = codes_of(answer)
    wait = answer.retry_after_seconds
    for code in codes:
        meaning = _by_code(code, wait)
        if meaning is not None:
            return meaning
    by_status = _by_status(answer.status, wait)
    if by_status is not None:
        return by_status
    if codes:
        return Permanent(f"OneDrive refused a request ({answer.status}).")
    return BadReply()


def _by_status(status: int, wait: float | None) -> ProviderError | None:
    if status == 401:
        return SignInAgain()
    if status == 416:
        return BadRange()
    if status == 507:
        return AccountFull()
    if status in {423, 429, 509}:
        return Throttled(retry_after=wait)
    if status >= 500 or status == 408:
        return Unreachable(retry_after=wait)
    return None


_FULL = frozenset({"quotalimitreached", "insufficientstorage"})
_REFUSED = frozenset({"accessdenied", "accessrestricted", "servicereadonly"})
_SLOW = frozenset({"activitylimitreached", "toomanyrequests", "throttledrequest", "resourcelocked"})
_AGAIN = frozenset(
    {"servicenotavailable", "generalexception", "resourcemodified", "resyncrequired"}
)
_MISSING = frozenset({"itemnotfound", "malwaredetected", "virussuspicious"})


def _by_code(code: str, wait: float | None) -> ProviderError | None:
    meanings: tuple[tuple[frozenset[str], ProviderError], ...] = (
        (_FULL, AccountFull()),
        (_REFUSED, AccessRefused()),
        (_SLOW, Throttled(retry_after=wait)),
        (_AGAIN, Unreachable(retry_after=wait)),
        (_MISSING, ObjectMissing()),
        (frozenset({"invalidrange"}), BadRange()),
        (frozenset({"invalidauthenticationtoken", "unauthenticated"}), SignInAgain()),
    )
    return next((meaning for known, meaning in meanings if code in known), None)
