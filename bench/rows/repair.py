"""What is built again after one of four accounts is lost, while the file is being read."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import randbelow
from typing import Any

import requests

from bench.content import MB, Content
from bench.figures import Figure, Goal
from bench.run import Run
from bench.world import ACCOUNTS, LATENCY, LINK, SPARE, World, world

ROW = "repair"
K = 3
READ_BYTES = 64 << 10
PAUSE_SECONDS = 0.5
REPAIR_SECONDS = 900
CONTENT_ROUTES = {"files.get.media", "content.download"}


@dataclass
class Reads:
    """Small reads of the file while it is repaired."""

    done: int = 0
    failed: int = 0


def measure(run: Run) -> list[Figure]:
    content = Content(run.size(768 * MB, 24 * MB))
    with world(run.folder / "world") as here:
        file_id = here.store(content)
        here.program.link(SPARE[0], SPARE[2])
        here.sim.weather(latency_s=LATENCY, up_bytes_s=LINK, down_bytes_s=LINK)
        here.sim.forget_log()
        with reading(here, file_id, content) as reads:
            began = time.perf_counter()
            lose(here, 0)
            wait_until_whole(here, file_id)
            seconds = time.perf_counter() - began
        read, rebuilt = bytes_read(here.sim.log()), bytes_on_spare(here)
        here.sim.weather()
        here.read(file_id, content.digest())
    own = reads.done * READ_BYTES
    speed = rebuilt / MB / seconds
    return [
        Figure(ROW, "bytes read ÷ bytes rebuilt", "", (read - own) / rebuilt, K,
               goals=(Goal("limit", 1.05, is_ceiling=True),),
               note=f"{rebuilt / MB:.0f} MB were rebuilt; the small reads below are taken off"),
        Figure(ROW, "rebuilt, from the loss until all is whole", "MB/s", speed, LINK / MB,
               goals=(Goal("limit", 0.8),),
               note="everything rebuilt goes to one new account: its link is the limit"),
        Figure(ROW, "reads that failed meanwhile", "", reads.failed,
               goals=(Goal("itself", 0, is_ceiling=True),),
               note=f"of {reads.done + reads.failed}, of {READ_BYTES >> 10} KiB at random places; "
                    "afterwards the whole file was equal"),
    ]  # fmt: skip


def lose(here: World, number: int) -> None:
    """Take an account away for good, at the provider and by unlinking it."""
    _, kind, address = ACCOUNTS[number]
    here.sim.browser.control("PUT", f"accounts/{kind}/{address}/state", {"state": "gone"})
    account_id = here.account_ids[number]
    label = next(one["label"] for one in here.program.accounts() if one["id"] == account_id)
    query = {"force": "true", "confirm": label}
    here.program.delete(f"/api/cloud-accounts/{account_id}", params=query)


def wait_until_whole(here: World, file_id: str) -> None:
    """Return once every chunk may lose an account again."""
    deadline = time.monotonic() + REPAIR_SECONDS
    while here.program.get(f"/api/files/{file_id}")["state"] != "stored":
        if time.monotonic() > deadline:
            raise RuntimeError("The file was not repaired in time.")
        time.sleep(0.1)


@contextmanager
def reading(here: World, file_id: str, content: Content) -> Iterator[Reads]:
    """Read small ranges now and then until the block ends, and compare them."""
    reads, ended = Reads(), threading.Event()
    url = f"{here.program.base}/api/files/{file_id}/download"
    token = dict(here.program.session.headers)

    def read() -> None:
        while not ended.wait(PAUSE_SECONDS):
            begin = randbelow(content.size - READ_BYTES)
            if _is_equal(url, token, content.range(begin, READ_BYTES), begin):
                reads.done += 1
            else:
                reads.failed += 1

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield reads
    finally:
        ended.set()
        thread.join()


def _is_equal(url: str, token: dict[str, Any], expected: bytes, begin: int) -> bool:
    """Whether a range comes as it was sent; whatever goes wrong is a failed read."""
    ranged = {**token, "Range": f"bytes={begin}-{begin + len(expected) - 1}"}
    try:
        answer = requests.get(url, headers=ranged, timeout=60)
    except requests.RequestException:
        return False
    return answer.status_code == 206 and answer.content == expected


def bytes_read(log: list[dict[str, Any]]) -> int:
    """Return what our accounts gave out."""
    return sum(int(one["answer_length"]) for one in log if one["route"] in CONTENT_ROUTES)


def bytes_on_spare(here: World) -> int:
    """Return what lies on the account that came instead."""
    return sum(int(one["size"]) for one in here.sim.objects(SPARE[1], SPARE[2]))
