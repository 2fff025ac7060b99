"""SPOOL_URL: what is a bucket's address, what is refused, and that no secret stands in it."""

from pathlib import Path

import pytest

from balancecloud.app import open_spool
from balancecloud.buckets import parse_spool_url
from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.config import from_environment
from balancecloud.errors import ConfigError
from balancecloud.storage.bucket_spool import BucketSpool
from balancecloud.storage.spool import LocalSpool
from tests.house.test_settings import safe_environment

SECRET = "CANARY-of-the-bucket"


def test_an_address_with_everything_is_read() -> None:
    url = "s3://my-bucket/a/b.c?endpoint=https://s3.example.org:9000/&region=eu-1&style=virtual"
    bucket = parse_spool_url(url, "id", "key")

    assert (bucket.name, bucket.prefix, bucket.region) == ("my-bucket", "a/b.c", "eu-1")
    assert (bucket.endpoint, bucket.is_virtual_host) == ("https://s3.example.org:9000", True)


def test_without_an_endpoint_it_is_amazons_own() -> None:
    bucket = parse_spool_url("s3://my-bucket?region=eu-west-1", "id", "key")

    assert bucket.endpoint == "https://s3.eu-west-1.amazonaws.com"
    assert (bucket.prefix, bucket.is_virtual_host) == ("", False)


@pytest.mark.parametrize(
    "url",
    [
        "https://bucket/prefix",
        "s3://",
        "s3://id:key@my-bucket/p",
        "s3://My_Bucket/p",
        "s3://my-bucket/../other",
        "s3://my-bucket/a//b",
        "s3://my-bucket/a b",
        "s3://my-bucket/p#x",
        "s3://my-bucket/p?secret_access_key=x",
        "s3://my-bucket/p?region=a&region=b",
        "s3://my-bucket/p?region=EU%20",
        "s3://my-bucket/p?style=other",
        "s3://my-bucket/p?endpoint=ftp://x",
        "s3://my-bucket/p?endpoint=https://id:key@x",
        "s3://my-bucket/p?endpoint=",
        "s3://my-bucket/p?nonsense",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="SPOOL_URL"):
        parse_spool_url(url, "id", "key")


@pytest.mark.parametrize(("key_id", "secret"), [("", "key"), ("id", "")])
def test_a_bucket_without_a_key_is_refused(key_id: str, secret: str) -> None:
    with pytest.raises(ConfigError, match="SPOOL_SECRET_KEY_FILE"):
        parse_spool_url("s3://my-bucket/p", key_id, secret)


def test_the_settings_choose_the_spool_and_show_no_key(tmp_path: Path) -> None:
    environment = safe_environment(tmp_path)
    local = from_environment(environment)
    secret = tmp_path / "spool_secret_key"
    secret.touch(mode=0o600)
    secret.write_text(SECRET + "\n")
    told = {"SPOOL_URL": "s3://my-bucket/p", "SPOOL_KEY_ID": "id"}
    remote = from_environment({**environment, **told, "SPOOL_SECRET_KEY_FILE": str(secret)})

    assert isinstance(open_spool(local, SYSTEM_CLOCK), LocalSpool)
    assert isinstance(open_spool(remote, SYSTEM_CLOCK), BucketSpool)
    assert remote.spool_bucket is not None
    assert remote.spool_bucket.secret_key == SECRET
    assert SECRET not in repr(remote)
