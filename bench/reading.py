"""`python -m bench.reading`: a file read back over links of a known speed, beside their sum.

Client, gateway, database and simulator share the machine; the links are the simulator's weather.
Compare the ratios of one run, not speeds.
"""

import argparse
import json
import os
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import randbelow
from tempfile import TemporaryDirectory
from typing import Any

from bench.__main__ import MB, RESULTS, make_source, upload
from bench.clouds import server
from tests.cloudsim.client import Browser, google_tokens
from tests.journey.client import Program
from tests.journey.house import House, start

LINK = 20 * MB
LATENCY = 0.08
SEEKS = 20
SEEK_BYTES = 64 << 10
SETTINGS = {
    "DEMO": "0",
    "RATE_LIMITS": "0",
    "GOOGLE_CLIENT_ID": "balancecloud-demo",
    "MICROSOFT_CLIENT_ID": "balancecloud-demo",
}
SECRETS = ("GOOGLE_CLIENT_SECRET_FILE", "MICROSOFT_CLIENT_SECRET_FILE")
ACCOUNTS = (
    ("google_drive", "google", "one@example.com"),
    ("google_drive", "google", "two@example.com"),
    ("google_drive", "google", "three@example.com"),
    ("onedrive", "microsoft", "work.four@example.com"),
)


@dataclass
class Figure:
    """One line of the table."""

    what: str
    figure: float
    unit: str
    limit: float
    ratio: float


@dataclass
class Bench:
    """A file that is stored on four accounts, and the weather over them."""

    program: Program
    browser: Browser
    file_id: str
    size: int
    digest: str

    def weather(self, account: int, **conditions: Any) -> None:
        _, kind, address = ACCOUNTS[account]
        self.browser.control("PUT", f"weather/conditions/{kind}/{address}", conditions)

    def fair_links(self) -> None:
        for account in range(len(ACCOUNTS)):
            self.weather(account, latency_s=LATENCY, down_bytes_s=LINK)

    def whole(self) -> float:
        """Read the whole file; return bytes a second."""
        began = time.perf_counter()
        if self.program.download_hash(self.file_id) != self.digest:
            raise SystemExit("The file did not come back equal.")
        return self.size / (time.perf_counter() - began)

    def directly(self) -> float:
        """Return the median seconds in which a Drive itself gives a small range of an object."""
        _, kind, address = ACCOUNTS[0]
        listed = self.browser.control("GET", f"accounts/{kind}/{address}/objects")["objects"]
        shard = next(one for one in listed if not one["folder"] and one["size"] > MB)
        token = google_tokens(self.browser, address)["access_token"]
        url = f"/google/drive/v3/files/{shard['id']}?alt=media"
        times = []
        for _ in range(SEEKS):
            begin = randbelow(shard["size"] - SEEK_BYTES)
            headers = {
                "Authorization": f"Bearer {token}",
                "Range": f"bytes={begin}-{begin + SEEK_BYTES - 1}",
            }
            began = time.perf_counter()
            answer = self.browser.send("GET", url, headers=headers)
            times.append(time.perf_counter() - began)
            assert (answer.status, len(answer.data)) == (206, SEEK_BYTES)
        return statistics.median(times)

    def seek(self) -> float:
        """Return the seconds until the first byte of a random small range."""
        begin = randbelow(self.size - SEEK_BYTES)
        headers = {"Range": f"bytes={begin}-{begin + SEEK_BYTES - 1}"}
        url = f"{self.program.base}/api/files/{self.file_id}/download"
        began = time.perf_counter()
        with self.program.session.get(url, headers=headers, stream=True, timeout=60) as answer:
            next(answer.iter_content(1))
            took = time.perf_counter() - began
            assert answer.status_code == 206
        return took


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.reading", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=512, help="size of the file")
    size = parser.parse_args().megabytes * MB
    with TemporaryDirectory(prefix="balancecloud-bench-") as folder:
        at = Path(folder)
        with server("-m", "cloudsim", "--port", "0", "--control", "--data", str(at / "sim")) as sim:
            secret = at / "client_secret"
            secret.touch(mode=0o600)
            secret.write_text("simulated-not-secret\n")
            settings = {**SETTINGS, **{name: str(secret) for name in SECRETS}}
            house = start(at / "data", **settings, SIMULATOR_URL=sim, CACHE_BYTES="0")
            try:
                figures = measure(prepare(house, sim, at / "source.bin", size))
            finally:
                house.stop()
    report(figures, size)


def prepare(house: House, sim: str, source: Path, size: int) -> Bench:
    digest = make_source(source, size)
    program = Program(house.base).register()
    for provider, _, address in ACCOUNTS:
        program.link(provider, address)
    made = upload(program, source, size)
    job = program.wait_for_job(made["job_id"], seconds=1800)
    if job["state"] != "done":
        raise SystemExit(f"The job ended as {job['state']}.")
    return Bench(program, Browser(sim), made["id"], size, digest)


def measure(bench: Bench) -> list[Figure]:
    unhindered = bench.whole()
    at_once = statistics.median(bench.seek() for _ in range(SEEKS))
    bench.fair_links()
    direct = bench.directly()
    sought = statistics.median(bench.seek() for _ in range(SEEKS))
    fair = bench.whole()
    links = float(LINK * len(ACCOUNTS))
    figures = [
        Figure("first byte of a seek, links unlimited, median", at_once, "s", 0, 0),
        Figure("whole file, links unlimited", unhindered / MB, "MB/s", 0, 0),
        Figure("the same bytes from a Drive itself, median", direct, "s", LATENCY,
               direct / LATENCY),
        Figure("first byte of a seek, median", sought, "s", direct, sought / direct),
        Figure("whole file", fair / MB, "MB/s", links / MB, fair / links),
    ]  # fmt: skip
    bench.weather(0, outage="silence")
    left = links - LINK
    stalled = bench.whole()
    figures.append(
        Figure("whole file, one account stalled", stalled / MB, "MB/s", left / MB, stalled / left)
    )
    bench.weather(0, outage="unavailable")
    gone = bench.whole()
    figures.append(
        Figure("whole file, one account gone", gone / MB, "MB/s", left / MB, gone / left)
    )
    return figures


def report(figures: list[Figure], size: int) -> None:
    lines = [
        "# Reading",
        "",
        f"One file of {size // MB} MB, stored as 3 + 1 on three simulated Drives and a OneDrive",
        f"of {LINK // MB} MB/s and {LATENCY * 1000:.0f} ms each, read with an empty cache.",
        f"One run; everything shares {os.cpu_count()} cores. Of seeks ({SEEK_BYTES >> 10} KiB)",
        "the limit is what a Drive itself takes, of whole files the sum of the links that answer.",
        "",
        "| what | figure | limit | ratio |",
        "|---|---|---|---|",
        *(
            f"| {one.what} | {one.figure:.3g} {one.unit} | {one.limit:.3g} | {one.ratio:.2f} |"
            for one in figures
        ),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "reading.md").write_text("\n".join(lines) + "\n")
    document = {"bytes": size, "figures": [asdict(figure) for figure in figures]}
    (RESULTS / "reading.json").write_text(json.dumps(document, indent=2) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
