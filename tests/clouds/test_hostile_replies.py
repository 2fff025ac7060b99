"""Whatever a provider says, it becomes a value or one of the tree's errors."""

import json
import string
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancecloud.clouds.endpoints import GoogleEndpoints, MicrosoftEndpoints
from balancecloud.clouds.google_drive import GoogleDrive
from balancecloud.clouds.http import HostRules
from balancecloud.clouds.onedrive import OneDrive
from balancecloud.clouds.provider import ObjectId, Provider, ShardName
from balancecloud.errors import BadReply, ProviderError, Temporary
from tests.clouds.provider_suite import new_shard
from tests.fakes.canned_way import CannedWay, Plan, canned
from tests.fakes.fixed_tokens import FixedTokens
from tests.fakes.manual_clock import ManualClock

RULES = HostRules.of(
    (GoogleEndpoints().api, MicrosoftEndpoints().graph), ("googleapis.com", "1drv.com")
)


def google(*plans: Plan) -> tuple[GoogleDrive, CannedWay]:
    way = CannedWay(RULES, *plans)
    return GoogleDrive(GoogleEndpoints(), FixedTokens(), "folder", way, clock=ManualClock()), way


def onedrive(*plans: Plan) -> tuple[OneDrive, CannedWay]:
    way = CannedWay(RULES, *plans)
    return OneDrive(MicrosoftEndpoints(), FixedTokens(), "folder", way, clock=ManualClock()), way


OPENERS: list[Callable[..., tuple[Provider, CannedWay]]] = [google, onedrive]

CALLS: dict[str, Callable[[Provider], object]] = {
    "identity": lambda provider: provider.identity(),
    "put": lambda provider: provider.put(ShardName("abcdefgh"), new_shard(9), ObjectId("id")),
    "get": lambda provider: provider.get(ObjectId("id"), 1, 5),
    "stat": lambda provider: provider.stat(ObjectId("id")),
    "find": lambda provider: provider.find(ShardName("abcdefgh")),
    "listing": lambda provider: list(provider.listing()),
    "room": lambda provider: provider.room(),
}

NONSENSE = [
    b"",
    b"<html><body>It works!</body></html>",
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b"\xff\xfe\x00",
    b"{" * 50_000,
    b"[" * 50_000,
    b'{"files": 7, "value": 7, "user": 7, "quota": 7, "storageQuota": 7}',
    b'{"files": [7], "value": [7], "user": [7], "quota": [7], "storageQuota": [7]}',
    b'{"files": [{}], "value": [{"folder": {}}]}',
    b'{"id": "", "name": "", "size": "", "file": {}}',
    b'{"id": 1, "name": 2, "size": true, "file": {}}',
    b'{"id": "i", "name": "n", "size": -1, "file": {}}',
    b'{"id": "i", "name": "n", "size": 1e999, "file": {}}',
    b'{"id": "i", "name": "n", "size": "' + b"9" * 5000 + b'", "file": {}}',
    b'{"id": "i", "name": "n", "size": ' + b"9" * 5000 + b', "file": {}}',
    b'{"id": "i", "name": "n", "size": "9", "sha256Checksum": "zz"}',
    b'{"id": "i", "name": "n", "size": "9", "sha256Checksum": "00"}',
    b'{"id": "i", "name": "n", "size": "9", "file": {"hashes": {"quickXorHash": "zz"}}}',
    b'{"id": "i", "name": "n", "size": "9", "file": {"hashes": {"quickXorHash": "AAAA"}}}',
    b'{"storageQuota": {"usage": "x"}, "quota": {"total": "x"}}',
    b'{"id": "' + b"x" * 5000 + b'"}',
]


@pytest.mark.parametrize("call", ["identity", "stat", "listing", "room", "put"])
@pytest.mark.parametrize("opened", OPENERS)
@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_with_a_200_is_an_error_of_the_tree(
    opened: Callable[..., tuple[Provider, CannedWay]], call: str, body: bytes
) -> None:
    provider, _ = opened(canned(200, body))
    try:
        CALLS[call](provider)
    except ProviderError:
        return
    assert call in {"listing", "identity"}  # to which one of these answers can make sense


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("opened", OPENERS)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 418, 499])
@pytest.mark.parametrize("body", [b"", b"<html>Not Found</html>", b"[]", b'{"error": 7}'])
def test_a_refusal_without_a_reason_is_never_taken_for_a_missing_shard(
    opened: Callable[..., tuple[Provider, CannedWay]], call: str, status: int, body: bytes
) -> None:
    provider, _ = opened(canned(status, body))
    with pytest.raises(Temporary):
        CALLS[call](provider)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("opened", OPENERS)
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_f20_a_failing_server_is_unreachable_and_says_when_to_come_back(
    opened: Callable[..., tuple[Provider, CannedWay]], call: str, status: int
) -> None:
    provider, _ = opened(canned(status, b"<html>Bad Gateway</html>", {"retry-after": "7"}))
    with pytest.raises(Temporary) as caught:
        CALLS[call](provider)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("opened", OPENERS)
