"""When the access that somebody gave ends by itself, and from when on that is worth a warning."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal

# After so long without use a provider ends a grant. Google: "six months", the shortest of which
# has 181 days (developers.google.com/identity/protocols/oauth2, "Refresh token expiration").
# Microsoft: 90 days (learn.microsoft.com/entra/identity-platform/refresh-tokens).
UNUSED_LIFE: Final[Mapping[str, timedelta]] = MappingProxyType(
    {"google_drive": timedelta(days=180), "onedrive": timedelta(days=90)}
)
WARN_BEFORE: Final = timedelta(days=14)

Cause = Literal["disuse", "time_limit"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What is known of an account's grant; None: not known."""

    provider: str
    given_at: datetime | None
    used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class End:
    """When a grant ends, and why."""

    at: datetime
    cause: Cause


def end_to_warn_of(grant: Grant, now: datetime) -> End | None:
    """Return the end that a person is to be told of now; None while it is far away."""
    ends = [end for end, begins in _ends(grant) if now >= _warn_from(begins, end.at)]
    return min(ends, key=lambda end: end.at, default=None)


def _ends(grant: Grant) -> list[tuple[End, datetime | None]]:
    """Return each way this grant ends, with the beginning of that life."""
    ends: list[tuple[End, datetime | None]] = []
    life = UNUSED_LIFE.get(grant.provider)
    if life is not None and grant.used_at is not None:
        ends.append((End(grant.used_at + life, "disuse"), grant.used_at))
    if grant.expires_at is not None:
        ends.append((End(grant.expires_at, "time_limit"), grant.given_at))
    return ends


def _warn_from(begins: datetime | None, ends: datetime) -> datetime:
    """Return the moment of the warning: two weeks ahead, of a short life once a third is over."""
    before = ends - WARN_BEFORE
    return before if begins is None else max(before, begins + (ends - begins) / 3)
