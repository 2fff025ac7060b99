"""The first byte of a random place in a huge file, beside what the provider itself takes."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import randbelow
from typing import Any
from urllib.parse import urlsplit

from bench.content import MB, Content
from bench.figures import Figure, Goal
from bench.run import Run
from bench.world import ACCOUNTS, LATENCY, Simulator, World, world
from tests.cloudsim.client import Browser, google_tokens, microsoft_tokens

ROW = "seek"
WANTED = 64 << 10
# Far enough for other frames, near enough to be in the same shard most of the time.
NEARBY = 512 << 10
MOST_FETCHED = 256  # KiB
CONTENT_ROUTES = {"files.get.media", "content.download"}
DRIVE, FIRST, CACHED = "Drive", "OneDrive, first time", "OneDrive, address known"
ROUND_TRIPS = {DRIVE: 1, FIRST: 2, CACHED: 1}


@dataclass
class Seeks:
    """What was measured, by who answered."""

    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {kind: [] for kind in ROUND_TRIPS}
    )
    fetched: list[int] = field(default_factory=list)
    mixed: int = 0  # answered by both providers, as a range may end in another shard


def measure(run: Run) -> list[Figure]:
    content = Content(run.size(run.seek_bytes, 48 * MB))
    with world(run.folder / "world") as here:
        file_id = here.store(content)
        here.sim.weather(latency_s=LATENCY)
        least = provider_minimum(here.sim, run.size(15, 3))
        seeks = Seeks()
        for _ in range(run.size(60, 6)):
            begin = randbelow(content.size - WANTED - NEARBY)
            one(here, file_id, content, begin, seeks)
            one(here, file_id, content, begin + NEARBY, seeks)
    return [figure for kind in ROUND_TRIPS for figure in of_kind(kind, seeks, least)] + [
        Figure(ROW, "most bytes fetched for one seek", "KiB", max(seeks.fetched) / 1024,
               goals=(Goal("itself", MOST_FETCHED, is_ceiling=True),),
               note=f"of {len(seeks.fetched)} seeks for {WANTED >> 10} KiB each in a file of "
                    f"{content.size // MB} MB; {seeks.mixed} were answered by both providers and "
                    f"are counted here alone; the median fetched is "
                    f"{statistics.median(seeks.fetched) / 1024:.0f} KiB")
    ]  # fmt: skip


def of_kind(kind: str, seeks: Seeks, least: dict[str, float]) -> list[Figure]:
    """Return median and p90; nothing was measured where nobody answered so."""
    times = sorted(seeks.seconds[kind])
    if not times:
        return []
    computed = ROUND_TRIPS[kind] * LATENCY * 1000
    note = (
        f"{len(times)} seeks; limit: {ROUND_TRIPS[kind]} round trips of {LATENCY * 1000:.0f} ms; "
        "plain: what the provider itself takes in this run, which is the target's minimum"
    )
    ninth = times[min(len(times) - 1, len(times) * 9 // 10)]
    return [
        Figure(ROW, f"{kind}: median", "ms", statistics.median(times) * 1000, computed,
               least[kind] * 1000, goals=(Goal("plain", 1.3, is_ceiling=True),), note=note),
        Figure(ROW, f"{kind}: p90", "ms", ninth * 1000, computed, least[kind] * 1000),
    ]  # fmt: skip


def one(here: World, file_id: str, content: Content, begin: int, seeks: Seeks) -> None:
    """Seek once, and find in the simulator's log who answered and how much was fetched."""
    here.sim.forget_log()
    headers = {"Range": f"bytes={begin}-{begin + WANTED - 1}"}
    url = f"{here.program.base}/api/files/{file_id}/download"
    began = time.perf_counter()
    with here.program.session.get(url, headers=headers, stream=True, timeout=60) as answer:
        got = answer.raw.read(1)
        took = time.perf_counter() - began
        got += answer.raw.read()
    if got != content.range(begin, WANTED):
        raise RuntimeError("A seek brought other bytes.")
    log = here.sim.log()
    seeks.fetched.append(sum(one["answer_length"] for one in log if one["route"] in CONTENT_ROUTES))
    kind = who_answered(log)
    if kind:
        seeks.seconds[kind].append(took)
    else:
        seeks.mixed += 1


def who_answered(log: list[dict[str, Any]]) -> str | None:
    """Return the kind of seek that this was; None for one of several kinds at once."""
    routes = {one["route"] for one in log}
    if routes == {"files.get.media"}:
        return DRIVE
    if "files.get.media" in routes or "content.download" not in routes:
        return None
    return FIRST if "item.content" in routes else CACHED


def provider_minimum(sim: Simulator, times: int) -> dict[str, float]:
    """Return the median seconds that each provider itself takes for such a range."""
    browser = sim.browser
    _, google, address = ACCOUNTS[0]
    shard = largest(sim, google, address)
    bearer = {"Authorization": f"Bearer {google_tokens(browser, address)['access_token']}"}
    drive = Direct(
        browser, f"/google/drive/v3/files/{shard['id']}?alt=media", bearer, shard["size"]
    )
    _, microsoft, address = ACCOUNTS[3]
    shard = largest(sim, microsoft, address)
    bearer = {"Authorization": f"Bearer {microsoft_tokens(browser, address)['access_token']}"}
    path = f"/microsoft/v1.0/me/drive/items/{shard['id']}/content"
    one_drive = Direct(browser, path, bearer, shard["size"])
    known = one_drive.redirected()
    return {
        DRIVE: median(times, drive.read),
        FIRST: median(times, lambda: one_drive.redirected().read()),
        CACHED: median(times, known.read),
    }


@dataclass(frozen=True)
class Direct:
    """An object's address at a provider, asked over one kept-alive connection."""

    browser: Browser
    path: str
    headers: dict[str, str]
    size: int

    def read(self) -> None:
        begin = randbelow(self.size - WANTED)
        ranged = {**self.headers, "Range": f"bytes={begin}-{begin + WANTED - 1}"}
        answer = self.browser.send("GET", self.path, headers=ranged)
        if (answer.status, len(answer.data)) != (206, WANTED):
            raise RuntimeError(f"The provider answered {answer.status}.")

    def redirected(self) -> "Direct":
        """Return the address that needs no token."""
        parts = urlsplit(self.browser.send("GET", self.path, headers=self.headers).location)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        return Direct(self.browser, target, {}, self.size)


def largest(sim: Simulator, kind: str, address: str) -> dict[str, Any]:
    return max(sim.objects(kind, address), key=lambda one: int(one["size"]))


def median(times: int, act: Callable[[], object]) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
