"""HTTPS by the simulator's own authority, the real hosts' names, and the tunnel to them."""

import os
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from cryptography import x509

from cloudsim.app import Running, Settings, running
from cloudsim.certificates import certificates_in
from cloudsim.hosts import NAMES
from cloudsim.wire.tunnel import Tunnel
from tests.cloudsim.client import (
    Browser,
    drive_of,
    google_query,
    google_tokens,
    microsoft_tokens,
    onedrive_of,
    refresh_fields,
)

pytestmark = pytest.mark.sim
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """A simulator with HTTPS, and a browser that knows only the real hosts."""

    sim: Running
    tunnel: Tunnel
    outside: Browser

    @property
    def inside(self) -> Browser:
        return Browser(self.sim.url.replace("https:", "http:"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(Settings(data=tmp_path / "sim", control=True, tls=True)) as sim:
        tunnel = Tunnel(0, sim.address)
        thread = threading.Thread(target=tunnel.serve, daemon=True)
        thread.start()
        assert sim.certificates is not None
        pool = urllib3.ProxyManager(tunnel.url, ca_certs=str(sim.certificates.authority))
        yield World(sim, tunnel, Browser("", pool))
        pool.clear()
        tunnel.stop()
        thread.join()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_each_real_host_answers_for_itself_and_for_nothing_else(world: World) -> None:
    def status(address: str) -> int:
        return world.outside.send("GET", address).status

    assert status("https://www.googleapis.com/drive/v3/about") == 401
    assert status("https://graph.microsoft.com/v1.0/me/drive") == 401
    assert status("https://accounts.google.com" + google_query()[len("/google") :]) == 200
    assert status("https://login.microsoftonline.com/common/oauth2/v2.0/authorize") == 400
    assert status("https://accounts.google.com/drive/v3/about") == 404
    assert status("https://www.googleapis.com/_sim/accounts") == 404
    assert status("https://graph.microsoft.com/microsoft/v1.0/me/drive") == 400


def test_tokens_come_from_the_token_hosts(world: World) -> None:
    google = google_tokens(world.inside, "anna@example.com")["refresh_token"]
    answer = world.outside.post_form("https://oauth2.googleapis.com/token", refresh_fields(google))
    assert answer.json["token_type"] == "Bearer"

    microsoft = microsoft_tokens(world.inside, "anna@example.com")["refresh_token"]
    address = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    assert world.outside.post_form(address, refresh_fields(microsoft)).status == 200


def test_a_session_begun_at_the_real_host_goes_on_there(world: World) -> None:
    token = drive_of(world.inside, "anna@example.com").token
    begun = world.outside.send(
        "POST", "https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable",
        json={"name": "a"}, headers=bearer(token),
    )  # fmt: skip
    assert begun.location.startswith("https://www.googleapis.com/upload/drive/v3/files?")
    assert world.outside.send("PUT", begun.location, body=b"hello").json["name"] == "a"


def test_uploads_downloads_and_pages_of_graph_lie_at_hosts_of_their_own(world: World) -> None:
    onedrive = onedrive_of(world.inside, "anna@example.com")
    onedrive.put("a", b"hello")
    onedrive.put("b", b"hello")
    drive = "https://graph.microsoft.com/v1.0/me/drive"

    page = world.outside.send(
        "GET", f"{drive}/root/children?$top=1", headers=bearer(onedrive.token)
    )
    link = page.json["@odata.nextLink"]
    assert link.startswith(f"{drive}/root/children?")
    again = world.outside.send("GET", link, headers=bearer(onedrive.token))
    assert [item["name"] for item in again.json["value"]] == ["b"]

    found = world.outside.send("GET", f"{drive}/root:/a:/content", headers=bearer(onedrive.token))
    assert found.location.startswith("https://download.cloudsim.test/content/download/")
    assert world.outside.send("GET", found.location).data == b"hello"

    begun = world.outside.send(
        "POST", f"{drive}/root:/c:/createUploadSession", json={}, headers=bearer(onedrive.token)
    )
    assert begun.json["uploadUrl"].startswith("https://upload.cloudsim.test/content/upload/")
    sent = {"Content-Range": "bytes 0-4/5"}
    assert (
        world.outside.send("PUT", begun.json["uploadUrl"], body=b"hello", headers=sent).status
        == 201
    )


def test_a_prefixed_address_keeps_the_scheme_and_host_that_were_asked(world: World) -> None:
    assert world.sim.certificates is not None
    pool = urllib3.PoolManager(ca_certs=str(world.sim.certificates.authority))
    secure = Browser(world.sim.url, pool)

    assert drive_of(secure, "anna@example.com").begin({}).location.startswith(world.sim.url)
    plain = drive_of(world.inside, "anna@example.com").begin({}).location
    assert plain.startswith(world.sim.url.replace("https:", "http:"))
    pool.clear()


def test_a_large_download_comes_whole_over_https(world: World) -> None:
    content = os.urandom(3_000_000)
    drive = drive_of(world.inside, "anna@example.com")
    made = drive.upload({"name": "a"}, content).json["id"]
    address = f"https://www.googleapis.com/drive/v3/files/{made}?alt=media"
    assert world.outside.send("GET", address, headers=bearer(drive.token)).data == content


def test_without_the_authority_nobody_is_trusted(world: World) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(world.sim, ssl.create_default_context())
    assert world.inside.send("GET", "/health").status == 200


def connect(sim: Running, context: ssl.SSLContext) -> None:
    parts = urlsplit(sim.url)
    with (
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as sock,
        context.wrap_socket(sock, server_hostname="www.googleapis.com"),
    ):
        pass


def test_stopping_ends_open_tls_connections(tmp_path: Path) -> None:
    with running(Settings(data=tmp_path, tls=True)) as sim:
        assert sim.certificates is not None
        context = ssl.create_default_context(cafile=sim.certificates.authority)
        raw = socket.create_connection(sim.address, timeout=10)
        sock = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=True)
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(65536)
    with sock:
        assert sock.recv(10) == b""


def test_the_tunnel_takes_nothing_but_connect(world: World) -> None:
    answer = urllib3.PoolManager().request("GET", f"{world.tunnel.url}/drive/v3/about")
    assert answer.status == 405


def test_the_keys_are_the_owners_alone_and_the_authoritys_is_nowhere(tmp_path: Path) -> None:
    made = certificates_in(tmp_path / "tls", NAMES, NOW)
    kept = sorted(path.name for path in made.folder.iterdir())
    assert kept == ["ca.pem", "server.pem"]
    assert stat.S_IMODE(made.server.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    assert b"PRIVATE" not in made.authority.read_bytes()


def test_the_authority_stays_until_its_certificate_grows_old(tmp_path: Path) -> None:
    first = certificates_in(tmp_path, NAMES, NOW).authority.read_bytes()
    assert (
        certificates_in(tmp_path, NAMES, NOW + timedelta(days=300)).authority.read_bytes() == first
    )
    later = certificates_in(tmp_path, NAMES, NOW + timedelta(days=380))
    assert later.authority.read_bytes() != first
    assert certificates_in(tmp_path, [*NAMES, "more.example"], NOW).server.exists()


@pytest.mark.parametrize("broken", ["ca.pem", "server.pem"])
def test_a_set_of_which_one_is_lost_or_another_is_made_anew(tmp_path: Path, broken: str) -> None:
    other = certificates_in(tmp_path / "other", NAMES, NOW).folder / broken
    for damage in (Path.unlink, lambda path: path.write_bytes(other.read_bytes())):
        before = certificates_in(tmp_path / "tls", NAMES, NOW)
        kept = before.authority.read_bytes(), before.server.read_bytes()
        damage(before.folder / broken)
        after = certificates_in(tmp_path / "tls", NAMES, NOW)
        assert after.authority.read_bytes() != kept[0]
        assert after.server.read_bytes() != kept[1]


def test_the_certificate_names_every_host(tmp_path: Path) -> None:
    made = certificates_in(tmp_path, NAMES, NOW)
    shown = x509.load_pem_x509_certificates(made.server.read_bytes())[0]
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == set(NAMES)
