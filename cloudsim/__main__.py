"""The command line: python -m cloudsim."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudsim.app import DataInUse, Running, listening
from cloudsim.settings import DEMO_CLIENT, Settings
from cloudsim.wire.tunnel import Tunnel


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    settings, proxy_port = _read_arguments()
    logging.basicConfig(level=logging.WARNING, format="cloudsim: %(message)s")
    try:
        with listening(settings) as sim:
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(signal_number, lambda *_: sim.stop())
            known_as = f", known as {sim.url}" if sim.url != sim.local_url else ""
            lines = [f"cloudsim listening on {sim.local_url}{known_as}"]
            if sim.certificates:
                lines.append(f"cloudsim is to be trusted by {sim.certificates.authority}")
            with _tunnel(sim, proxy_port) as proxy_url:
                lines += [f"cloudsim leads CONNECT from {proxy_url}"] if proxy_url else []
                sys.stdout.write("\n".join(lines) + "\n")
                sys.stdout.flush()
                sim.serve()
    except (DataInUse, OSError) as error:
        sys.stderr.write(f"cloudsim: {error}\n")
        return 1
    return 0


@contextmanager
def _tunnel(sim: Running, port: int | None) -> Iterator[str]:
    """Lead clients that know only real hosts; nothing when no port was given."""
    if port is None:
        yield ""
        return
    tunnel = Tunnel(port, sim.address)
    threading.Thread(target=tunnel.serve, name="tunnel", daemon=True).start()
    try:
        yield tunnel.url
    finally:
        tunnel.stop()


def _read_arguments() -> tuple[Settings, int | None]:
    parser = argparse.ArgumentParser(
        prog="python -m cloudsim", description="Google Drive and OneDrive, simulated over HTTP."
    )
    parser.add_argument("--port", type=int, default=8090, help="0 picks a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--public-url", default="", help="the address clients use, if another")
    parser.add_argument("--control", action="store_true", help="serve the control interface /_sim/")
    parser.add_argument("--compat", action="store_true", help="bear with what old clients do wrong")
    parser.add_argument(
        "--bodies", choices=("keep", "count"), default="keep",
        help="count: keep sizes and hashes alone, for benchmarks; contents read as zeros",
    )  # fmt: skip
    parser.add_argument("--tls", action="store_true", help="answer HTTPS too, as the real hosts")
    parser.add_argument(
        "--proxy-port", type=int, metavar="PORT",
        help="lead CONNECT to the simulator from this port of this machine; 0 picks a free one",
    )  # fmt: skip
    parser.add_argument(
        "--client", action="append", type=_client, metavar="ID:SECRET",
        help="a client that may sign people in; instead of the demo client",
    )  # fmt: skip
    given = parser.parse_args()
    settings = Settings(
        given.data, given.host, given.port, given.public_url, given.control,
        strict=not given.compat, keeps_bytes=given.bodies == "keep", tls=given.tls,
        clients=tuple(given.client or [DEMO_CLIENT]),
    )  # fmt: skip
    return settings, given.proxy_port


def _client(text: str) -> tuple[str, str]:
    name, colon, secret = text.partition(":")
    if not (name and colon and secret):
        raise argparse.ArgumentTypeError("write it as ID:SECRET")
    return name, secret


if __name__ == "__main__":
    sys.exit(main())
