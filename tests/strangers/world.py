"""A simulator that answers as the real hosts, and what a stranger needs to reach it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudsim.app import Running, Settings, running
from cloudsim.routing import Call, Route
from cloudsim.wire.messages import Response
from cloudsim.wire.tunnel import Tunnel
from tests.cloudsim.client import Browser

ANNA = "anna@example.com"
WORK_ANNA = "work.anna@example.com"  # a work account, at Microsoft


class Trouble:
    """Answers of given routes that are replaced, in turn, by others: a hook of the simulator."""

    def __init__(self) -> None:
        self._instead: dict[str, list[Response]] = {}
        self._afterwards: dict[str, list[Response]] = {}

    def before(self, route: Route, call: Call) -> Response | None:
        waiting = self._instead.get(route.name)
        return waiting.pop(0) if waiting else None

    def after(self, route: Route, call: Call, response: Response) -> Response:
        waiting = self._afterwards.get(route.name)
        return waiting.pop(0) if waiting else response

    def refuse(self, route: str, *answers: Response) -> None:
        """The next calls are not carried out; they get these answers."""
        self._instead[route] = list(answers)

    def lose(self, route: str, *answers: Response) -> None:
        """The next calls are carried out, and answered by these nevertheless."""
        self._afterwards[route] = list(answers)


@dataclass(frozen=True)
class World:
    """The simulator with HTTPS, and the tunnel that leads there from any host's name."""

    sim: Running
    tunnel: Tunnel
    trouble: Trouble

    @property
    def browser(self) -> Browser:
        """Looks behind the simulator's back, over plain HTTP."""
        return Browser(self.sim.url.replace("https:", "http:"))

    @property
    def authority(self) -> Path:
        assert self.sim.certificates is not None
        return self.sim.certificates.authority

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """What a stranger's process finds around it: this proxy, and an empty home."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HTTPS_PROXY": self.tunnel.url,
            **more,
        }

    def objects(self, provider: str, person: str) -> list[dict[str, Any]]:
        """What lies in an account now, but for what was thrown away."""
        path = f"accounts/{provider}/{person}/objects?sha256=1"
        found = self.browser.control("GET", path)["objects"]
        return [one for one in found if not one["trashed"]]


@contextmanager
def simulated(folder: Path, *, strict: bool) -> Iterator[World]:
    """Keep a world up until the block ends."""
    trouble = Trouble()
    settings = Settings(data=folder, control=True, tls=True, strict=strict)
    with running(settings, hooks=[trouble]) as sim:
        tunnel = Tunnel(0, sim.address)
        thread = threading.Thread(target=tunnel.serve, name="tunnel", daemon=True)
        thread.start()
        try:
            yield World(sim, tunnel, trouble)
        finally:
            tunnel.stop()
            thread.join()
