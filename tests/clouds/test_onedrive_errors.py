"""What each refusal of OneDrive means: by code, the deepest known one, whatever its case."""

import json
from collections.abc import Callable

import pytest

from balancecloud.clouds.http import Answer
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    BadRange,
    BadReply,
    ObjectMissing,
    Permanent,
    ProviderError,
    SignInAgain,
    Temporary,
    Throttled,
    Unreachable,
)
from tests.clouds.canned_onedrive import drive_with, refusal
from tests.fakes.canned_way import canned

# The rows of Microsoft's table: status, code, what lies inside it, and what it means.
ROWS: list[tuple[int, str, str, type[ProviderError]]] = [
    (400, "invalidRequest", "", Permanent),
    (400, "badRequest", "", Permanent),
    (400, "invalidRequest", "pathIsTooLong", Permanent),
    (400, "invalidRequest", "invalidPath", Permanent),
    (401, "InvalidAuthenticationToken", "", SignInAgain),
    (401, "unauthenticated", "", SignInAgain),
    (403, "accessDenied", "", AccessRefused),
    (403, "accessDenied", "accessRestricted", AccessRefused),
    (403, "accessDenied", "serviceReadOnly", AccessRefused),
    (403, "notAllowed", "serviceReadOnly", AccessRefused),
    (403, "malwareDetected", "", ObjectMissing),
    (403, "accessDenied", "malwareDetected", ObjectMissing),
    (404, "itemNotFound", "", ObjectMissing),
    (409, "nameAlreadyExists", "", Permanent),
    (409, "resourceModified", "", Unreachable),
    (409, "notAllowed", "resourceLocked", Throttled),
    (410, "resyncRequired", "", Unreachable),
    (412, "resourceModified", "", Unreachable),
    (412, "notAllowed", "", Permanent),
    (413, "maxFileSizeExceeded", "", Permanent),
    (416, "invalidRange", "", BadRange),
    (416, "invalidRange", "fragmentOverlap", BadRange),
    (416, "invalidRange", "fragmentOutOfOrder", BadRange),
    (416, "invalidRange", "fragmentLengthMismatch", BadRange),
    (423, "resourceLocked", "", Throttled),
    (429, "activityLimitReached", "", Throttled),
    (429, "TooManyRequests", "", Throttled),
    (429, "TooManyRequests", "throttledRequest", Throttled),
    (500, "generalException", "", Unreachable),
    (503, "serviceNotAvailable", "", Unreachable),
    (507, "quotaLimitReached", "", AccountFull),
    (507, "insufficientStorage", "", AccountFull),
    (500, "generalException", "quotaLimitReached", AccountFull),
]
SHAPES: dict[str, Callable[[str, object], object]] = {
    "innerError": lambda code, inner: {"error": {"code": code, "innerError": inner}},
    "innererror": lambda code, inner: {"error": {"code": code, "innererror": inner}},
    "capitals": lambda code, inner: {"ERROR": {"CODE": code.upper(), "INNERERROR": inner}},
}


def body_of(shape: str, code: str, inner: str) -> bytes:
    detail: dict[str, object] = {"code": inner} if inner else {}
    nested = {"date": "2026-11-23", "request-id": "x", **detail}
    return json.dumps(SHAPES[shape](code, nested)).encode()


def meaning(answer: Answer) -> ProviderError:
    drive, _ = drive_with(answer)
    with pytest.raises(ProviderError) as caught:
        drive.room()
    return caught.value


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("status", "code", "inner", "error"), ROWS)
def test_each_refusal_has_its_error(
    status: int, code: str, inner: str, error: type[ProviderError], shape: str
) -> None:
    assert type(meaning(canned(status, body_of(shape, code, inner)))) is error


@pytest.mark.parametrize(("status", "code", "inner", "error"), ROWS)
def test_the_detail_may_stand_in_place_of_the_code(
    status: int, code: str, inner: str, error: type[ProviderError]
) -> None:
    assert type(meaning(refusal(status, inner or code))) in {error, Permanent, BadRange}


@pytest.mark.parametrize("body", [b"", b"<html>Oops</html>", b"{}", b"[]", b'{"error": "x"}'])
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
        (423, Throttled),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
        (507, AccountFull),
        (509, Throttled),
    ],
)
def test_without_a_code_the_status_decides(
    status: int, error: type[ProviderError], body: bytes
) -> None:
    assert type(meaning(canned(status, body))) is error


def test_the_deepest_known_code_decides() -> None:
    assert type(meaning(refusal(403, "accessDenied", "a", "b", "quotaLimitReached"))) is AccountFull
    assert type(meaning(refusal(403, "accessDenied", "quotaLimitReached", "a"))) is AccountFull


def test_a_nest_without_end_is_looked_into_only_so_far() -> None:
    assert type(meaning(refusal(403, "accessDenied", *["a"] * 200))) is AccessRefused


@pytest.mark.parametrize(("status", "code"), [(429, "activityLimitReached"), (503, ""), (509, "")])
def test_f20_the_wait_that_is_told_is_handed_on(status: int, code: str) -> None:
    found = meaning(refusal(status, code, after="42"))
    assert isinstance(found, Temporary)
    assert found.retry_after == 42


def test_a_page_whose_link_has_run_out_is_begun_anew() -> None:
    following = "https://graph.microsoft.com/v1.0/next"
    page = canned(200, json.dumps({"value": [], "@odata.nextLink": following}).encode())
    for refused in (refusal(410, "resyncRequired"), refusal(400, "invalidRequest")):
        drive, way = drive_with(page, refused)
        with pytest.raises(Temporary):
            list(drive.listing())
        assert len(way.sent) == 2
