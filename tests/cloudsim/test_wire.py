"""HTTP as bytes: what clients send, and what they get back."""

import socket
from pathlib import Path

import pytest

from cloudsim.app import Settings, running
from cloudsim.wire.ranges import NotSatisfiable, SentRange, Span, sent_range, wanted_span
from tests.cloudsim.client import Browser, Drive

pytestmark = pytest.mark.sim


def talk(browser: Browser, sent: bytes) -> bytes:
    """Send bytes, close our half, and read all that comes back."""
    host, _, port = browser.base.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    return answer


def test_two_requests_on_one_connection_are_both_answered(browser: Browser) -> None:
    answer = talk(browser, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_connection_close_is_obeyed(browser: Browser) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = talk(browser, request * 2)
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in answer


def test_http_1_0_is_closed_after_one_answer(browser: Browser) -> None:
    assert talk(browser, b"GET /health HTTP/1.0\r\n\r\n").count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x",
        b"POST /google/token HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"POST /google/token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        b"POST /google/token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
def test_what_is_not_http_is_hung_up_on(browser: Browser, sent: bytes) -> None:
    assert talk(browser, sent) == b""
    assert browser.send("GET", "/health").status == 200


def test_a_body_that_was_not_read_does_not_spoil_the_next_request(browser: Browser) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n"
    first = head + b"GET /bad HTTP/1.1\r\n\r\n123456789"
    answer = talk(browser, first + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 2
    assert answer.count(b"HTTP/1.1 200 OK") == 1


def test_a_waiting_client_is_told_to_go_on(browser: Browser, drive: Drive) -> None:
    head = (
        "POST /google/upload/drive/v3/files?uploadType=media&fields=size HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {drive.token}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    answer = talk(browser, head.encode() + b"12345")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_waiting_client_is_refused_without_its_body(browser: Browser) -> None:
    head = (
        b"POST /google/upload/drive/v3/files?uploadType=media HTTP/1.1\r\nHost: x\r\n"
        b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    answer = talk(browser, head)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"100 Continue" not in answer


def test_the_absolute_form_is_read(browser: Browser) -> None:
    assert b"200 OK" in talk(browser, b"GET http://x.example/health HTTP/1.1\r\nHost: x\r\n\r\n")


def test_stopping_ends_open_connections(tmp_path: Path) -> None:
    with running(Settings(data=tmp_path)) as sim:
        port = int(sim.url.rpartition(":")[2])
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(65536)
    with sock:
        assert sock.recv(10) == b""


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("bytes=0-", Span(0, 10)),
        ("bytes=9-9", Span(9, 1)),
        ("bytes=-3", Span(7, 3)),
        ("bytes=2-99", Span(2, 8)),
    ],
)
def test_a_range_of_ten_bytes_is_read(header: str, expected: Span | None) -> None:
    assert wanted_span(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_outside_ten_bytes_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(NotSatisfiable):
        wanted_span(header, 10)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes 0-4/10", SentRange(Span(0, 5), 10)),
        ("bytes 0-4/*", SentRange(Span(0, 5), None)),
        ("bytes */10", SentRange(None, 10)),
        ("bytes */*", SentRange(None, None)),
        ("bytes 5-4/10", None),
        ("bytes 5-10/10", None),
        ("0-4/10", None),
        ("", None),
    ],
)
def test_a_content_range_is_read(header: str, expected: SentRange | None) -> None:
    assert sent_range(header) == expected
