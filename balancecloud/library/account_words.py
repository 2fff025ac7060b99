"""What is said of an account's state: a chip, and a sentence of what it means for the files.

The one place for these words; pages, jobs and the API print them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from balancecloud.errors import AccessRefused, ClientRefused
from balancecloud.library.grant_life import End
from balancecloud.library.views import AccountHealth, AccountWarning
from balancecloud.library.wording import plural
from balancecloud.models.states import AccountState
from balancecloud.storage.health import UNREACHABLE


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one account when its state is put into words."""

    label: str
    provider_title: str
    uses_oauth: bool
    state: AccountState
    reason: str | None
    since: datetime
    until: datetime | None  # of a pause that is not over
    shards: int
    unreadable: int | None  # files that cannot be read without it just now; None: not counted
    others_take: bool  # another account of the person takes new chunks


def health_of(now: Standing) -> AccountHealth:
    """Return the words of a state, and what the person can do about it."""
    return _WORDS[now.state](now)


def _healthy(now: Standing) -> AccountHealth:
    if now.reason == UNREACHABLE:
        missed = f"{now.label} did not answer just now. We ask again by ourselves."
        return AccountHealth(("Healthy",), (missed,))
    return AccountHealth(("Healthy",), ("It answers, and takes new chunks.",))


def _slowed(now: Standing) -> AccountHealth:
    asked = f"{now.label} asked us to slow down."
    if now.until is None:
        return AccountHealth(
            ("Slowed down",), (f"{asked} We go on by ourselves in a moment.{_slow(now)}",)
        )
    return AccountHealth(
        ("Slowed down until ", now.until),
        (f"{asked} We go on by ourselves at ", now.until, f".{_slow(now)}"),
    )


def _slow(now: Standing) -> str:
    """Say what reading is like meanwhile."""
    if now.unreadable is None or not now.shards:
        return ""
    if now.unreadable:
        return f" Until then {plural(now.unreadable, 'file')} may be slow to open."
    return " Your files stay readable."


def _silent(now: Standing) -> AccountHealth:
    asks = ". We ask again every minute and go on by ourselves."
    return AccountHealth(
        ("Not answering since ", now.since),
        (f"{now.label} has not answered since ", now.since, f"{asks}{_away(now, 'it answers')}"),
    )


def _full(now: Standing) -> AccountHealth:
    if now.others_take:
        goes = (
            "New chunks go to the other accounts until there is room again."
            " What lies here stays readable."
        )
        return AccountHealth(("Full",), (f"{now.label} is full. {goes}",))
    waits = (
        "New files wait sealed on this server until you make room there or link another account."
        " What is stored stays readable."
    )
    return AccountHealth(("Full",), (f"{now.label} is full. {waits}",), "make_room", True)


def _refused(now: Standing) -> AccountHealth:
    if not now.uses_oauth:
        lost = (
            f"{now.label} can't be used: its folder is not allowed any more, or can't be written."
            " The administrator has to mend that; then look again."
        )
        return AccountHealth(
            ("Access refused",), (f"{lost}{_away(now, 'then')}",), "look_again", True
        )
    chip = "Access refused" if now.reason == ClientRefused.code else "Sign in again"
    sentence = f"{_why(now)}{_away(now, 'then')}"
    return AccountHealth((chip,), (sentence,), "sign_in", True)


def _why(now: Standing) -> str:
    if now.reason == ClientRefused.code:
        return (
            f"{now.provider_title} refuses this server's own client. Its administrator has to"
            " mend that; then sign in again."
        )
    if now.reason == AccessRefused.code:
        return (
            f"{now.label} does not let us store files: a permission is missing."
            " Sign in again and allow what is asked."
        )
    return (
        f"{now.label} no longer accepts our access: it was revoked, or it expired."
        " Sign in again with the same account, and everything goes on by itself."
    )


def _draining(now: Standing) -> AccountHealth:
    moves = f"What lies on {now.label} is moved to the other accounts."
    return AccountHealth(("Moving everything off",), (moves,))


def _unlinked(_now: Standing) -> AccountHealth:
    return AccountHealth(("Unlinked",), ("We have no access to it any more.",))


def _away(now: Standing, until: str) -> str:
    """Say what an account that is away means for reading."""
    if not now.shards:
        return " Nothing of yours lies there."
    if now.unreadable is None:
        return ""
    if now.unreadable:
        return f" {plural(now.unreadable, 'file')} can't be read until {until}."
    return " Your files are read from the other accounts."


_WORDS: Final[Mapping[AccountState, Callable[[Standing], AccountHealth]]] = MappingProxyType(
    {
        AccountState.HEALTHY: _healthy,
        AccountState.SLOWED: _slowed,
        AccountState.SILENT: _silent,
        AccountState.FULL: _full,
        AccountState.SIGN_IN_AGAIN: _refused,
        AccountState.DRAINING: _draining,
        AccountState.UNLINKED: _unlinked,
    }
)


def warning_of(label: str, end: End, now: datetime) -> AccountWarning:
    """Return what is said of access that ends by itself, and what to do before."""
    if end.at <= now:
        over = (
            f"The access to {label} was to end on ",
            end.at,
            ". Sign in again to be sure of it.",
        )
        return AccountWarning(end.cause, over, end.at)
    if end.cause == "time_limit":
        limited = (
            f"The access to {label} was given for a time that ends on ",
            end.at,
            ". Sign in again before, and nothing is interrupted.",
        )
        return AccountWarning(end.cause, limited, end.at)
    unused = (
        f"The access to {label} has not been used for long and ends on ",
        end.at,
        " unless it is. Look again now, and it lives on.",
    )
    return AccountWarning(end.cause, unused, end.at)
