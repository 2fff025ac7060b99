"""The HTTP client over TLS: certificates are verified, deadlines hold."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.http import Deadlines, HostRules, HttpClient, Request
from balancecloud.errors import Unreachable
from tests.clouds.scripted_server import ScriptedServer, answer, for_ever


def certificate(folder: Path, host: str) -> Path:
    """Return a file with a self-signed certificate of that address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


class TlsServer(ScriptedServer):
    """The scripted server behind TLS."""

    def __init__(self, certificate_file: Path, *scripts: bytes | Callable[..., None]) -> None:
        super().__init__(*scripts)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate_file)

    @property
    def url(self) -> str:
        return super().url.replace("http://", "https://")

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secure:
            super()._serve(secure)


def client_of(server: ScriptedServer, ca_file: Path | None = None) -> HttpClient:
    deadlines = Deadlines(connect_seconds=2.0, idle_seconds=0.3, base_seconds=0.6)
    rules = HostRules.of((server.url,), ())
    return HttpClient(rules, SYSTEM_CLOCK, deadlines, str(ca_file) if ca_file else None)


def test_a_verified_server_is_spoken_to_over_one_connection(tmp_path: Path) -> None:
    ca_file = certificate(tmp_path, "127.0.0.1")
    with TlsServer(ca_file, answer("200 OK", b"x" * 100_000)) as server:
        client = client_of(server, ca_file)
        body = bytes(500_000)
        for _ in range(3):
            sent = client.send(Request("PUT", server.url, parts=(memoryview(body),)))
            assert sent.body == b"x" * 100_000
        client.close()
    assert server.connections == 1
    assert server.requests[2].endswith(body)


def test_a_server_of_an_unknown_authority_is_not_spoken_to(tmp_path: Path) -> None:
    ca_file = certificate(tmp_path, "127.0.0.1")
    with TlsServer(ca_file, answer("200 OK")) as server, pytest.raises(Unreachable):
        client_of(server).send(Request("GET", server.url, bearer="token"))
    assert server.requests == []


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    ca_file = certificate(tmp_path, "127.0.0.2")
    with TlsServer(ca_file, answer("200 OK")) as server, pytest.raises(Unreachable):
        client_of(server, ca_file).send(Request("GET", server.url, bearer="token"))
    assert server.requests == []


def test_f22_a_body_that_drips_meets_the_deadline_over_tls(tmp_path: Path) -> None:
    ca_file = certificate(tmp_path, "127.0.0.1")
    done = threading.Event()
    drip = for_ever(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x", done, 0.05)
    with TlsServer(ca_file, drip) as server, pytest.raises(Unreachable):
        client_of(server, ca_file).send(Request("GET", server.url, largest_answer=1000))
    done.set()
