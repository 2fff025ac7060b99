"""Who really asks, behind proxies of ours, of others, and of none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancecloud.web.proxies import TrustedProxies

OURS = ("10.0.0.0/8", "fd00::1", "unix")
SAID = {
    "HTTP_X_FORWARDED_FOR": "203.0.113.7",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "cloud.example.org",
}


def seen(peer: str, said: dict[str, str], trusted: tuple[str, ...] = OURS) -> dict[str, Any]:
    """Return what the application sees."""
    found: dict[str, Any] = {}

    def application(environ: dict[str, Any], _start: Any) -> list[bytes]:
        found.update(environ)
        return []

    environ = {
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "localhost",
        **said,
    }
    TrustedProxies(application, trusted)(environ, None)
    return found


def peer_scheme_host(found: dict[str, Any]) -> tuple[str, str, str]:
    return found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["HTTP_HOST"]


@pytest.mark.parametrize("peer", ["10.1.2.3", "fd00::1", ""])
def test_a_proxy_of_ours_is_believed(peer: str) -> None:
    assert peer_scheme_host(seen(peer, SAID)) == ("203.0.113.7", "https", "cloud.example.org")


@pytest.mark.parametrize("peer", ["203.0.113.1", "fd00::2", "11.0.0.1", "nonsense"])
def test_anybody_else_is_not(peer: str) -> None:
    assert peer_scheme_host(seen(peer, SAID)) == (peer, "http", "localhost")


@pytest.mark.parametrize("peer", ["", "127.0.0.1"])
def test_without_proxies_nothing_is_believed(peer: str) -> None:
    assert peer_scheme_host(seen(peer, SAID, ())) == (peer, "http", "localhost")


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.9", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7, 10.0.0.9, 10.0.0.8", "203.0.113.7"),
        ("6.6.6.6, nonsense", "10.1.2.3"),
        ("", "10.1.2.3"),
        ("10.0.0.5", "10.1.2.3"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
def test_the_nearest_hop_that_is_not_ours_is_the_client(hops: str, client: str) -> None:
    assert seen("10.1.2.3", {"HTTP_X_FORWARDED_FOR": hops})["REMOTE_ADDR"] == client


@pytest.mark.parametrize("scheme", ["ftp", "javascript", "", "https, gopher"])
def test_only_two_schemes_exist(scheme: str) -> None:
    assert seen("10.1.2.3", {"HTTP_X_FORWARDED_PROTO": scheme})["wsgi.url_scheme"] == "http"


@given(hops=st.text(max_size=60), peer=st.sampled_from(["10.1.2.3", "203.0.113.1", ""]))
def test_whatever_is_said_the_peer_is_an_address_and_nothing_is_passed_on(
    hops: str, peer: str
) -> None:
    found = seen(peer, {"HTTP_X_FORWARDED_FOR": hops, "HTTP_FORWARDED": hops})
    assert not [name for name in found if "FORWARDED" in name]
    assert found["REMOTE_ADDR"] == peer or found["REMOTE_ADDR"] in hops
