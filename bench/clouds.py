"""`make bench-clouds`: how fast the simulator itself is, beside a server that does nothing.

Every figure of the table comes from one run on one machine; compare ratios, not seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.processes import cpu_of
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
    server: str
    is_large: bool
    requests_per_second: float
    megabytes_per_second: float
    per_cpu_second: float  # what one core would do that had nothing else to do
    of_echo: float


@dataclass(frozen=True)
class Load:
    """How much is sent."""

    requests: int
    large: int


@dataclass(frozen=True)
class Server:
    """A process that answers."""

    name: str
    base: str
    pid: int


# What is measured, the kind of echo it is like, and how to run it.
Step = tuple[str, str, Callable[[], Rate]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.clouds", description=__doc__)
    parser.add_argument("--requests", type=int, default=6000, help="small ones, of each kind")
    parser.add_argument("--large", type=int, default=60, help="bodies of 10 MiB, of each kind")
    given = parser.parse_args()
    size = Load(given.requests, given.large)
    others = os.getloadavg()[0]
    with TemporaryDirectory(prefix="cloudsim-bench-") as folder:
        figures = measure(Path(folder), size)
    report(figures, size, others)


def measure(folder: Path, size: Load) -> list[Figure]:
    """Run each step on each server in turn, so that what else the machine does meets all alike."""
    source = folder / "source.bin"
    source.write_bytes(os.urandom(LARGE))
    content = source.read_bytes()
    copied = copy_speed(source, folder / "copy.bin", size.large)
    figures = [Figure("cp of the same bodies", "", True, 0.0, copied, 0.0, 0.0)]
    with ExitStack() as stack:
        echo = stack.enter_context(server("echo", "bench.echo", str(source)))
        clouds = [
            stack.enter_context(
                server(f"--bodies {bodies}", "cloudsim", "--port", "0", "--bodies", bodies,
                       "--data", str(folder / bodies))
            )
            for bodies in ("keep", "count")
        ]  # fmt: skip
        for steps in zip(*(cloud_steps(one.base, content, size) for one in clouds), strict=True):
            like = steps[0][1]
            beside = figure(echo, (like, like, echo_step(echo.base, like, content, size)), None)
            figures.append(beside)
            figures += [figure(one, step, beside) for one, step in zip(clouds, steps, strict=True)]
    return figures


def figure(one: Server, step: Step, beside: Figure | None) -> Figure:
    what, like, run = step
    before = cpu_of(one.pid)
    rate = run()
    busy = cpu_of(one.pid) - before
    of_echo = rate.requests_per_second / beside.requests_per_second if beside else 1.0
    return Figure(
        what, one.name, "10 MiB" in like, rate.requests_per_second, rate.megabytes_per_second,
        rate.requests / busy if busy else 0.0, of_echo,
    )  # fmt: skip


def copy_speed(source: Path, target: Path, times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        subprocess.run(["cp", source, target], check=True)
    return times * LARGE / MB / (time.perf_counter() - began)


@contextmanager
def server(name: str, module: str, *arguments: str) -> Iterator[Server]:
    """Start a server in a process of its own, at the address it prints."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(name, process.stdout.readline().split()[-1], process.pid)
        finally:
            process.terminate()


def spread(one: Sent, count: int) -> list[Iterator[Sent]]:
    share = count // CONNECTIONS
    return [iter([one] * share) for _ in range(CONNECTIONS)]


def echo_step(base: str, like: str, content: bytes, size: Load) -> Callable[[], Rate]:
    small = content[:SMALL]
    one, count = {
        "post 1 kB": ((head("POST", "/", SMALL), small), size.requests),
        "get": ((head("GET", "/", 0), b""), size.requests),
        "get 1 kB": ((head("GET", f"/{SMALL}", 0), b""), size.requests),
        "post 10 MiB": ((head("POST", "/", LARGE), content), size.large),
        "get 10 MiB": ((head("GET", f"/{LARGE}", 0), b""), size.large),
    }[like]
    return lambda: load(base, spread(one, count))


