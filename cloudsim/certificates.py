"""An authority of the simulator's own, and the certificate by which it answers as real hosts."""

import ipaddress
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=390)  # some clients refuse a certificate that lives longer than 398
_RENEWED_BEFORE = timedelta(days=30)
_LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificates:
    """What lies in the folder: the authority to trust, and the server's key and certificate."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def server(self) -> Path:
        return self.folder / "server.pem"

    def context(self) -> ssl.SSLContext:
        """How a listener shows itself."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        return context


def certificates_in(folder: Path, names: Iterable[str], now: datetime) -> Certificates:
    """Find the certificates for these names, or make them; an old or other set is replaced.

    The authority signs once and its key is never written down, so whoever trusts it trusts
    nothing that is made later.
    """
    found = Certificates(folder)
    wanted = frozenset(names)
    if not _serves(found, wanted, now):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(found, wanted, now)
    return found


def _serves(found: Certificates, names: frozenset[str], now: datetime) -> bool:
    """Whether both are there and belong together, in time and for these names."""
    try:
        authority = x509.load_pem_x509_certificate(found.authority.read_bytes())
        server = x509.load_pem_x509_certificates(found.server.read_bytes())[0]
        server.verify_directly_issued_by(authority)
    except (FileNotFoundError, ValueError, InvalidSignature):
        return False
    held = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    is_fresh = server.not_valid_after_utc - now > _RENEWED_BEFORE
    return is_fresh and names <= frozenset(held.get_values_for_type(x509.DNSName))


def _make(place: Certificates, names: frozenset[str], now: datetime) -> None:
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cloudsim authority")])
    authority = (
        _draft(title, title, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server_title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cloudsim")])
    server = (
        _draft(server_title, title, server_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_alternatives(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    key = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(place.server, key + server.public_bytes(Encoding.PEM), 0o600)
    _write(place.authority, authority.public_bytes(Encoding.PEM), 0o644)


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates,
        crl_sign=signs_certificates, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _alternatives(names: frozenset[str]) -> x509.SubjectAlternativeName:
    addresses = [x509.IPAddress(ipaddress.ip_address(one)) for one in _LOOPBACK]
    return x509.SubjectAlternativeName([*map(x509.DNSName, sorted(names)), *addresses])


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write beside and rename: a key is never readable by others, nor half there."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    beside.rename(path)


def now_utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
