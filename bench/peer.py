"""The peer: rclone with its crypt, on accounts of its own under the same weather."""

import json
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.world import PEERS, Simulator
from tests.cloudsim.client import CLIENT, google_tokens, microsoft_tokens, onedrive_of

RUN_SECONDS = 1800


@dataclass(frozen=True)
class Cost:
    """What a run of it took."""

    seconds: float
    cpu_seconds: float  # user and system, of its process alone


@dataclass(frozen=True)
class Rclone:
    """rclone, configured: `drive-crypt:` over one Drive, `union-crypt:` over all four accounts,
    `local-crypt:` over a folder."""

    program: str
    home: Path
    sim: Simulator

    def run(self, *arguments: str, sent: Iterable[bytes] = ()) -> Cost:
        """Run it with these on its standard input; RuntimeError when it does not end well."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "HTTPS_PROXY": self.sim.proxy,
            "RCLONE_CONFIG": str(self.home / "rclone.conf"),
        }
        command = [self.program, "--ca-cert", self.sim.authority, *arguments]
        before, began = _children_cpu(), time.perf_counter()
        with (
            (self.home / "log").open("wb") as log,
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=log,
                             stderr=log) as process,
        ):  # fmt: skip
            assert process.stdin is not None
            for piece in sent:
                process.stdin.write(piece)
            process.stdin.close()
            process.wait(RUN_SECONDS)
        if process.returncode:
            raise RuntimeError(f"rclone {arguments[0]} ended with {process.returncode}.")
        return Cost(time.perf_counter() - began, _children_cpu() - before)


def installed() -> str | None:
    """Return where rclone is, if it is."""
    return shutil.which("rclone")


def configure(program: str, home: Path, sim: Simulator) -> Rclone:
    """Sign the peer's accounts in and write its remotes."""
    home.mkdir(parents=True, exist_ok=True)
    obscured = subprocess.run(
        [program, "obscure", "a long enough pass phrase"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()
    lines = _accounts(sim)
    upstreams = " ".join(f"account{number}:bench" for number in range(len(PEERS)))
    lines += ["[union]", "type = union", f"upstreams = {upstreams}", "create_policy = rand"]
    remotes = {"drive": "account0:bench", "union": "union:", "local": str(home / "kept")}
    for name, remote in remotes.items():
        lines += [f"[{name}-crypt]", "type = crypt", f"remote = {remote}", f"password = {obscured}"]
    (home / "rclone.conf").write_text("\n".join(lines) + "\n")
    return Rclone(program, home, sim)


def _accounts(sim: Simulator) -> list[str]:
    lines: list[str] = []
    for number, (kind, address) in enumerate(PEERS):
        if kind == "google":
            tokens = google_tokens(sim.browser, address)
            more = ["type = drive", "scope = drive.file"]
        else:
            tokens = microsoft_tokens(sim.browser, address)
            drive = onedrive_of(sim.browser, address).send("GET", "me/drive").json["id"]
            more = ["type = onedrive", f"drive_id = {drive}", "drive_type = business"]
        lines += [f"[account{number}]", *more, *_client(tokens)]
    return lines


def _client(tokens: dict[str, Any]) -> list[str]:
    """Begin with an access token that is out of date, so that it is refreshed first."""
    token = {
        "access_token": "old", "token_type": "Bearer", "refresh_token": tokens["refresh_token"],
        "expiry": "2020-01-01T00:00:00Z",
    }  # fmt: skip
    return [
        f"client_id = {CLIENT[0]}",
        f"client_secret = {CLIENT[1]}",
        f"token = {json.dumps(token)}",
    ]


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
