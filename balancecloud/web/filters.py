"""What templates need to print sizes, times, shares and kinds: one filter each."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from flask import Flask
from markupsafe import Markup, escape

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.library import previews
from balancecloud.library.wording import Words, moment
from balancecloud.web import lanes
from balancecloud.web.devices import device
from balancecloud.web.static_files import asset

UNITS: Final = ("B", "KB", "MB", "GB", "TB", "PB")
MINUTE: Final = 60
HOUR: Final = 3600
MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
ICONS: Final = "vendor/lucide/1.62.0/icons.svg"  # its path names its version, so it stays
COUNTED_SECONDS: Final = 100


def register(app: Flask, clock: Clock = SYSTEM_CLOCK) -> None:
    """Make every filter known to the application's templates."""
    filters: Mapping[str, Callable[..., object]] = {
        "size": size,
        "size_of": size_of,
        "percent": percent,
        "width": width,
        "duration": duration,
        "plural": plural,
        "number": number,
        "kind": kind,
        "icon_of": icon_of,
        "ago": lambda at, within=False: ago(at, clock.now(), within=within),
        "day": day,
        "time_of_day": time_of_day,
        "worded": lambda words: worded(words, clock.now()),
        "drawn": lanes.draw_chunk_map,
        "has_thumbnail": previews.has_thumbnail,
        "glance": previews.glance,
        "device": device,
    }
    for name, function in filters.items():
        app.add_template_filter(function, name)


# --- sizes ------------------------------------------------------------------------------------


def size(count: int) -> str:
    """Return bytes as people read them, floored to three figures: "1.42 GB"."""
    return _in_unit(count, _unit(count))


def size_of(part: int, total: int) -> str:
    """Return how much of a total, in the total's unit: "1.72 of 2.07 GB"."""
    unit = _unit(total)
    number_only = _in_unit(part, unit).rsplit(" ", 1)[0]
    return f"{number_only} of {_in_unit(total, unit)}"


