"""How an account is opened for use: the provider, its gate around it, and asking again outside.

    Retry -> Throttle -> provider -> PacedHttp -> the shared HTTP client

Retry is outside, so that every try passes the gate anew: it waits for the pause that the try before
it brought about, and the gate sees each answer, not only the last one. A call that waits to be
repeated holds no place in the account. Were the gate outside, one call would hold its place through
all its tries, a first complaint that a second try makes good would teach nothing, and the breaker
would count four failures as one. What the gate itself refuses is not repeated: it knows the time.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from balancecloud.clock import Clock
from balancecloud.clouds.gate import Gate
from balancecloud.clouds.limits import Learned
from balancecloud.clouds.paced_http import PacedHttp
from balancecloud.clouds.pause import Pause
from balancecloud.clouds.provider import Provider
from balancecloud.clouds.registry import Account, Installation, open_account
from balancecloud.clouds.retry import Patience, Retry
from balancecloud.clouds.throttle import Throttle

Jitter = Callable[[], float]
JITTER: Jitter = secrets.SystemRandom().random

# Enough for a connection that was cut. What lasts longer is the account's state, and the work's
# row waits for it, while readers turn to another account.
PATIENCE = Patience(attempts=3, first_seconds=0.5, longest_seconds=2.0, total_seconds=3.0)


@dataclass(frozen=True, slots=True)
class Stacked:
    """An account that is open: what is asked, and the gate all of it passes."""

    provider: Provider
    gate: Gate


@dataclass(frozen=True, slots=True)
class Known:
    """What an account's row knows of its limits; None where nothing was learned yet."""

    in_flight: int | None = None
    creations_per_second: float | None = None


def open_stacked(name: str, shared: Installation, account: Account, known: Known) -> Stacked:
    """Open an account with its gate; nothing is asked of it yet."""
    pause = Pause(shared.clock, JITTER)
    paced = replace(
        shared,
        google_http=PacedHttp(shared.google_http, pause),
        microsoft_http=PacedHttp(shared.microsoft_http, pause),
    )
    return stacked(open_account(name, paced, account), shared.clock, pause, known)


def stacked(
    provider: Provider, clock: Clock, pause: Pause, known: Known, jitter: Jitter = JITTER
) -> Stacked:
    """Put the gate and the asking again around a provider."""
    in_flight = known.in_flight or provider.traits.requests_in_flight
    gate = Gate(clock, pause, jitter, Learned(in_flight, known.creations_per_second))
    return Stacked(Retry(Throttle(provider, gate), clock, jitter, PATIENCE), gate)
