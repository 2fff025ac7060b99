"""Who may move the levers: this server's own pages and programs, not a page from elsewhere."""

import hmac
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cloudsim.wire.messages import Request


class Turned(Exception):
    """The request comes from where it should not; the text says why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Door:
    """Lets in what is addressed to this server by its own name, and not sent by foreign pages.

    The host's name is checked because a foreign name can be made to lead here; Origin and
    Sec-Fetch-Site because any page can make a browser send a form.
    """

    hosts: frozenset[str]  # names with ports by which this server is meant
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def check(self, request: Request) -> None:
        """Let the request pass, or raise Turned."""
        if request.header("host").lower() not in self.hosts:
            raise Turned(400, "This server goes by another name.")
        if request.header("sec-fetch-site") not in {"", "none", "same-origin"}:
            raise Turned(403, "Another page may not do this.")
        origin = request.header("origin")
        if origin and urlsplit(origin).netloc.lower() not in self.hosts:
            raise Turned(403, "Another page may not do this.")

    def check_token(self, sent: str) -> None:
        """Let only forms pass that this server drew since its start."""
        if not hmac.compare_digest(sent.encode(), self.token.encode()):
            raise Turned(403, "The page is too old. Load it again.")


def own_hosts(base_url: str, port: int) -> frozenset[str]:
    """List the names by which a browser on this machine, or the public, comes here."""
    names = {f"{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")}
    return frozenset({urlsplit(base_url).netloc.lower(), *names})
