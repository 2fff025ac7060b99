"""What each refusal of Google Drive means: by status and reason, whatever the body's shape."""

import json
from collections.abc import Callable

import pytest

from balancecloud.clouds.google_answers import NOT_ENABLED
from balancecloud.clouds.http import Answer
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    BadRange,
    BadReply,
    ObjectDiffers,
    ObjectMissing,
    Permanent,
    ProviderError,
    SignInAgain,
    Temporary,
    Throttled,
    Unreachable,
)
from tests.clouds.canned_google import ID, NAME, drive_with, refusal
from tests.clouds.provider_suite import new_shard
from tests.fakes.canned_way import canned

DAY = 86_400.0

# The rows of Google's table: status, reason, what it means, and the wait that goes with it.
ROWS: list[tuple[int, str, type[ProviderError], float | None]] = [
    (400, "badRequest", Permanent, None),
    (400, "invalid", Permanent, None),
    (400, "invalidParameter", Permanent, None),
    (400, "required", Permanent, None),
    (401, "authError", SignInAgain, None),
    (403, "insufficientPermissions", AccessRefused, None),
    (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", AccessRefused, None),
    (403, "userRateLimitExceeded", Throttled, None),
    (403, "rateLimitExceeded", Throttled, None),
    (429, "rateLimitExceeded", Throttled, None),
    (403, "dailyLimitExceeded", Throttled, DAY),
    (403, "quotaExceeded", Throttled, DAY),
    (403, "accessNotConfigured", AccessRefused, None),
    (403, "storageQuotaExceeded", AccountFull, None),
    (403, "insufficientFilePermissions", AccessRefused, None),
    (403, "appNotAuthorizedToFile", ObjectMissing, None),
    (403, "domainPolicy", AccessRefused, None),
    (403, "cannotDownloadAbusiveFile", ObjectMissing, None),
    (403, "downloadQuotaExceeded", Throttled, DAY),
    (403, "activeItemCreationLimitExceeded", AccountFull, None),
    (403, "numChildrenInNonRootLimitExceeded", AccountFull, None),
    (403, "somethingNew", BadReply, None),
    (404, "notFound", ObjectMissing, None),
    (409, "fileIdInUse", Permanent, None),
    (412, "conditionNotMet", Permanent, None),
    (416, "requestedRangeNotSatisfiable", BadRange, None),
    (500, "backendError", Unreachable, None),
    (502, "backendError", Unreachable, None),
    (503, "backendError", Unreachable, None),
    (504, "backendError", Unreachable, None),
]
SHAPES: dict[str, Callable[[str], object]] = {
    "as documented": lambda reason: {"error": {"errors": [{"domain": "d", "reason": reason}]}},
    "in the details": lambda reason: {"error": {"errors": 7, "details": [{"reason": reason}]}},
    "in capitals": lambda reason: {"error": {"errors": [{"reason": reason.upper()}]}},
    "behind an unknown one": lambda reason: {
        "error": {"errors": [{"reason": "new"}, {"reason": reason}, 7], "details": [7]}
    },
    "beside nonsense": lambda reason: {
        "error": {"errors": [{"reason": reason}], "message": [], "status": 7, "code": "x"}
    },
}


def meaning(answer: Answer) -> ProviderError:
    drive, _ = drive_with(answer)
    with pytest.raises(ProviderError) as caught:
        drive.room()
    return caught.value


@pytest.mark.parametrize("shape", ["as documented", "in the details", "in capitals"])
@pytest.mark.parametrize(("status", "reason", "error", "wait"), ROWS)
def test_each_refusal_has_its_error(
    status: int, reason: str, error: type[ProviderError], wait: float | None, shape: str
) -> None:
    found = meaning(canned(status, json.dumps(SHAPES[shape](reason)).encode()))
    assert type(found) is error
    if isinstance(found, Temporary):
        assert found.retry_after == wait


@pytest.mark.parametrize("shape", ["behind an unknown one", "beside nonsense"])
@pytest.mark.parametrize(("status", "reason", "error", "wait"), [ROWS[6], ROWS[13], ROWS[22]])
def test_a_reason_is_found_among_others(
    status: int, reason: str, error: type[ProviderError], wait: float | None, shape: str
) -> None:
    found = meaning(canned(status, json.dumps(SHAPES[shape](reason)).encode()))
    assert type(found) is error


@pytest.mark.parametrize(
    "body", [b"", b"<html>Error</html>", b"{}", b"[]", b'{"error": "x"}', b'{"error": []}']
)
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadReply),
        (401, SignInAgain),
        (403, BadReply),
        (404, BadReply),
        (409, BadReply),
        (412, BadReply),
        (416, BadRange),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
    ],
)
def test_without_a_reason_the_status_decides(
    status: int, error: type[ProviderError], body: bytes
) -> None:
    assert type(meaning(canned(status, body))) is error


@pytest.mark.parametrize(
    ("message", "wait"),
    [
        ("User rate limit exceeded.", DAY),
        ("User Rate Limit Exceeded. Rate of requests for user exceed configured quota.", None),
        ("User Rate Limit Exceeded", None),
        ("user rate limit exceeded.", None),
        ("", None),
    ],
)
def test_only_the_one_sentence_is_the_wall_of_750_gb(message: str, wait: float | None) -> None:
    found = meaning(refusal(403, "userRateLimitExceeded", message))
    assert isinstance(found, Throttled)
    assert found.retry_after == wait


def test_f20_the_wait_that_is_told_is_handed_on() -> None:
    body = json.dumps(SHAPES["as documented"]("rateLimitExceeded")).encode()
    for status in (403, 429, 503):
        found = meaning(canned(status, body, {"retry-after": "42"}))
        assert isinstance(found, Temporary)
        assert found.retry_after == 42


def test_an_api_that_is_not_enabled_is_the_operators_to_mend() -> None:
    assert meaning(refusal(403, "accessNotConfigured")).sentence == NOT_ENABLED


def test_a_taken_id_is_told_from_another_conflict() -> None:
    gone = refusal(404, "notFound")
    drive, _ = drive_with(refusal(409, "fileIdInUse"), gone)
    with pytest.raises(ObjectDiffers):
        drive.put(NAME, new_shard(3), ID)
    drive, _ = drive_with(refusal(409, "aborted"), gone)
    with pytest.raises(BadReply):
        drive.put(NAME, new_shard(3), ID)


def test_a_page_whose_token_has_run_out_is_begun_anew() -> None:
    page = canned(200, b'{"files": [], "nextPageToken": "next"}')
    drive, way = drive_with(page, refusal(400, "invalid"))
    with pytest.raises(BadReply):
        list(drive.listing())
    assert len(way.sent) == 2
    drive, _ = drive_with(refusal(400, "invalid"))
    with pytest.raises(Permanent):
        list(drive.listing())
