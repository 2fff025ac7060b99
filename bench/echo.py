"""A server on the simulator's own wire that does nothing: what a body and an answer cost alone."""

import sys
from pathlib import Path

from cloudsim.wire.listener import Listener
from cloudsim.wire.messages import FileSlice, Request, Response

PIECE = memoryview(bytearray(1 << 20))


def main() -> None:
    """Swallow bodies; answer a GET with the stretch of the file that its path says in bytes."""
    source = Path(sys.argv[1])

    def answer(request: Request) -> Response:
        while request.body.readinto(PIECE):
            pass
        wanted = int(request.path.strip("/") or 0)
        if request.method == "GET" and wanted:
            return Response(200, file=FileSlice(source.open("rb"), 0, wanted))
        return Response(200, b'{"id":"0"}')

    listener = Listener("127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{listener.port}\n")
    sys.stdout.flush()
    listener.serve(answer)


if __name__ == "__main__":
    main()
