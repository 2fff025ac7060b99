"""The one HTTP client, against servers that mean no good."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from traceback import format_exception

import pytest

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.http import (
    ERROR_BODY_BYTES,
    Deadlines,
    HostRules,
    HttpClient,
    Request,
    origin_of,
)
from balancecloud.errors import BadReply, ConfigError, ProviderError, Unreachable
from tests.clouds.scripted_server import Script, ScriptedServer, answer, for_ever, then_close
from tests.fakes.manual_clock import ManualClock

QUICK = Deadlines(
    connect_seconds=1.0, idle_seconds=0.3, base_seconds=0.6, slowest_bytes_per_second=1e9
)
OK = b"HTTP/1.1 200 OK\r\n"


def client_of(server: ScriptedServer, deadlines: Deadlines | None = None) -> HttpClient:
    return HttpClient(HostRules.of((server.url,), ()), SYSTEM_CLOCK, deadlines)


@pytest.fixture
def done() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


# --- asking and answering ---


def test_a_body_is_sent_in_parts_and_an_answer_is_read() -> None:
    with ScriptedServer(answer("201 Created", b"made", "X-Told: yes")) as server:
        got = client_of(server).send(
            Request("PUT", f"{server.url}/a?b=c", parts=(b"one", memoryview(b"two"), bytearray(3)))
        )
    assert (got.status, got.body, got.headers["x-told"]) == (201, b"made", "yes")
    assert server.requests[0].startswith(b"PUT /a?b=c HTTP/1.1\r\n")
    assert server.requests[0].endswith(b"\r\n\r\nonetwo\0\0\0")


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "PUT"])
def test_a_request_without_a_body_sends_none(method: str) -> None:
    with ScriptedServer(answer("200 OK")) as server:
        client_of(server).send(Request(method, server.url))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert (b"Content-Length: 0" in head) == (method in {"POST", "PUT"})
    assert body == b""


def test_a_large_body_arrives_whole() -> None:
    body = os.urandom(3_000_001)
    with ScriptedServer(answer("200 OK")) as server:
        client_of(server).send(Request("PUT", server.url, parts=(memoryview(body),)))
    assert server.requests[0].partition(b"\r\n\r\n")[2] == body


def test_connections_are_kept() -> None:
    with ScriptedServer(answer("200 OK", b"x")) as server:
        client = client_of(server)
        for _ in range(5):
            client.send(Request("GET", server.url))
    assert server.connections == 1


def test_a_connection_the_server_closed_is_not_used_again() -> None:
    with ScriptedServer(then_close(answer("200 OK", b"x"))) as server:
        client = client_of(server)
        client.send(Request("GET", server.url))
        for _ in range(100):  # the end of the connection may take a moment to arrive
            if not client._idle[origin_of(server.url)][0].connection.is_connected:
                break
            time.sleep(0.01)
        assert client.send(Request("GET", server.url)).body == b"x"


def test_an_answer_in_chunks_is_read_and_the_connection_kept() -> None:
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with ScriptedServer(chunked) as server:
        client = client_of(server)
        assert client.send(Request("GET", server.url)).body == b"abcde"
        assert client.send(Request("GET", server.url)).body == b"abcde"
    assert server.connections == 1


def test_content_is_asked_for_and_taken_as_it_is() -> None:
    bomb = answer("200 OK", b"\x1f\x8b not really", "Content-Encoding: gzip")
    with ScriptedServer(bomb) as server:
        got = client_of(server).send(Request("GET", server.url))
    assert got.body == b"\x1f\x8b not really"
    assert b"Accept-Encoding: identity" in server.requests[0]


def test_an_early_refusal_of_a_large_body_is_still_read() -> None:
    with ScriptedServer(answer("507 Insufficient Storage", b"full", "Connection: close")) as server:
        got = client_of(server).send(Request("PUT", server.url, parts=(bytes(1 << 20),)))
    assert (got.status, got.body) == (507, b"full")


def test_a_fork_does_not_share_connections() -> None:
    with ScriptedServer(answer("200 OK", b"x")) as server:
        client = client_of(server)
        client.send(Request("GET", server.url))
        client._pid -= 1  # as it looks to a child
        client.send(Request("GET", server.url))
    assert server.connections == 2


# --- where it goes ---


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example.com/",
        "https://files.example.com:8443/",
        "https://example.com.evil.test/",
        "https://evilexample.com/",
        "https://user:pass@files.example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "file:///etc/passwd",
        "ftp://files.example.com/",
        "//files.example.com/",
        "/etc/passwd",
        "",
        "https://",
        "https://files.example.com:99999/",
        "https://files.example.com:x/",
        "https://[broken/",
    ],
)
def test_a_place_that_is_not_the_providers_is_refused(url: str) -> None:
    client = HttpClient(HostRules.of((), ("example.com",)), SYSTEM_CLOCK)
    with pytest.raises(BadReply):
        client.send(Request("GET", url))


@pytest.mark.parametrize(
    "host", ["files.example.com", "example.com", "FILES.EXAMPLE.COM", "a.b.example.com."]
)
def test_hosts_below_a_suffix_are_allowed(host: str) -> None:
    HostRules.of((), ("example.com",)).check(origin_of(f"https://{host}/x"))


def test_a_listed_name_with_a_private_address_is_refused() -> None:
    client = HttpClient(HostRules.of((), ("localhost",)), SYSTEM_CLOCK)
    with pytest.raises(BadReply):
        client.send(Request("GET", "https://localhost/"))


def test_another_port_of_a_configured_host_is_another_place() -> None:
    with (
        ScriptedServer(answer("200 OK")) as server,
        ScriptedServer(answer("200 OK")) as other,
        pytest.raises(BadReply),
    ):
        client_of(server).send(Request("GET", other.url))
    assert other.connections == 0


def test_a_base_that_is_no_url_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError):
        HostRules.of(("not a url",), ())


def test_a_redirect_is_handed_back() -> None:
    moved = answer("302 Found", b"", "Location: https://elsewhere.example/")
    with ScriptedServer(moved) as server:
        got = client_of(server).send(Request("GET", server.url, bearer="token"))
    assert (got.status, got.headers["location"]) == (302, "https://elsewhere.example/")
    assert len(server.requests) == 1


def test_the_token_goes_to_configured_origins() -> None:
    with ScriptedServer(answer("200 OK")) as server:
        client_of(server).send(Request("GET", server.url, bearer="the-token"))
    assert b"Authorization: Bearer the-token\r\n" in server.requests[0]


def test_the_token_does_not_go_elsewhere() -> None:
    client = HttpClient(HostRules.of(("https://api.example.com",), ("example.com",)), SYSTEM_CLOCK)
    elsewhere = origin_of("https://files.example.com/x")
    request = Request("GET", "https://files.example.com/x", bearer="the-token")
    assert "Authorization" not in client._headers(request, elsewhere)


# --- answers that mean no good ---


def refuses(script: Script, error: type[ProviderError], deadlines: Deadlines | None = None) -> None:
    with ScriptedServer(script) as server, pytest.raises(error):
        client_of(server, deadlines).send(Request("GET", server.url, largest_answer=1000))


@pytest.mark.parametrize(
    "script",
    [
        b"",
        OK + b"Content-Length: 10\r\n\r\nshort",
        OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nshort",
    ],
)
def test_c08_an_answer_that_breaks_off_is_unreachable(script: bytes) -> None:
    refuses(then_close(script), Unreachable)


@pytest.mark.parametrize(
    "script",
    [
        b"HTT",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 what OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        OK + b"X: y\r\n" * 200 + b"\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_an_answer_that_is_not_http_is_a_bad_reply(script: bytes) -> None:
    refuses(then_close(script), ProviderError)


def test_c08_a_body_beyond_what_was_asked_is_refused() -> None:
    refuses(answer("200 OK", bytes(1001)), BadReply)


def test_c08_an_endless_body_is_refused_at_the_next_byte(done: threading.Event) -> None:
    refuses(for_ever(OK + b"\r\n", bytes(65536), done), BadReply)


def test_c08_an_endless_error_is_read_in_bounded_memory(done: threading.Event) -> None:
    endless = for_ever(b"HTTP/1.1 500 Oops\r\n\r\n", bytes(65536), done)
    with ScriptedServer(endless) as server:
        got = client_of(server).send(Request("GET", server.url, largest_answer=10))
    assert (got.status, len(got.body)) == (500, ERROR_BODY_BYTES)


def test_a_longer_answer_can_be_cut() -> None:
    with ScriptedServer(answer("200 OK", b"abcdef")) as server:
        request = Request("GET", server.url, largest_answer=3, is_cut=True)
        assert client_of(server).send(request).body == b"abc"


# --- deadlines ---


def test_f22_a_silent_server_is_unreachable(done: threading.Event) -> None:
    refuses(for_ever(b"", b"", done, 0.05), Unreachable, QUICK)


def test_f22_headers_that_drip_meet_the_deadline(done: threading.Event) -> None:
    refuses(for_ever(OK, b"X: y\r\n", done, 0.05), Unreachable, QUICK)


def test_f22_a_body_that_drips_meets_the_deadline(done: threading.Event) -> None:
    head = OK + b"Content-Length: 1000\r\n\r\n"
    refuses(for_ever(head, b"x", done, 0.05), Unreachable, QUICK)


def test_f22_nobody_there_is_unreachable() -> None:
    with ScriptedServer(answer("200 OK")) as server:
        url = server.url
    with pytest.raises(Unreachable):
        HttpClient(HostRules.of((url,), ()), SYSTEM_CLOCK).send(Request("GET", url))


def test_the_time_allowed_grows_with_the_bytes() -> None:
    deadlines = Deadlines()
    assert deadlines.total(0) < deadlines.total(10 << 20) < 300


# --- Retry-After ---


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("999999999999", 86_400.0),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_f20_retry_after_is_seconds_or_nothing(value: str, seconds: float | None) -> None:
    with ScriptedServer(answer("503 Busy", b"", f"Retry-After: {value}")) as server:
        got = client_of(server).send(Request("GET", server.url))
    assert got.retry_after_seconds == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(90, 90.0), (-90, 0.0)])
def test_f20_retry_after_is_a_date(ahead: int, seconds: float) -> None:
    clock = ManualClock()
    date = format_datetime(clock.now() + timedelta(seconds=ahead), usegmt=True)
    with ScriptedServer(answer("503 Busy", b"", f"Retry-After: {date}")) as server:
        client = HttpClient(HostRules.of((server.url,), ()), clock)
        assert client.send(Request("GET", server.url)).retry_after_seconds == seconds


# --- secrets ---


def test_l01_no_url_token_or_body_shows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(answer("200 OK", b"CANARY-d", "X: CANARY-e")) as server:
        request = Request(
            "GET",
            f"{server.url}/CANARY-a?x=CANARY-b",
            headers={"X": "CANARY-f"},
            parts=(b"CANARY-g",),
            bearer="CANARY-c",
        )
        client = client_of(server)
        got = client.send(request)
        client.close()
    with pytest.raises(ProviderError) as caught:
        client.send(request)
    assert "CANARY" not in caplog.text + repr(request) + repr(got) + "".join(
        format_exception(caught.value)
    )


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "snow ☃"])
def test_a_token_that_would_split_the_request_is_not_sent(value: str) -> None:
    with ScriptedServer(answer("200 OK")) as server, pytest.raises(BadReply):
        client_of(server).send(Request("GET", server.url, bearer=value))
    assert server.requests == []
