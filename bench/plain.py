"""The links as a plain program finds them: objects as large as shards, sent and read directly.

No encryption, no index, nothing checked: what is slower than this, we have added.
"""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.wire import Sent, head, load
from bench.world import ACCOUNTS, Simulator
from tests.cloudsim.client import google_tokens, microsoft_tokens

SHARD = 3_500_000
CONNECTIONS = 4  # to each account, so that a round trip of one is covered by the others


class PlainLinks:
    """Sends to, and then reads from, all our accounts at once."""

    def __init__(self, sim: Simulator, objects_each: int) -> None:
        self._sim = sim
        self._count = objects_each // CONNECTIONS
        self._body = os.urandom(SHARD)
        self._bearers = {address: _bearer(sim, kind, address) for _, kind, address in ACCOUNTS}

    def send(self) -> float:
        """Return MB a second to all accounts together."""
        shares = [
            self._puts(kind, address, number)
            for _, kind, address in ACCOUNTS
            for number in range(CONNECTIONS)
        ]
        return load(self._sim.url, shares).megabytes_per_second

    def read(self) -> float:
        """Return MB a second from all accounts together, of what was sent."""
        shares = []
        for _, kind, address in ACCOUNTS:
            found = self._addresses(kind, address)
            shares += [iter(found[number::CONNECTIONS]) for number in range(CONNECTIONS)]
        return load(self._sim.url, shares).megabytes_per_second

    def _puts(self, kind: str, address: str, number: int) -> Iterator[Sent]:
        for index in range(self._count):
            name = f"plain-{number}-{index}"
            if kind == "google":
                target = "/google/upload/drive/v3/files?uploadType=media"
                yield head("POST", target, SHARD, self._bearers[address]), self._body
            else:
                target = f"/microsoft/v1.0/me/drive/root:/{name}:/content"
                yield head("PUT", target, SHARD, self._bearers[address]), self._body

    def _addresses(self, kind: str, address: str) -> list[Sent]:
        """Return a request for each plain object; OneDrive's redirects are followed beforehand."""
        ids = [one["id"] for one in self._sim.objects(kind, address) if one["size"] == SHARD]
        bearer = self._bearers[address]
        if kind == "google":
            found = [f"/google/drive/v3/files/{one}?alt=media" for one in ids]
            return [(head("GET", target, 0, bearer), b"") for target in found]
        return [(head("GET", self._content(one, bearer), 0), b"") for one in ids]

    def _content(self, one: str, bearer: str) -> str:
        name, _, value = bearer.partition(": ")
        url = f"/microsoft/v1.0/me/drive/items/{one}/content"
        parts = urlsplit(self._sim.browser.send("GET", url, headers={name: value}).location)
        return parts.path + (f"?{parts.query}" if parts.query else "")


def _bearer(sim: Simulator, kind: str, address: str) -> str:
    sign_in = google_tokens if kind == "google" else microsoft_tokens
    return f"Authorization: Bearer {sign_in(sim.browser, address)['access_token']}"
