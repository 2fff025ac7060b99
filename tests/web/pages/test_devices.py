"""What a browser calls itself, as a person would."""

import pytest

from balancecloud.web.devices import device

LIKE_ALL = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) {}"


@pytest.mark.parametrize(
    ("system", "browser", "words"),
    [
        ("X11; Linux x86_64", "Chrome/156.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Windows NT 10.0; Win64; x64", "Chrome/156.0 Safari/537.36 Edg/156.0", "Edge on Windows"),
        ("Macintosh; Intel Mac OS X 10_15_7", "Version/26.1 Safari/605.1", "Safari on a Mac"),
        ("iPhone; CPU iPhone OS 26_1 like Mac OS X", "CriOS/156 Safari/604", "Chrome on an iPhone"),
        ("Linux; Android 16; K", "Chrome/156.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Fridge", "Firefox/150.0", "Firefox"),
    ],
)
def test_browsers_have_names(system: str, browser: str, words: str) -> None:
    assert device(LIKE_ALL.format(system, browser)) == words


@pytest.mark.parametrize("name", ["rclone/1.60", "Mozilla/5.0 (X11; Linux)"])
def test_what_has_no_name_stays_as_it_calls_itself(name: str) -> None:
    assert device(name) == name
