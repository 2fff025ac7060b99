"""`python -m bench.cpu`: processor seconds for each GB received and stored, and what they go to.

The floor is what the format asks for whatever the program: each part alone, on one thread. rclone
sends the same file through `rcat` to a crypt remote over a Drive of the same simulator; it knows
only HTTPS, while the gateway speaks plain HTTP to the simulator. Everything is repeated, and the
lowest figure counts: on a shared machine the others hold the neighbours' share of its caches.
"""

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from balancecloud.clouds.hashes import quick_xor
from balancecloud.crypto import chunks, packs, shards
from balancecloud.crypto.frames import SECRET_LENGTH, FrameCipher, body_length
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.places import Place
from balancecloud.crypto.primitives import ID_LENGTH, KEY_LENGTH
from balancecloud.crypto.spool_parts import FRAME_LOG2
from balancecloud.storage import erasure
from bench.__main__ import CHUNK, MB, RESULTS, cpu, make_source, upload
from bench.clouds import server
from bench.reading import ACCOUNTS, SECRETS, SETTINGS
from tests.cloudsim.client import google_tokens
from tests.journey.client import ENDED, Program
from tests.journey.house import House, start
from tests.strangers.test_rclone import section
from tests.strangers.world import ANNA, simulated

K, M = 3, 1
PIECE = CHUNK // K
REST_SECONDS = 4.0
PLACE = Place(bytes(ID_LENGTH), bytes(ID_LENGTH), 1, 0, CHUNK, CHUNK, FRAME_LOG2, True)
USER_KEY = UserKey(bytes(ID_LENGTH), 1, bytes(KEY_LENGTH))


@dataclass
class Figure:
    """One line of the table: processor seconds for each GB of the file."""

    what: str
    seconds_per_gb: float
    of_which: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.cpu", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500, help="size of the file")
    parser.add_argument("--times", type=int, default=3, help="the lowest of so many counts")
    parser.add_argument("--rclone", action="store_true", help="rclone beside it")
    given = parser.parse_args()
    size = given.megabytes * MB
    figures = [Figure(what, least(act, given.times), {}) for what, act in floor().items()]
    with TemporaryDirectory(prefix="balancecloud-bench-") as folder:
        at = Path(folder)
        make_source(at / "source.bin", size)
        figures += measure_house(at, size, given.times)
        if given.rclone and shutil.which("rclone"):
            figures.append(measure_rclone(at, size, given.times))
    report(figures, size)


# --- the floor --------------------------------------------------------------------------------


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
    for _ in range(10 * times):
        began = time.process_time()
        act()
        found.append(time.process_time() - began)
    return round(min(found) / (CHUNK / 1e9), 2)


# --- the house --------------------------------------------------------------------------------


def measure_house(at: Path, size: int, times: int) -> list[Figure]:
    """Receive and store the file, on simulated accounts."""
    arguments = ("--port", "0", "--data", str(at / "sim"))
    with server("cloudsim", "cloudsim", *arguments) as sim:
        secret = at / "client_secret"
        secret.touch(mode=0o600)
        secret.write_text("simulated-not-secret\n")
        settings = {**SETTINGS, **{name: str(secret) for name in SECRETS}}
        house = start(at / "data", **settings, SIMULATOR_URL=sim.base)
        try:
            return _repeat(house, at / "source.bin", size, times)
        finally:
            house.stop()


def _repeat(house: House, source: Path, size: int, times: int) -> list[Figure]:
    program = Program(house.base).register()
    for provider, _, address in ACCOUNTS:
        program.link(provider, address)
    received, stored = [], []
    for _ in range(times):
        before = cpu(house)
        made = upload(program, source, size)
        between = cpu(house)
        _wait(program, made["job_id"])
        received.append(_spent(before, between))
        stored.append(_spent(between, cpu(house)))
        program.delete(f"/api/files/{made['id']}?permanent=true")
        time.sleep(REST_SECONDS)  # what deleting costs is not counted
    figures = [_lowest("receive", received, size), _lowest("store", stored, size)]
    total = sum(figure.seconds_per_gb for figure in figures)
    return [*figures, Figure("receive + store", round(total, 2), {})]


def _spent(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {role: after[role] - before.get(role, 0.0) for role in after}


def _lowest(what: str, runs: list[dict[str, float]], size: int) -> Figure:
    lowest = min(runs, key=ours)
    of_which = {role: round(spent / (size / 1e9), 2) for role, spent in lowest.items()}
    return Figure(what, round(ours(lowest) / (size / 1e9), 2), of_which)


def ours(run: dict[str, float]) -> float:
    """Return what the gateway's own processes took: gunicorn and the worker."""
    return run.get("gunicorn", 0.0) + run.get("other", 0.0)


def _wait(program: Program, job_id: str) -> None:
    while (state := program.get(f"/api/jobs/{job_id}")["state"]) not in ENDED:
        time.sleep(0.5)
    if state != "done":
        raise SystemExit(f"The job ended as {state}.")


# --- rclone -----------------------------------------------------------------------------------


def measure_rclone(at: Path, size: int, times: int) -> Figure:
    """`rclone rcat` to a crypt remote over a Drive, its own processor seconds alone."""
    with simulated(at / "stranger", strict=False) as world:
        home = at / "home"
        home.mkdir()
        obscured = subprocess.check_output(["rclone", "obscure", "some pass phrase"], text=True)
        lines = section("drive", google_tokens(world.browser, ANNA), scope="drive.file")
        lines += ["[crypt]", "type = crypt", "remote = drive:c", f"password = {obscured.strip()}"]
        (home / "rclone.conf").write_text("\n".join(lines))
        environment = world.environment(home, RCLONE_CONFIG=str(home / "rclone.conf"))
        runs = [_rcat(world.authority, environment, at / "source.bin", n) for n in range(times)]
    return Figure("rclone rcat to crypt over Drive, HTTPS", round(min(runs) / (size / 1e9), 2), {})


def _rcat(authority: Path, environment: dict[str, str], source: Path, number: int) -> float:
    command = ["rclone", "--ca-cert", str(authority), "rcat", f"crypt:{number}.bin"]
    before = os.times()
    with source.open("rb") as content:
        subprocess.run(command, env=environment, stdin=content, check=True)
    after = os.times()
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


def report(figures: list[Figure], size: int) -> None:
    lines = [
        "# Processor seconds",
        "",
        f"One file of {size // MB} MB; seconds of user and system time for each GB, the lowest of",
        "several runs. A GB of a part is a GB of what goes through that part.",
        "",
        "| what | s per GB | of which |",
        "|---|---|---|",
        *(
            f"| {one.what} | {one.seconds_per_gb:.2f} "
            f"| {', '.join(f'{role} {s:.2f}' for role, s in one.of_which.items() if s)} |"
            for one in figures
        ),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cpu.md").write_text("\n".join(lines) + "\n")
    document = {"bytes": size, "figures": [asdict(figure) for figure in figures]}
    (RESULTS / "cpu.json").write_text(json.dumps(document, indent=2) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
