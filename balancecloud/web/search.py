"""The page that finds files and folders by name, narrowed down by what else is known of them."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import Invalid
from balancecloud.library import nodes
from balancecloud.library.narrowing import LOOKED_THROUGH, Narrowing
from balancecloud.library.views import FolderPage
from balancecloud.web import context

blueprint = Blueprint("search", __name__)

MOST_HITS: Final = 1000  # a page that lists more helps nobody, and would have to find them all
MEGABYTE: Final = 1 << 20
FIELDS: Final = ("q", "kind", "since", "until", "smallest", "largest", "in", "from")


@blueprint.get("/search")
def index() -> ResponseReturnValue:
    session, person = context.session(), context.person()
    asked = {field: request.args.get(field, "").strip() for field in FIELDS}
    narrowing, words = _narrowing(asked), asked["q"]
    near_id = narrowing.folder_id or _id(asked["from"])
    folders = nodes.folders_to_choose(session, person.id, near_id)
    page = FolderPage(None, (), (), 0, 1, 100)
    if words or narrowing:
        number = request.args.get("page", 1, type=int)
        page = nodes.search(session, person.id, words, number, most=MOST_HITS, narrowing=narrowing)
    return render_template(
        "files/search.html",
        page=page,
        q=words,
        asked=asked,
        is_asked=bool(words or narrowing),
        is_narrowed=bool(narrowing),
        address="/search?" + urlencode({key: text for key, text in asked.items() if text}) + "&",
        folders=folders,
        near=next((one for one in folders if one.id == near_id), None),
        most=MOST_HITS,
        looked_through=LOOKED_THROUGH,
    )


def _narrowing(asked: dict[str, str]) -> Narrowing:
    return Narrowing(
        kind=asked["kind"] or None,
        since=_day(asked["since"]),
        before=_day(asked["until"], later=1),
        smallest=_bytes(asked["smallest"]),
        largest=_bytes(asked["largest"]),
        folder_id=_id(asked["in"]),
    )


def _day(text: str, later: int = 0) -> datetime | None:
    if not text:
        return None
    try:
        # A day further on must be a date, too.
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=later)
    except (ValueError, OverflowError) as problem:
        raise Invalid({"since": ["Write a day as 2026-01-31."]}) from problem


def _bytes(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise Invalid({"size": ["Write a size in whole megabytes."]})
    return int(text) * MEGABYTE


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError as problem:
        raise Invalid({"in": ["Choose one of the folders."]}) from problem
