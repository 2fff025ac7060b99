"""The preview at an address, for a browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

from tests.web.pages import preview

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@contextmanager
def serve() -> Iterator[str]:
    """Serve every page of the preview while this lasts."""
    server = make_server("127.0.0.1", 0, whole(preview.build()), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def whole(application: "WSGIApplication") -> "WSGIApplication":
    """Answer in one piece: of what a browser gives up half-way, no file stays open."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        pieces = application(environ, start_response)
        try:
            return list(pieces)
        finally:
            getattr(pieces, "close", lambda: None)()

    return answer