def _unit(count: int) -> int:
    return min((max(count, 1).bit_length() - 1) // 10, len(UNITS) - 1)


def _in_unit(count: int, unit: int) -> str:
    if unit == 0:
        return f"{count} {UNITS[0]}"
    value = count / 1024**unit
    places = 2 if value < 10 else 1 if value < 100 else 0
    floored = math.floor(value * 10**places) / 10**places
    text = f"{floored:.{places}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {UNITS[unit]}"


# --- shares -----------------------------------------------------------------------------------


def percent(part: int, total: int) -> int:
    """Return the share in whole percent, floored: 100 only when nothing is missing."""
    if total <= 0:
        return 0
    return max(0, min(100, part * 100 // total))


def width(part: int, total: int) -> str:
    """Return the share as an SVG length: "63.2%"."""
    if total <= 0:
        return "0%"
    return f"{max(0.0, min(100.0, math.floor(part * 1000 / total) / 10)):g}%"


def plural(count: int, one: str, many: str) -> str:
    """Return the count with its noun: "1 file", "5 files"."""
    return f"{number(count)} {one if count == 1 else many}"


def number(count: int) -> str:
    """Return a count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")


# --- times ------------------------------------------------------------------------------------


def duration(seconds: int) -> str:
    """Return a length of time in the unit people think in: "40 s", "2 min", "3 h 5 min"."""
    if seconds < MINUTE:
        return f"{max(seconds, 1)} s"
    if seconds < HOUR:
        return f"{round(seconds / MINUTE)} min"
    hours, rest = divmod(round(seconds / MINUTE), 60)
    if hours >= 24:
        return plural(round(hours / 24), "day", "days")
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def ago(at: datetime, now: datetime, *, within: bool = False) -> Markup:
    """Return a `<time>`: "12 min ago", "Yesterday", "3 Nov 2026"; or fit `within` a sentence."""
    words = _relative(at.astimezone(UTC), now.astimezone(UTC))
    if within and words in {"Just now", "Yesterday"}:
        words = words.lower()
    return _time(at, words, "")


def day(at: datetime) -> Markup:
    """Return a `<time>` with a day: "3 Nov 2026"."""
    moment = at.astimezone(UTC)
    return _time(at, f"{moment.day} {moment:%b %Y}", "")


def time_of_day(at: datetime) -> Markup:
    """Return a `<time>` with the time of day in UTC; a script prints it in the browser's zone."""
    return _time(at, f"{at.astimezone(UTC):%H:%M:%S}", "clock")


def worded(words: Words, now: datetime) -> Markup:
    """Return a sentence, its times as `<time>`; a script prints them in the browser's zone."""
    return Markup("").join(
        escape(part)
        if isinstance(part, str)
        else _time(part, moment(part, now), "moment") + _countdown(part, now)
        for part in words
    )


def _countdown(at: datetime, now: datetime) -> Markup:
    """Return how many seconds are left until soon; a script counts them down."""
    seconds = math.ceil((at - now).total_seconds())
    if not 0 < seconds < COUNTED_SECONDS:
        return Markup("")
    return Markup(' (<span data-left="">{}</span> s)').format(seconds)


def _time(at: datetime, text: str, local: str) -> Markup:
    """Put a time together by hand: a list has a hundred, and `strftime` takes its time."""
    moment = at.astimezone(UTC)
    date, clock = moment.date().isoformat(), moment.time().isoformat("seconds")
    shown = f"{moment.day} {MONTHS[moment.month - 1]} {moment.year:04}, {clock[:5]} UTC"
    return Markup(  # noqa: S704 - figures and names of ours, but for the text
        f'<time datetime="{date}T{clock}Z" title="{shown}" data-local="{local}">'
        f"{escape(text)}</time>"
    )


def _relative(at: datetime, now: datetime) -> str:
    seconds = int((now - at).total_seconds())
    days = (now.date() - at.date()).days
    if seconds < MINUTE:
        return "Just now" if seconds > -MINUTE else f"In {duration(-seconds)}"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min ago"
    if days == 0 or seconds < 6 * HOUR:
        return f"{seconds // HOUR} h ago"
    if days == 1:
        return "Yesterday"
    month = MONTHS[at.month - 1]
    return f"{at:%a} {at.day} {month}" if days < 7 else f"{at.day} {month} {at.year:04}"


# --- kinds ------------------------------------------------------------------------------------

KINDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "image/": ("Image", "file-image"),
        "video/": ("Video", "file-play"),
        "audio/": ("Audio", "file-music"),
        "application/pdf": ("PDF", "file-text"),
        "application/zip": ("Archive", "file-archive"),
        "application/gzip": ("Archive", "file-archive"),
        "application/zstd": ("Archive", "file-archive"),
        "application/x-": ("Archive", "file-archive"),
        "application/vnd.oasis.opendocument.spreadsheet": ("Spreadsheet", "file-spreadsheet"),
        "application/vnd.openxmlformats-officedocument.spreadsheet": (
            "Spreadsheet",
            "file-spreadsheet",
        ),
        "text/csv": ("Spreadsheet", "file-spreadsheet"),
        "application/json": ("Data", "file-code"),
        "text/html": ("Web page", "file-code"),
        "text/x-": ("Source code", "file-code"),
        "text/": ("Text", "file-text"),
        "application/vnd.": ("Document", "file-text"),
        "application/msword": ("Document", "file-text"),
    }
)


@lru_cache(maxsize=512)
def kind(mime_type: str | None) -> tuple[str, str]:
    """Return what to call a file of this type and the icon that stands for it."""
    for prefix, found in KINDS.items():
        if mime_type and mime_type.startswith(prefix):
            return found
    return ("File", "file")


@lru_cache(maxsize=512)
def icon_of(symbol: str, classes: str = "") -> Markup:
    """Return an icon of the sprite, drawn once: a list has hundreds."""
    drawn = Markup('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>')
    return drawn.format(classes, asset(ICONS), symbol)
