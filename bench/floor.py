"""`make bench-floor`: what each part of the work on a chunk costs, our own functions alone.

No speed of the house can be better than the sum of these; docs/performance.md sets it beside them.
"""

import argparse
import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from balancecloud.clouds.hashes import quick_xor
from balancecloud.crypto import chunks, packs, shards
from balancecloud.crypto.frames import SECRET_LENGTH, FrameCipher, body_length
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.places import Place
from balancecloud.crypto.primitives import ID_LENGTH, KEY_LENGTH
from balancecloud.crypto.spool_parts import FRAME_LOG2
from balancecloud.storage import erasure
from bench.clouds import RESULTS

CHUNK = 10 << 20
K, M = 3, 1
PIECE = CHUNK // K
PLACE = Place(bytes(ID_LENGTH), bytes(ID_LENGTH), 1, 0, CHUNK, CHUNK, FRAME_LOG2, True)
USER_KEY = UserKey(bytes(ID_LENGTH), 1, bytes(KEY_LENGTH))


@dataclass
class Figure:
    """One line of the table: processor seconds for each GB of the file."""

    what: str
    seconds_per_gb: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.floor", description=__doc__)
    parser.add_argument("--times", type=int, default=30, help="the lowest of so many counts")
    times = parser.parse_args().times
    report([Figure(what, least(act, times)) for what, act in floor().items()])


def floor() -> dict[str, Callable[[], None]]:
    """Each part of the work on a chunk of 10 MiB."""
    source = os.urandom(CHUNK)
    sealed = bytearray(body_length(CHUNK, FRAME_LOG2))
    view, target = memoryview(sealed), memoryview(bytearray(CHUNK))
    frames = FrameCipher(bytes(SECRET_LENGTH), b"", FRAME_LOG2)
    frames.seal_into(view, 0, source, ends=True)
    pieces = [memoryview(source)[i * PIECE : (i + 1) * PIECE] for i in range(K)]
    return {
        "frames of 64 KiB sealed": lambda: frames.seal_into(view, 0, source, ends=True),
        "frames opened": lambda: frames.open_into(target, 0, sealed, ends=True),
        "SHA-256": lambda: _discard(hashlib.sha256(source)),
        "quickXor": lambda: _discard(quick_xor(source)),
        "coding 3 + 1": lambda: _discard(erasure.encode(source, K, M)),
        "a copy in memory": lambda: target.__setitem__(slice(0, CHUNK), source),
        "through a socket, both ends": lambda: _through_socket(pieces),
        "a chunk sealed, its salt with it": lambda: _discard(_sealed(source)),
        "a chunk sealed and coded, four shards": lambda: _discard(_coded(source)),
    }


def _sealed(source: bytes) -> bytearray:
    return chunks.seal(PLACE, bytes(KEY_LENGTH), USER_KEY, source)


def _coded(source: bytes) -> list[shards.SealedShard]:
    pack = _sealed(source)
    layout = shards.Layout(PLACE.file, len(pack), K, M, packs.digest([packs.header_of(pack)]))
    pieces = erasure.encode(pack, K, M)
    return [shards.seal_shard(USER_KEY, layout, i, piece) for i, piece in enumerate(pieces)]


def _discard(_made: object) -> None:
    pass


def _through_socket(pieces: list[memoryview]) -> None:
    server_side = socket.create_server(("127.0.0.1", 0))
    sender = socket.create_connection(server_side.getsockname())
    receiver, _ = server_side.accept()
    room = bytearray(1 << 20)

    def take() -> None:
        while receiver.recv_into(room):
            pass

    thread = threading.Thread(target=take)
    thread.start()
    for piece in pieces:
        sender.sendall(piece)
    sender.close()
    thread.join()
    receiver.close()
    server_side.close()


def least(act: Callable[[], None], times: int) -> float:
    """Return the seconds for each GB of a chunk's work, of many short runs the shortest."""
    found = []
    for _ in range(times):
        began = time.process_time()
        act()
        found.append(time.process_time() - began)
    return round(min(found) / (CHUNK / 1e9), 2)


def report(figures: list[Figure]) -> None:
    lines = [
        "# What the format costs",
        "",
        "Processor seconds, user and system, for each GB that goes through a part, the lowest of",
        "many runs on a chunk of 10 MiB.",
        "",
        "| part | s per GB |",
        "|---|---|",
        *(f"| {one.what} | {one.seconds_per_gb:.2f} |" for one in figures),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "floor.md").write_text("\n".join(lines) + "\n")
    document = {"figures": [asdict(figure) for figure in figures]}
    (RESULTS / "floor.json").write_text(json.dumps(document, indent=2) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
