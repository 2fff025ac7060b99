"""What pages cost in a library of a million nodes, beside the same pages of an empty one.

    python -m bench.pages [nodes]

Both people live in one database and are asked for in turn, in one process and without a socket:
the time is the server's, from the request to the last byte of the page, layout and all.
"""

import json
import secrets
import statistics
import sys
import tempfile
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from redis import Redis
from sqlalchemy import create_engine, text

from balancecloud.app import create_app
from balancecloud.cli import schema
from balancecloud.cli.embedded import postgres as embedded_postgres
from balancecloud.cli.embedded import valkey as embedded_valkey
from balancecloud.cli.embedded.postgres import PostgresPlan
from balancecloud.cli.embedded.sockets import socket_folder
from balancecloud.cli.embedded.valkey import ValkeyPlan
from balancecloud.config import Config, Secret
from bench import library
from tests.web.browser import Browser

RESULTS = Path(__file__).parent / "results"
NODES, ROUNDS, WARM_UP = 1_000_000, 40, 5
LIMIT = 2.0


@dataclass(frozen=True)
class Figure:
    """One page in both libraries; milliseconds."""

    page: str
    empty_p50: float
    empty_p95: float
    full_p50: float
    full_p95: float
    ratio: float  # of the p95s


def main() -> None:
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else NODES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for sockets in ("p", "v"):
            (folder / sockets).mkdir()
        server = embedded_postgres.start(
            PostgresPlan(folder / "c", socket_folder(folder / "p"), folder / "p.log", _secret())
        )
        live = embedded_valkey.start(
            ValkeyPlan(socket_folder(folder / "v"), folder / "v.log", _secret())
        )
        try:
            report(nodes, *measure(_config(folder, server.url("postgres"), live.url()), nodes))
        finally:
            live.stop()
            server.stop()


def measure(config: Config, nodes: int) -> tuple[list[Figure], float]:
    engine = create_engine(config.database_url)
    schema.upgrade(engine)
    app = create_app(config)
    empty, full = Browser(app), Browser(app)
    empty.register("empty@example.org")
    full.register("full@example.org")
    began = time.perf_counter()
    with engine.begin() as connection:
        find = text("SELECT id FROM users WHERE email = 'full@example.org'")
        crowded = library.fill(connection, connection.execute(find).scalar_one(), nodes)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        library.settle(connection)
    built = time.perf_counter() - began
    found = [compare(*page, empty, full, config) for page in pages(empty, crowded)]
    return found, built


def pages(empty: Browser, crowded: uuid.UUID) -> list[tuple[str, str, str]]:
    """Return what each page is called and its addresses in the empty and the full library."""
    made = empty.submit("/files/new-folder", {"name": "Many", "parent": ""}).headers["Location"]
    many = f"/files/{crowded}"
    asked = {
        "half of all names": "img", "rare": "0123456.jpg", "two letters": "ca", "nothing": "zzzqqq",
        "accents": "CAFE%CC%81", "some thousands": "777", "page 5": "img&page=5",
    }  # fmt: skip
    return [
        ("root", "/files", "/files"),
        ("10,000 in a folder", made, many),
        ("10,000, page 50", f"{made}?page=50", f"{many}?page=50"),
        ("10,000, by name backwards", f"{made}?sort=-name", f"{many}?sort=-name"),
        ("10,000, by change", f"{made}?sort=-modified", f"{many}?sort=-modified"),
        ("10,000, by size", f"{made}?sort=-size", f"{many}?sort=-size"),
        *((f"search: {what}", f"/search?q={q}", f"/search?q={q}") for what, q in asked.items()),
        ("storage", "/storage", "/storage"),
    ]


def compare(  # noqa: PLR0913, PLR0917 - the two sides of a row
    page: str, one: str, other: str, empty: Browser, full: Browser, config: Config
) -> Figure:
    sides: tuple[tuple[Browser, str, list[float]], ...]
    sides = ((empty, one, []), (full, other, []))
    for turn in range(WARM_UP + ROUNDS):
        if not turn % 20:  # rate limits are no part of what is measured
            with Redis.from_url(config.redis_url) as redis:
                redis.flushall()
        for browser, address, times in sides:
            began = time.perf_counter()
            answer = browser.get(address)
            answer.get_data()
            if turn >= WARM_UP:
                times.append((time.perf_counter() - began) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}")
    figures = [round(at(times, part), 1) for *_, times in sides for part in (50, 95)]
    one_p50, one_p95, p50, p95 = figures
    return Figure(page, one_p50, one_p95, p50, p95, round(p95 / one_p95, 2))


def at(times: list[float], percent: int) -> float:
    """Return what so many percent stay below."""
    return statistics.quantiles(times, n=100)[percent - 1]


def report(nodes: int, found: list[Figure], built: float) -> None:
    crowd = min(library.CROWDED, nodes // 4)
    lines = [
        "# What pages cost in a large library",
        "",
        f"`python -m bench.pages {nodes}`: {nodes:,} nodes, {crowd:,} of them in one folder,",
        f"built in {built:.0f} s, beside an empty library in the same database.",
        f"Milliseconds of the server for whole pages, {ROUNDS} times in turn. The ratio is of the",
        f"p95s and is to stay within {LIMIT:g}. A page of an empty library has no rows to draw, a",
        "full one has 100: the time of the template is part of the difference.",
        "",
        "| page | empty p50 | empty p95 | full p50 | full p95 | ratio | within |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {f.page} | {f.empty_p50} | {f.empty_p95} | {f.full_p50} | {f.full_p95} "
            f"| {f.ratio} | {'yes' if f.ratio <= LIMIT else 'no'} |"
            for f in found
        ),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pages.md").write_text("\n".join(lines) + "\n")
    document = {"nodes": nodes, "built_s": round(built, 1), "figures": [asdict(f) for f in found]}
    (RESULTS / "pages.json").write_text(json.dumps(document, indent=2) + "\n")
    print("\n".join(lines))


def _secret() -> Secret:
    return Secret(secrets.token_hex(16).encode())


def _config(folder: Path, database_url: str, redis_url: str) -> Config:
    data = folder / "data"
    data.mkdir(mode=0o700)
    return Config(
        secret_key=_secret(),
        token_key=_secret(),
        queue_key=_secret(),
        pepper=_secret(),
        master_keys={1: Secret(secrets.token_bytes(32))},
        database_url=database_url,
        redis_url=redis_url,
        data_dir=data,
    )


if __name__ == "__main__":
    main()
