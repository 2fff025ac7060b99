"""`make bench-clouds`: how fast the simulator itself is, beside a server that does nothing.

Every figure of the table comes from one run on one machine; compare ratios, not seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.wire import Rate, Sent, head, load
from tests.cloudsim.client import Browser, google_tokens, microsoft_tokens

MB = 1_000_000
LARGE = 10 << 20
SMALL = 1000
CONNECTIONS = 4
RESULTS = Path(__file__).parent / "results"


@dataclass
class Figure:
    """One line of the table."""

    what: str
    bodies: str
    is_large: bool
    requests_per_second: float
    megabytes_per_second: float
    of_echo: float


@dataclass(frozen=True)
class Load:
    """How much is sent."""

    requests: int
    large: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.clouds", description=__doc__)
    parser.add_argument("--requests", type=int, default=6000, help="small ones, of each kind")
    parser.add_argument("--large", type=int, default=60, help="bodies of 10 MiB, of each kind")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="cloudsim-bench-") as folder:
        figures = measure(Path(folder), Load(given.requests, given.large))
    report(figures, Load(given.requests, given.large))


def measure(folder: Path, size: Load) -> list[Figure]:
    source = folder / "source.bin"
    source.write_bytes(os.urandom(LARGE))
    copied = copy_speed(source, folder / "copy.bin", size.large)
    with server("-m", "bench.echo", str(source)) as base:
        echo = measure_echo(base, source.read_bytes(), size)
    figures = [Figure("cp of the same bodies", "", True, copied / LARGE * MB, copied, 0.0)]
    figures += [
        Figure(f"echo: {what}", "", "10 MiB" in what, rate.requests_per_second,
               rate.megabytes_per_second, 1.0)
        for what, rate in echo.items()
    ]  # fmt: skip
    for bodies in ("keep", "count"):
        command = (
            "-m",
            "cloudsim",
            "--port",
            "0",
            "--bodies",
            bodies,
            "--data",
            str(folder / bodies),
        )
        with server(*command) as base:
            for what, like, rate in measure_clouds(base, source.read_bytes(), size):
                figures.append(figure(what, bodies, rate, echo[like]))
    return figures


def figure(what: str, bodies: str, rate: Rate, echo: Rate) -> Figure:
    return Figure(
        what, bodies, "10 MiB" in what, rate.requests_per_second, rate.megabytes_per_second,
        rate.requests_per_second / echo.requests_per_second,
    )  # fmt: skip


def copy_speed(source: Path, target: Path, times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        subprocess.run(["cp", source, target], check=True)
    return times * LARGE / MB / (time.perf_counter() - began)


@contextmanager
def server(*arguments: str) -> Iterator[str]:
    """Start a server in a process of its own, and give the address it prints."""
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def spread(one: Sent, count: int) -> list[Iterator[Sent]]:
    share = count // CONNECTIONS
    return [iter([one] * share) for _ in range(CONNECTIONS)]


def measure_echo(base: str, content: bytes, size: Load) -> dict[str, Rate]:
    small = content[:SMALL]
    return {
        "post 1 kB": load(base, spread((head("POST", "/", SMALL), small), size.requests)),
        "get": load(base, spread((head("GET", "/", 0), b""), size.requests)),
        "get 1 kB": load(base, spread((head("GET", f"/{SMALL}", 0), b""), size.requests)),
        "post 10 MiB": load(base, spread((head("POST", "/", LARGE), content), size.large)),
        "get 10 MiB": load(base, spread((head("GET", f"/{LARGE}", 0), b""), size.large)),
    }


def measure_clouds(base: str, content: bytes, size: Load) -> Iterator[tuple[str, str, Rate]]:
    """Google's calls, then OneDrive's simple put; each with the echo it is like."""
    browser = Browser(base)
    bearer = f"Authorization: Bearer {google_tokens(browser, 'bench@example.com')['access_token']}"
    made: list[str] = []

    def remember(answer: bytes) -> None:
        made.append(json.loads(answer)["id"])

    create, small = multipart(content[:SMALL], bearer)
    yield (
        "Drive: create, 1 kB multipart",
        "post 1 kB",
        load(base, spread((create, small), size.requests), remember),
    )
    files = "/google/drive/v3/files"
    stats = [(head("GET", f"{files}/{one}?fields=id,size", 0, bearer), b"") for one in made]
    yield (
        "Drive: get by id",
        "get",
        load(base, [iter(stats[i::CONNECTIONS]) for i in range(CONNECTIONS)]),
    )
    gets = [(head("GET", f"{files}/{one}?alt=media", 0, bearer), b"") for one in made]
    yield (
        "Drive: media, 1 kB",
        "get 1 kB",
        load(base, [iter(gets[i::CONNECTIONS]) for i in range(CONNECTIONS)]),
    )
    made.clear()
    upload = head("POST", "/google/upload/drive/v3/files?uploadType=media", LARGE, bearer)
    yield (
        "Drive: create, 10 MiB",
        "post 10 MiB",
        load(base, spread((upload, content), size.large), remember),
    )
    get = head("GET", f"{files}/{made[0]}?alt=media", 0, bearer)
    yield "Drive: media, 10 MiB", "get 10 MiB", load(base, spread((get, b""), size.large))
    bearer = (
        f"Authorization: Bearer {microsoft_tokens(browser, 'bench@example.com')['access_token']}"
    )
    yield (
        "OneDrive: put, 1 kB",
        "post 1 kB",
        load(base, puts(content[:SMALL], bearer, "s", size.requests)),
    )
    yield "OneDrive: put, 10 MiB", "post 10 MiB", load(base, puts(content, bearer, "l", size.large))


def multipart(content: bytes, bearer: str) -> Sent:
    body = (
        b'--f\r\nContent-Type: application/json\r\n\r\n{"name":"bench"}\r\n--f\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--f--\r\n"
    )
    kind = "Content-Type: multipart/related; boundary=f"
    target = "/google/upload/drive/v3/files?uploadType=multipart&fields=id,name,size,sha256Checksum"
    return head("POST", target, len(body), bearer, kind), body


def puts(content: bytes, bearer: str, name: str, count: int) -> list[Iterator[Sent]]:
    """Each to a name of its own, refused if it exists."""

    def share(number: int) -> Iterator[Sent]:
        for index in range(count // CONNECTIONS):
            path = f"/microsoft/v1.0/me/drive/root:/bench/{name}{number}-{index}:/content"
            target = f"{path}?@microsoft.graph.conflictBehavior=fail"
            yield head("PUT", target, len(content), bearer), content

    return [share(number) for number in range(CONNECTIONS)]


def report(figures: list[Figure], size: Load) -> None:
    copy = next(one.megabytes_per_second for one in figures if one.is_large)
    lines = [
        "# The simulator's own speed",
        "",
        f"One process of cloudsim, {CONNECTIONS} connections from another process, no pipelining;",
        f"{size.requests} small requests and {size.large} bodies of 10 MiB of each kind, one run,",
        f"{os.cpu_count()} cores in all. Compare ratios within the table, not speeds.",
        "",
        "| what | bodies | requests/s | MB/s | ÷ echo | ÷ cp |",
        "|---|---|---|---|---|---|",
        *(line(one, copy) for one in figures),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "clouds.md").write_text("\n".join(lines) + "\n")
    (RESULTS / "clouds.json").write_text(
        json.dumps([asdict(one) for one in figures], indent=2) + "\n"
    )
    print("\n".join(lines))


def line(one: Figure, copy: float) -> str:
    of_echo = f"{one.of_echo:.2f}" if one.of_echo else ""
    of_copy = f"{one.megabytes_per_second / copy:.2f}" if one.is_large else ""
    moved = f"{one.megabytes_per_second:.0f}" if one.is_large else ""
    requests = "" if one.is_large else f"{one.requests_per_second:.0f}"
    return f"| {one.what} | {one.bodies} | {requests} | {moved} | {of_echo} | {of_copy} |"


if __name__ == "__main__":
    main()
