"""Bodies that come a byte now and then: they do not hold the server's threads."""

import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from flask import Flask, Request
from gunicorn.http.body import Body as ServedBody
from gunicorn.http.body import LengthReader
from gunicorn.http.unreader import SocketUnreader
from werkzeug.exceptions import ClientDisconnected

from balancecloud.errors import BrokenUpload
from balancecloud.web import bodies, limits
from balancecloud.web.bodies import body_of, read_whole

LENGTH = 4096


class Line(NamedTuple):
    """A connection with somebody at its other end."""

    ours: socket.socket
    theirs: socket.socket

    def request(self) -> Request:
        """A request whose body is read from here, as gunicorn reads it."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "CONTENT_LENGTH": str(LENGTH),
            "wsgi.input": ServedBody(LengthReader(SocketUnreader(self.ours), LENGTH)),
            "wsgi.input_terminated": True,
            "gunicorn.socket": self.ours,
        }
        return Request(environ)


@pytest.fixture
def line() -> Iterator[Line]:
    """A connection that has sent one byte and stays open."""
    line = Line(*socket.socketpair())
    line.ours.settimeout(20)  # a failure ends, too
    line.theirs.sendall(b"x")
    with line.ours, line.theirs, Flask("test").app_context():
        yield line


def test_t_32_a_form_that_does_not_arrive_lets_its_thread_go(line: Line) -> None:
    with pytest.raises(ClientDisconnected):
        read_whole(line.request(), 0.05)


def test_a_form_that_was_cut_is_not_taken_for_the_whole(line: Line) -> None:
    line.theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(ClientDisconnected):
        read_whole(line.request())


def test_a_form_in_time_is_read_and_its_connection_lives_on(line: Line) -> None:
    line.theirs.sendall(b"y" * (LENGTH - 1))
    request = line.request()
    read_whole(request)
    assert request.get_data() == b"x" + b"y" * (LENGTH - 1)
    line.theirs.sendall(b"next")
    assert line.ours.recv(4) == b"next"


def test_t_32_an_upload_in_the_middle_of_a_read_is_cut_too(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "GRACE_SECONDS", -bodies.STEP / bodies.SLOWEST_BYTES_PER_SECOND)
    body = body_of(line.request(), 20, lambda: 0.0)
    assert body.read() == b"x"
    with pytest.raises(BrokenUpload):
        body.read()


def test_t_32_a_refused_upload_is_not_waited_for_long(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "FORM_SECONDS", 0.05)
    body = body_of(line.request(), 20, lambda: 0.0)
    body.drain()
    assert line.ours.recv(1) == b""


def test_the_watch_over_an_upload_ends_with_it(line: Line) -> None:
    body = body_of(line.request(), 20, lambda: 0.0)
    body.close()
    assert body._watch.finished.is_set()


def test_every_upload_streams_and_nothing_else_does(app: Flask) -> None:
    streaming = {
        name for name, view in app.view_functions.items() if getattr(view, "is_stream", False)
    }
    assert streaming == set(limits.LENIENT)
