"""Which bucket holds the spool when it is not a local disk, read from its address."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from balancecloud.errors import ConfigError

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/|$))*")
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")
_WORDS: Final = frozenset({"endpoint", "region", "style"})


@dataclass(frozen=True, slots=True)
class SpoolBucket:
    """A bucket of an S3-compatible server, the part of it that is ours, and how to sign."""

    name: str
    prefix: str
    endpoint: str
    region: str
    is_virtual_host: bool  # the bucket's name stands in the host's, not in the path
    key_id: str = field(repr=False)
    secret_key: str = field(repr=False)


def parse_spool_url(url: str, key_id: str, secret_key: str) -> SpoolBucket:
    """Read s3://bucket/prefix?endpoint=…&region=…&style=path|virtual; ConfigError if it is none.

    The address holds no secret: one with a user or password in it is refused.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or parts.fragment or not _BUCKET.fullmatch(parts.netloc):
        raise ConfigError("SPOOL_URL must be s3://bucket/prefix, without user or password.")
    prefix = parts.path.strip("/")
    if not _PREFIX.fullmatch(prefix):
        raise ConfigError("SPOOL_URL has a prefix of other signs than letters, digits and ._-/.")
    if not key_id or not secret_key:
        raise ConfigError("SPOOL_URL needs SPOOL_KEY_ID and SPOOL_SECRET_KEY_FILE.")
    words = _words(parts.query)
    region = words.get("region", "us-east-1")
    if not _REGION.fullmatch(region):
        raise ConfigError("SPOOL_URL has a region that cannot be one.")
    style = words.get("style", "path")
    if style not in {"path", "virtual"}:
        raise ConfigError("SPOOL_URL has a style that is neither path nor virtual.")
    endpoint = _endpoint(words.get("endpoint", f"https://s3.{region}.amazonaws.com"))
    return SpoolBucket(
        parts.netloc, prefix, endpoint, region, style == "virtual", key_id, secret_key
    )


def _words(query: str) -> dict[str, str]:
    try:
        found = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        found = {"": []}
    if not found.keys() <= _WORDS or any(len(values) > 1 for values in found.values()):
        raise ConfigError("SPOOL_URL takes endpoint, region and style, each once, after the ?.")
    return {name: values[0] for name, values in found.items()}


def _endpoint(address: str) -> str:
    parts = urlsplit(address)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain:
        raise ConfigError("SPOOL_URL has an endpoint that is not http:// or https:// and a host.")
    return address.rstrip("/")