def cloud_steps(base: str, content: bytes, size: Load) -> Iterator[Step]:
    """Google's calls, then OneDrive's simple put; each may use what the ones before it made."""
    browser = Browser(base)
    bearer = f"Authorization: Bearer {google_tokens(browser, 'bench@example.com')['access_token']}"
    made: list[str] = []

    def remember(answer: bytes) -> None:
        made.append(json.loads(answer)["id"])

    def each(query: str) -> list[Iterator[Sent]]:
        sent = [(head("GET", f"{files}/{one}?{query}", 0, bearer), b"") for one in made]
        return [iter(sent[number::CONNECTIONS]) for number in range(CONNECTIONS)]

    files = "/google/drive/v3/files"
    create = multipart(content[:SMALL], bearer)
    yield (
        "Drive: create, 1 kB multipart", "post 1 kB",
        lambda: load(base, spread(create, size.requests), remember),
    )  # fmt: skip
    yield "Drive: get by id", "get", lambda: load(base, each("fields=id,size"))
    yield "Drive: media, 1 kB", "get 1 kB", lambda: load(base, each("alt=media"))
    made.clear()
    upload = head("POST", "/google/upload/drive/v3/files?uploadType=media", LARGE, bearer), content
    yield (
        "Drive: create, 10 MiB", "post 10 MiB",
        lambda: load(base, spread(upload, size.large), remember),
    )  # fmt: skip
    yield "Drive: media, 10 MiB", "get 10 MiB", lambda: load(base, each("alt=media"))
    token = microsoft_tokens(browser, "bench@example.com")["access_token"]
    other = f"Authorization: Bearer {token}"
    yield (
        "OneDrive: put, 1 kB", "post 1 kB",
        lambda: load(base, puts(content[:SMALL], other, "s", size.requests)),
    )  # fmt: skip
    yield (
        "OneDrive: put, 10 MiB", "post 10 MiB",
        lambda: load(base, puts(content, other, "l", size.large)),
    )  # fmt: skip


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


def report(figures: list[Figure], size: Load, others: float) -> None:
    copy = next(one.megabytes_per_second for one in figures if one.is_large)
    lines = [
        "# The simulator's own speed",
        "",
        f"One process of cloudsim, {CONNECTIONS} connections from another process, no pipelining;",
        f"{size.requests} small requests and {size.large} bodies of 10 MiB of each kind, one run,",
        f"{os.cpu_count()} cores in all, on which {others:.1f} other programs were at work on",
        "average in the minute before. Compare ratios within the table, not speeds.",
        "",
        "A core's worth is what a second of the server's own processor time does. Each kind of",
        "request runs on the echo and on both servers in turn.",
        "",
        "| what | server | requests/s | MB/s | a core's worth | ÷ echo | ÷ cp |",
        "|---|---|---|---|---|---|---|",
        *(line(one, copy) for one in figures),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "clouds.md").write_text("\n".join(lines) + "\n")
    (RESULTS / "clouds.json").write_text(
        json.dumps([asdict(one) for one in figures], indent=2) + "\n"
    )
    print("\n".join(lines))


def line(one: Figure, copy: float) -> str:
    moved, size = one.megabytes_per_second, LARGE / MB
    if one.is_large:
        worth = f"{one.per_cpu_second * size:.0f} MB/s" if one.per_cpu_second else ""
        speeds = f" | {moved:.0f} | {worth} | {_ratio(one)} | {moved / copy:.2f}"
    else:
        speeds = f"{one.requests_per_second:.0f} | | {one.per_cpu_second:.0f} /s | {_ratio(one)} | "
    return f"| {one.what} | {one.server} | {speeds} |"


def _ratio(one: Figure) -> str:
    return f"{one.of_echo:.2f}" if one.of_echo else ""


if __name__ == "__main__":
    main()