def test_deleting_is_not_believed_without_a_reason(
    opened: Callable[..., tuple[Provider, CannedWay]],
) -> None:
    provider, _ = opened(canned(404, b"<html>"))
    with pytest.raises(BadReply):
        provider.delete(ObjectId("id"))


@pytest.mark.parametrize("opened", OPENERS)
def test_pages_that_never_end_are_noticed(
    opened: Callable[..., tuple[Provider, CannedWay]],
) -> None:
    page = {
        "files": [],
        "nextPageToken": "again",
        "value": [],
        "@odata.nextLink": f"{MicrosoftEndpoints().graph}/again",
    }
    provider, _ = opened(canned(200, json.dumps(page).encode()))
    with pytest.raises(BadReply):
        list(provider.listing())


# fmt: off
FIELDS = st.sampled_from([
    "id", "name", "size", "file", "folder", "hashes", "quickXorHash", "sha256Checksum", "ids",
    "md5Checksum", "trashed", "deleted", "files", "value", "nextPageToken", "@odata.nextLink",
    "error", "errors", "reason", "code", "innerError", "message", "details", "user", "used",
    "permissionId", "quota", "storageQuota", "usage", "limit", "total",
])
# fmt: on
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(string.printable, max_size=12)
    | st.sampled_from(["notFound", "itemNotFound", "storageQuotaExceeded", "9", "AAAA", "00"])
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(
    document=DOCUMENTS,
    status=st.sampled_from([200, 201, 204, 206, 302, 308, 400, 401, 403, 404, 409, 416, 429, 507]),
    call=st.sampled_from(sorted(CALLS)),
    opened=st.sampled_from(OPENERS),
)
def test_any_json_becomes_a_value_or_an_error_of_the_tree(
    document: object, status: int, call: str, opened: Callable[..., tuple[Provider, CannedWay]]
) -> None:
    provider, _ = opened(canned(status, json.dumps(document).encode()))
    try:
        CALLS[call](provider)
    except ProviderError as error:
        assert error.code  # noqa: PT017 - an answer that makes sense is fine as well


@pytest.mark.parametrize(
    ("status", "header", "body"),
    [
        (206, "", b"23456"),
        (206, "bytes 1-5", b"23456"),
        (206, "bytes 0-4/9", b"12345"),
        (206, "bytes 2-6/9", b"34567"),
        (206, "bytes 1-5/9", b"2345"),
        (206, "bytes 1-5/9", b"234567"),
        (206, "bytes 1-4/9", b"2345"),
        (206, "bytes 1-5/9; x", b"23456"),
        (200, "", b""),
        (204, "", b""),
    ],
)
@pytest.mark.parametrize("opened", OPENERS)
def test_c08_a_range_that_is_not_the_one_asked_for_is_refused(
    opened: Callable[..., tuple[Provider, CannedWay]], status: int, header: str, body: bytes
) -> None:
    provider, _ = opened(canned(status, body, {"content-range": header}))
    with pytest.raises(BadReply):
        provider.get(ObjectId("id"), 1, 5)


@pytest.mark.parametrize("opened", OPENERS)
def test_a_server_that_ignores_ranges_is_borne_with(
    opened: Callable[..., tuple[Provider, CannedWay]],
) -> None:
    provider, way = opened(canned(200, b"123456"))
    assert provider.get(ObjectId("id"), 1, 5) == b"23456"
    assert way.sent[-1].largest_answer == 6  # and no byte more is read


@pytest.mark.parametrize("opened", OPENERS)
@pytest.mark.parametrize(
    "place",
    [
        "",
        "https://evil.example/x",
        "http://1drv.com/x",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:6379/",
        "file:///etc/passwd",
        "https://googleapis.com@evil.example/",
    ],
)
def test_a_redirect_to_another_place_is_not_followed(
    opened: Callable[..., tuple[Provider, CannedWay]], place: str
) -> None:
    provider, way = opened(canned(302, b"", {"location": place}), canned(200, b"123456"))
    with pytest.raises(BadReply):
        provider.get(ObjectId("id"), 1, 5)
    assert len(way.sent) == 1


@pytest.mark.parametrize("opened", OPENERS)
def test_a_redirect_takes_no_token_along(
    opened: Callable[..., tuple[Provider, CannedWay]],
) -> None:
    elsewhere = canned(302, b"", {"location": "https://public.dm.1drv.com/x?tempauth=1%2F2"})
    provider, way = opened(elsewhere, canned(206, b"23456", {"content-range": "bytes 1-5/9"}))
    assert provider.get(ObjectId("id"), 1, 5) == b"23456"
    assert (way.sent[0].bearer, way.sent[1].bearer) == ("token-1", None)
    assert way.sent[1].url.endswith("?tempauth=1%2F2")


@pytest.mark.parametrize("opened", OPENERS)
def test_a_redirect_that_leads_on_ends(
    opened: Callable[..., tuple[Provider, CannedWay]],
) -> None:
    provider, way = opened(canned(302, b"", {"location": "https://a.1drv.com/x"}))
    with pytest.raises(BadReply):
        provider.get(ObjectId("id"), 1, 5)
    assert len(way.sent) <= 4
