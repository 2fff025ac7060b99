"""The host names of the real services, and the addresses that answers are to name."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from cloudsim.wire.messages import Request, Response

UPLOADS = "upload.cloudsim.test"  # what *.up.1drv.com is to the real OneDrive
DOWNLOADS = "download.cloudsim.test"


@dataclass(frozen=True)
class Site:
    """What one host serves: the paths that fit, under the provider's prefix."""

    provider: str
    paths: re.Pattern[str]


_SITES = {
    "www.googleapis.com": Site("google", re.compile("(?:(?:resumable/)?upload/)?drive/v3/")),
    "oauth2.googleapis.com": Site("google", re.compile("(?:token|revoke)$")),
    "accounts.google.com": Site("google", re.compile("o/oauth2/")),
    "graph.microsoft.com": Site("microsoft", re.compile(r"v1\.0/")),
    "login.microsoftonline.com": Site("microsoft", re.compile(r"[^/]+/oauth2/v2\.0/")),
    UPLOADS: Site("microsoft", re.compile("content/upload/")),
    DOWNLOADS: Site("microsoft", re.compile("content/download/")),
}
NAMES = ("localhost", *_SITES)


def by_host(application: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Let requests to the real hosts' names reach the routes under each provider's prefix."""

    def answer(request: Request) -> Response:
        site = _SITES.get(host_of(request)[0])
        if site is None:
            return application(request)
        path = request.path.removeprefix("/")
        fits = site.paths.match(path) is not None
        return application(replace(request, path=f"/{site.provider}/{path if fits else ''}"))

    return answer


def host_of(request: Request) -> tuple[str, str]:
    """Split the Host a request names into the name and, with its colon, the port."""
    name, colon, port = request.header("host").lower().partition(":")
    return name, colon + port


@dataclass(frozen=True)
class Addresses:
    """Absolute addresses as the client that asked can reach them."""

    base: str  # with the providers' prefixes below it
    host: str  # as the client named it
    port: str
    scheme: str

    def drive(self, path: str) -> str:
        return self._address("google", "www.googleapis.com", path)

    def graph(self, path: str) -> str:
        return self._address("microsoft", "graph.microsoft.com", path)

    def upload(self, name: str) -> str:
        return self._address("microsoft", UPLOADS, f"content/upload/{name}")

    def download(self, name: str) -> str:
        return self._address("microsoft", DOWNLOADS, f"content/download/{name}")

    def _address(self, provider: str, host: str, path: str) -> str:
        if self.host in _SITES:
            return f"{self.scheme}://{host}{self.port}/{path}"
        return f"{self.base}/{provider}/{path}"


def addresses_for(request: Request, base_url: str, *, is_public: bool) -> Addresses:
    """Name hosts and scheme as the request did, but for a public address that was decided."""
    host, port = host_of(request)
    scheme = "https" if request.is_secure else "http"
    base = base_url if is_public else f"{scheme}://{base_url.partition('://')[2]}"
    return Addresses(base, host, port, scheme)
