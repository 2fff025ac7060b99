"""Passwords: argon2id under a pepper that no database holds; which ones are refused.

46 MiB and one pass take about 50 ms on a 2-core x86-64 server processor (measured).
"""

import base64
import hashlib
import hmac
import itertools
import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from balancecloud.config import Config
from balancecloud.errors import Invalid, TooMany
from balancecloud.identity.common_passwords import WORDS

SHORTEST: Final = 12
LONGEST: Final = 4096
FEWEST_CHARACTERS: Final = 4

# Each takes 46 MiB while it runs: few at once, so that sign-ins cannot exhaust memory.
AT_ONCE: Final = 2
LONGEST_WAIT_SECONDS: Final = 10.0

# Of the same cost as a real one, and of no password: what an unknown address is compared with.
NOBODY: Final = (
    "$argon2id$v=19$m=47104,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

_HASHER: Final = PasswordHasher(
    time_cost=1, memory_cost=46 * 1024, parallelism=1, hash_len=32, salt_len=16
)
_TURN: Final = threading.BoundedSemaphore(AT_ONCE)
_AROUND: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def refuse_weak(field: str, password: str, email: str) -> None:
    """Raise Invalid for `field` when this password is too short, too long or too common."""
    complaint = _complaint(unicodedata.normalize("NFKC", password), email)
    if complaint:
        raise Invalid({field: [complaint]})


def _complaint(password: str, email: str) -> str | None:
    if len(password) < SHORTEST:
        return f"Use {SHORTEST} characters or more."
    if len(password) > LONGEST:
        return f"Use {LONGEST} characters at most."
    if _is_common(password.casefold(), email.casefold()):
        return "This password is too easy to guess. A few unrelated words work well."
    return None


def _is_common(password: str, email: str) -> bool:
    word = _AROUND.sub("", password)
    local_part = email.partition("@")[0]
    return (
        len(set(password)) < FEWEST_CHARACTERS
        or word in WORDS
        or password in WORDS
        or password in {email, local_part}
        or (not word and _is_run(password))
    )


def _is_run(password: str) -> bool:
    """Say whether each digit follows from the one before, as in 123456789012 or 2468."""
    digits = [int(sign) for sign in password if sign.isdecimal()]
    steps = {(after - before) % 10 for before, after in itertools.pairwise(digits)}
    return len(steps) <= 1


def make_hash(config: Config, password: str) -> str:
    """Return what is kept of a password."""
    with _turn():
        return _HASHER.hash(_peppered(config, password))


def matches(config: Config, kept: str | None, password: str) -> bool:
    """Say whether this is the password; without a kept hash it takes as long and says no."""
    with _turn():
        try:
            return _HASHER.verify(kept or NOBODY, _peppered(config, password))
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Say whether a kept hash was made with other costs than those of today."""
    return _HASHER.check_needs_rehash(kept)


def _peppered(config: Config, password: str) -> bytes:
    # The same characters typed on two keyboards are one password.
    spelled = unicodedata.normalize("NFKC", password).encode()
    mac = hmac.new(config.pepper.reveal(), b"balancecloud/password\0" + spelled, hashlib.sha256)
    return base64.b64encode(mac.digest())


@contextmanager
def _turn() -> Iterator[None]:
    if not _TURN.acquire(timeout=LONGEST_WAIT_SECONDS):
        raise TooMany(5, "Many people are signing in just now. Wait a few seconds.")
    try:
        yield
    finally:
        _TURN.release()
