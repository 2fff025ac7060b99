"""Sentences with times in them: told once, printed by pages as `<time>` and by the API in UTC."""

from datetime import UTC, datetime, timedelta

# What is further away than this has a day, not a time of day.
DAYS_AFTER = timedelta(hours=36)

Words = tuple[str | datetime, ...]


def plain(words: Words, now: datetime) -> str:
    """Return the sentence as text, its times as somebody reads them at `now`."""
    return "".join(part if isinstance(part, str) else moment(part, now) for part in words)


def moment(at: datetime, now: datetime) -> str:
    """Return a time in UTC: "14:20 UTC", "24 Nov, 14:20 UTC", "2 Dec", "3 Jan 2027"."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    day = f"{at.day} {at:%b}"
    if abs(at - now) > DAYS_AFTER:
        return day if at.year == now.year else f"{day} {at.year}"
    clock = f"{at:%H:%M} UTC"
    return clock if at.date() == now.date() else f"{day}, {clock}"


def plural(count: int, one: str) -> str:
    """Return a count with its noun: "1 file", "5 files"."""
    return f"{count:,} {one}{'' if count == 1 else 's'}".replace(",", "\u202f")
