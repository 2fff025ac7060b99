"""Every reader of a provider's bytes, fed with anything: a value or our own error, in few steps."""

import json
import string
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from balancecloud.clouds.endpoints import GoogleEndpoints, MicrosoftEndpoints
from balancecloud.clouds.google_answers import good as good_at_google
from balancecloud.clouds.google_answers import kept_of, read_file
from balancecloud.clouds.google_drive import GoogleDrive
from balancecloud.clouds.google_uploads import DriveLimits
from balancecloud.clouds.http import (
    LONGEST_RETRY_AFTER,
    Answer,
    HostRules,
    _retry_after,
    origin_of,
)
from balancecloud.clouds.oauth import Grants, OAuthClient, TokenSet
from balancecloud.clouds.onedrive import OneDrive
from balancecloud.clouds.onedrive_answers import codes_of, read_item
from balancecloud.clouds.onedrive_answers import good as good_at_microsoft
from balancecloud.clouds.provider import ObjectId, ShardName
from balancecloud.clouds.replies import Reply, exact_range
from balancecloud.clouds.upload_sessions import HeldUploadSessions, KeptUpload
from balancecloud.errors import BadReply, ProviderError, Refused
from tests.clouds.provider_suite import new_shard
from tests.fakes.canned_way import CannedWay, canned
from tests.fakes.fixed_tokens import FixedTokens
from tests.fakes.manual_clock import ManualClock

FEW = settings(max_examples=60, deadline=None)
MANY = settings(max_examples=200, deadline=None)  # of what is quickly made
NAME, ID = ShardName("abcdefgh"), ObjectId("id")
RULES = HostRules.of(
    (GoogleEndpoints().api, GoogleEndpoints().token, MicrosoftEndpoints().graph),
    ("googleapis.com", "1drv.com"),
)

