"""A large file to four accounts and back, links being all that limits it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.content import MB, Content
from bench.figures import Figure, Goal
from bench.peer import Rclone
from bench.plain import PlainLinks
from bench.run import Run
from bench.world import ACCOUNTS, LATENCY, LINK, World, world

ROW = "store"
GIB = 1 << 30
K, N = 3, 4  # what four equal accounts and m = 1 lead to
LINKS = LINK * len(ACCOUNTS) / MB
# What the peer's union is given, half as much in all: it keeps each file on one account.
PARTS = 4
PEERS_SHARE = f"the peer was given {PARTS} files, half as much in all"


@dataclass(frozen=True)
class Speeds:
    """MB a second there and back, of a peer or of a plain program; or why there are none."""

    up: float | str | None
    down: float | str | None


def measure(run: Run) -> list[Figure]:
    content = Content(run.size(GIB, 24 * MB))
    with world(run.folder / "world") as here:
        here.sim.weather(latency_s=LATENCY, up_bytes_s=LINK, down_bytes_s=LINK)
        links = PlainLinks(here.sim, run.size(24, 4))
        plain = links.send(), links.read()
        peer = run.peer(here.sim)
        one = one_drive(peer, run, content) if peer else Speeds(run.no_peer, run.no_peer)
        union = over_union(peer, run, content) if peer else Speeds(run.no_peer, run.no_peer)
        file_id, figures = storing(here, content, plain[0], (one, union))
        return figures + reading(here, file_id, content, plain[1], (one, union))


def storing(
    here: World, content: Content, plain: float, peers: tuple[Speeds, Speeds]
) -> tuple[str, list[Figure]]:
    began = time.perf_counter()
    made = here.upload(content)
    received = time.perf_counter()
    here.wait_until_stored(made)
    ended = time.perf_counter()
    alone, whole = (content.size / MB / (ended - since) for since in (received, began))
    limit, plain_limit = LINKS * K / N, plain * K / N
    goals = (Goal("limit", 0.9), Goal("peer", 2.5))
    one, union = peers
    return made["id"], [
        Figure(ROW, "from the end of the upload until stored", "MB/s", alone, limit, plain_limit,
               one.up, goals, "the ratios of the target are those of this line"),
        Figure(ROW, "the same beside crypt over a union of four", "MB/s", alone, limit,
               plain_limit, union.up, note=PEERS_SHARE),
        Figure(ROW, "from the start of sending until stored", "MB/s", whole, limit, plain_limit,
               one.up),
    ]  # fmt: skip


def reading(
    here: World, file_id: str, content: Content, plain: float, peers: tuple[Speeds, Speeds]
) -> list[Figure]:
    digest = content.digest()
    one, union = peers

    def speed() -> float:
        return timed(content, lambda: here.read(file_id, digest))

    whole = speed()
    left = LINKS - LINK / MB
    figures = [
        Figure(ROW, "download", "MB/s", whole, LINKS, plain, one.down, (Goal("limit", 0.9),)),
        Figure(ROW, "the same beside crypt over a union of four", "MB/s", whole, LINKS, plain,
               union.down, note=PEERS_SHARE),
    ]  # fmt: skip
    _, kind, address = ACCOUNTS[0]
    for what, outage in (("stalled", "silence"), ("gone", "unavailable")):
        here.sim.conditions(kind, address, outage=outage)
        figures.append(
            Figure(ROW, f"download, one account {what}", "MB/s", speed(), left,
                   goals=(Goal("limit", 0.85),), note="the limit is that of the other links")
        )  # fmt: skip
    return figures


def one_drive(peer: Rclone, run: Run, content: Content) -> Speeds:
    """Let the peer copy the same bytes to one Drive, and back."""
    source = content.write(run.folder / "source.bin")
    there, back = "drive-crypt:bench/source.bin", str(run.folder / "back.bin")
    up = timed(content, lambda: peer.run("copyto", str(source), there))
    down = timed(content, lambda: peer.run("copyto", there, back))
    source.unlink()
    return Speeds(up, down)


def over_union(peer: Rclone, run: Run, content: Content) -> Speeds:
    """Let it use all four accounts, if it can; what it cannot is no failure of ours."""
    folder = run.folder / "parts"
    folder.mkdir()
    for number in range(PARTS):
        Content(content.size // 2 // PARTS).write(folder / f"{number}.bin")
    try:
        half = Content(content.size // 2)
        up = timed(half, lambda: peer.run("copy", str(folder), "union-crypt:bench"))
        back = str(run.folder / "parts-back")
        down = timed(half, lambda: peer.run("copy", "union-crypt:bench", back))
    except RuntimeError as failed:
        return Speeds(str(failed), str(failed))
    return Speeds(up, down)


def timed(content: Content, act: Callable[[], object]) -> float:
    """Return MB a second."""
    began = time.perf_counter()
    act()
    return content.size / MB / (time.perf_counter() - began)