STATUSES = st.sampled_from([200, 201, 202, 204, 206, 308, 400, 401, 403, 404, 409, 416, 429, 503])
WORDS = st.sampled_from(
    [
        "id", "name", "size", "file", "hashes", "quickXorHash", "sha256Checksum", "md5Checksum",
        "error", "errors", "details", "reason", "code", "innererror", "innerError", "message",
        "uploadUrl", "nextExpectedRanges", "access_token", "refresh_token", "expires_in", "scope",
        "error_description", "token_type", "location",
    ]
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["0-", "5-9", "invalid_grant", "AADSTS50196: x", "notFound", "itemNotFound", "9" * 400]
    )
    | st.sampled_from(["https://public.1drv.com/up", "https://evil.example/", "file:///x"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=12,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
RANGES = st.text("bytes=*/-0123456789 ", max_size=30) | st.text(max_size=20)


@FEW
@given(status=STATUSES, body=BODIES, wait=st.none() | st.floats(0, 1e5))
def test_any_error_body_has_a_meaning_of_the_tree(
    status: int, body: bytes, wait: float | None
) -> None:
    answer = Answer(status, {}, body, wait)
    for good in (good_at_google, good_at_microsoft):
        try:
            good(answer)
        except ProviderError as error:
            assert error.sentence  # noqa: PT017 - a success is one
    assert all(code == code.lower() for code in codes_of(answer))


@FEW
@given(body=BODIES)
def test_any_object_is_read_or_refused(body: bytes) -> None:
    for read in (read_file, read_item):
        try:
            read(Reply.of(Answer(200, {}, body, None)))
        except ProviderError:
            continue


@MANY
@given(value=st.none() | RANGES)
@example("bytes=0-" + "9" * 4000)
@example("bytes=0-\u0669")
def test_any_range_of_a_session_is_a_count_or_a_bad_reply(value: str | None) -> None:
    try:
        kept = kept_of(Answer(308, {} if value is None else {"range": value}, b"", None))
    except BadReply:
        return
    assert 0 <= kept <= 10**18


@MANY
@given(
    status=st.sampled_from([200, 206]),
    told=RANGES | st.just("bytes 3-7/9"),
    body=st.binary(max_size=12),
    start=st.integers(0, 9),
    length=st.integers(1, 9),
)
def test_any_content_range_gives_exactly_what_was_asked_or_an_error(
    status: int, told: str, body: bytes, start: int, length: int
) -> None:
    answer = Answer(status, {"content-range": told, "content-length": "x"}, body, None)
    try:
        found = exact_range(answer, start, length)
    except ProviderError:
        return
    assert len(found) == length


@MANY
@given(value=st.text(max_size=40) | st.text("0123456789-+.eE ,:GMT", max_size=40))
@example("\u00b2")
@example("9" * 10_000)
@example("Wed, 21 Oct 99999 07:28:00 GMT")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("-1")
def test_any_retry_after_is_a_bounded_wait_or_none(value: str) -> None:
    seconds = _retry_after(value, datetime(2026, 11, 23, tzinfo=UTC))
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER


@MANY
@given(url=st.text(max_size=40) | st.text("htps:/@[]:%.\\#?0129a", max_size=40))
@example("https://[::1")
@example("https://a:99999/")
@example("https://\u2100.com/")
@example("https://googleapis.com\\@evil.example/")
def test_any_address_has_an_origin_within_the_rules_or_is_refused(url: str) -> None:
    try:
        origin = origin_of(url)
        RULES.check(origin)
    except BadReply:
        return
    assert origin.scheme == "https"
    assert origin.host.endswith(("googleapis.com", "1drv.com", "graph.microsoft.com"))


def drives(
    answers: list[Answer], sessions: HeldUploadSessions
) -> list[tuple[GoogleDrive | OneDrive, CannedWay]]:
    google, microsoft = CannedWay(RULES, *answers), CannedWay(RULES, *answers)
    limits = DriveLimits(multipart_bytes=4, part_bytes=262_144)
    return [
        (
            GoogleDrive(
                GoogleEndpoints(),
                FixedTokens(),
                "folder",
                google,
                sessions=sessions,
                clock=ManualClock(),
                limits=limits,
            ),
            google,
        ),
        (
            OneDrive(
                MicrosoftEndpoints(),
                FixedTokens(),
                "folder",
                microsoft,
                sessions=sessions,
                clock=ManualClock(),
            ),
            microsoft,
        ),
    ]


@FEW
@given(
    answers=st.lists(
        st.builds(
            canned,
            STATUSES,
            BODIES,
            st.dictionaries(st.sampled_from(["range", "location"]), RANGES, max_size=2),
        ),
        min_size=1,
        max_size=8,
    ),
    kept=st.none()
    | st.builds(
        KeptUpload,
        st.none() | st.sampled_from(["https://public.1drv.com/up", "x", "http://10.0.0.1/"]),
        st.sampled_from([None, ID]),
    ),
)
def test_any_answers_to_an_upload_end_it_in_few_requests(
    answers: list[Answer], kept: KeptUpload | None
) -> None:
    sessions = HeldUploadSessions()
    for drive, way in drives(answers, sessions):
        if kept is not None:
            sessions.keep(NAME, kept)
        with suppress(ProviderError):
            drive.put(NAME, new_shard(600_000), ID)
        assert len(way.sent) <= 60
        sessions.forget(NAME)


def grants(body: bytes, status: int) -> Grants:
    way = CannedWay(RULES, canned(status, body, {"content-type": "application/json"}))
    return Grants(GoogleEndpoints().site(), OAuthClient("id", "secret"), way, ManualClock())


@FEW
@given(status=STATUSES, body=BODIES)
@example(200, b'{"access_token": "a", "expires_in": 1e400}')
@example(200, b'{"access_token": "a", "expires_in": NaN}')
@example(200, b'{"access_token": "\\ud800"}')
@example(400, b'{"error": "invalid_grant", "error_description": {"a": 1}}')
def test_any_answer_of_a_token_endpoint_is_a_token_or_an_error(status: int, body: bytes) -> None:
    before = TokenSet("CANARY-a", "CANARY-r", datetime(2026, 1, 1, tzinfo=UTC), "drive.file")
    calls: list[Callable[[], object]] = [
        lambda: grants(body, status).refresh(before),
        lambda: grants(body, status).finish("http://localhost/", "CANARY-code", "v" * 43),
    ]
    for call in calls:
        try:
            call()
        except (ProviderError, Refused) as error:
            assert "CANARY" not in str(error) + repr(error)  # noqa: PT017 - a token is fine


@pytest.mark.parametrize("depth", [10, 1000, 100_000])
def test_deep_nesting_is_refused_quickly(depth: int) -> None:
    for opening in ("[", '{"error":', '{"innererror":'):
        answer = Answer(403, {}, opening.encode() * depth, None)
        for good in (good_at_google, good_at_microsoft):
            with pytest.raises(ProviderError):
                good(answer)


def test_texts_that_are_no_text_stay_harmless() -> None:
    printable = Answer(403, {}, json.dumps({"error": string.printable}).encode(), None)
    with pytest.raises(BadReply):
        good_at_google(printable)
