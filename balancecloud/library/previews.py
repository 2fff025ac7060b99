"""Showing what is in a file: what it can be shown as, its text, its picture, its neighbours."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session

from balancecloud.errors import IntegrityError, StateConflict, Unavailable
from balancecloud.library import preview_text
from balancecloud.library.darkroom import (
    Album,
    Crowded,
    Darkroom,
    NoPicture,
    Picture,
    Undeveloped,
)
from balancecloud.library.downloads import ByteRange, Download
from balancecloud.library.preview_kinds import HEAD_BYTES, Shown, is_picture, shown_as
from balancecloud.library.views import Crumb, NodeView
from balancecloud.models.library import Node
from balancecloud.models.states import NodeKind
from balancecloud.storage.damage import Ring

TEXT_BYTES: Final = 1 << 20
LINES_BYTES: Final = 8 << 10
LINES: Final = 24
# Larger files are not read for a picture: a thumbnail reads the whole of its file.
LARGEST_PICTURE: Final = 64 << 20
LARGEST_IN_PANEL: Final = 24 << 20
LARGEST_THUMBNAIL: Final = 8 << 20
# Of these a part may be read; what else is text shows when it is looked into.
TEXTS: Final = ("text/", "application/json", "application/javascript", "application/xml")
READABLE: Final = frozenset({"queued", "storing", "waiting", "stored", "degraded"})
KNOWN_KINDS: Final = 10_000
MOST_TRIES: Final = 3  # of a picture whose decoder ended without a word
Trouble = Literal["arriving", "lost", "unreadable", "busy"]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a picture is made, and of how large a file."""

    side: int
    largest_file: int


SIZES: Final = {
    "thumbnail": Size(96, LARGEST_THUMBNAIL),
    "panel": Size(640, LARGEST_IN_PANEL),
    "page": Size(1600, LARGEST_PICTURE),
}


@dataclass(frozen=True, slots=True)
class Preview:
    """What a page shows of a file. `trouble`: why nothing of it can be read."""

    kind: str
    mime_type: str = ""
    text: str = ""
    is_cut: bool = False
    picture: Picture | None = None
    is_too_large: bool = False
    trouble: Trouble | None = None


class Viewer:
    """Looks into files for one process, and remembers what it saw: a version never changes."""

    def __init__(self, darkroom: Darkroom) -> None:
        self.darkroom = darkroom
        self._album = Album()
        self._lock = threading.Lock()
        self._kinds: OrderedDict[tuple[str, str], Shown] = OrderedDict()
        self._tries: OrderedDict[tuple[str, int], int] = OrderedDict()

    def kind(self, opened: Download, ring: Ring) -> Shown:
        """Return what a file is shown as; reads its first bytes unless it was asked before."""
        key = (opened.etag, opened.name)
        with self._lock:
            known = self._kinds.get(key)
        if known is not None:
            return known
        found = shown_as(opened.name, _first(opened, HEAD_BYTES, ring))
        with self._lock:
            self._kinds[key] = found
            if len(self._kinds) > KNOWN_KINDS:
                self._kinds.popitem(last=False)
        return found

    def preview(self, opened: Download, ring: Ring) -> Preview:
        """Return what a page shows of a file."""
        try:
            shown = self.kind(opened, ring)
            if shown.kind == "text":
                text = preview_text.read(_first(opened, TEXT_BYTES, ring))
                return Preview("text", text=text, is_cut=opened.size > TEXT_BYTES)
            if shown.kind == "picture":
                return self._pictured(opened, ring)
        except (Unavailable, IntegrityError):
            return Preview("other", trouble="unreadable")
        return Preview(shown.kind, shown.mime_type)

    def _pictured(self, opened: Download, ring: Ring) -> Preview:
        if opened.size > SIZES["page"].largest_file:
            return Preview("picture", is_too_large=True)
        try:
            return Preview("picture", picture=self.picture(opened, "page", ring))
        except Undeveloped:
            return Preview("picture", trouble="busy")

    def picture(self, opened: Download, size: str, ring: Ring) -> Picture | None:
        """Return a file's picture in one of SIZES; None where it has none, or is too large.

        Raises Undeveloped, Unavailable or IntegrityError.
        """
        wanted = SIZES[size]
        if opened.size > wanted.largest_file:
            return None
        with contextlib.suppress(KeyError):
            return self._album.find(opened.etag, wanted.side)
        picture = None
        if self.kind(opened, ring).kind == "picture":
            pieces = _bytes(opened, opened.size, ring)
            with contextlib.closing(pieces), contextlib.suppress(NoPicture):
                picture = self._develop(opened.etag, pieces, wanted.side)
        self._album.keep(opened.etag, wanted.side, picture)
        return picture

    def _develop(self, version: str, pieces: Iterator[bytes], side: int) -> Picture:
        """Have a picture made. What ended its decoder again and again counts as none."""
        try:
            return self.darkroom.develop(pieces, side)
        except Crowded:
            raise
        except Undeveloped as problem:
            with self._lock:
                tries = self._tries[version, side] = self._tries.pop((version, side), 0) + 1
                if len(self._tries) > KNOWN_KINDS:
                    self._tries.popitem(last=False)
            if tries < MOST_TRIES:
                raise
            raise NoPicture from problem

    def first_lines(self, opened: Download, ring: Ring) -> str:
        """Return how a text begins; nothing where a file is none."""
        if self.kind(opened, ring).kind != "text":
            return ""
        return preview_text.first_lines(_first(opened, LINES_BYTES, ring), LINES)

    def playable(self, opened: Download, ring: Ring) -> Download:
        """Return what a player or a PDF viewer is given, labelled as what it is.

        StateConflict for what is neither: it can only be downloaded.
        """
        shown = self.kind(opened, ring)
        if shown.kind not in {"audio", "video", "pdf"}:
            raise StateConflict("This file can't be played. Download it instead.")
        return replace(opened, mime_type=shown.mime_type)


def _first(opened: Download, length: int, ring: Ring) -> bytes:
    if not opened.size:
        return b""
    with contextlib.closing(_bytes(opened, min(length, opened.size), ring)) as pieces:
        return b"".join(pieces)


def _bytes(opened: Download, length: int, ring: Ring) -> Generator[bytes, None, None]:
    return cast("Generator[bytes, None, None]", opened.stream(ByteRange(0, length), ring))


# --- what a list offers, without looking into anything ------------------------------------------


def has_thumbnail(node: NodeView) -> bool:
    """Say whether a list asks for a small picture of this."""
    return _is_small_picture(node, LARGEST_THUMBNAIL)


def glance(node: NodeView) -> Literal["picture", "lines"] | None:
    """Return what the details of a file show of it beside its facts."""
    if _is_small_picture(node, LARGEST_IN_PANEL):
        return "picture"
    is_text = (node.mime_type or "").startswith(TEXTS)
    return "lines" if is_text and node.size and node.state in READABLE else None


def _is_small_picture(node: NodeView, most: int) -> bool:
    is_readable = not node.is_folder and node.state in READABLE
    return is_readable and 0 < node.size <= most and is_picture(node.name)


# --- neighbours -------------------------------------------------------------------------------


def neighbours(session: Session, node: NodeView) -> tuple[Crumb | None, Crumb | None]:
    """Return the files before and after one in its folder, by name as the folder shows them."""
    place = tuple_(func.lower(Node.name), Node.name)
    here = tuple_(func.lower(node.name), node.name)
    before = _next_to(session, node, place < here, is_before=True)
    return before, _next_to(session, node, place > here, is_before=False)


def _next_to(
    session: Session, node: NodeView, beyond: ColumnElement[bool], *, is_before: bool
) -> Crumb | None:
    order = (func.lower(Node.name), Node.name)
    row = session.execute(
        select(Node.id, Node.name)
        .where(
            Node.user_id == node.user_id,
            Node.parent_id.is_not_distinct_from(node.parent_id),
            Node.kind == NodeKind.FILE,
            Node.trashed_at.is_(None),
            beyond,
        )
        .order_by(*(column.desc() if is_before else column for column in order))
        .limit(1)
    ).one_or_none()
    return Crumb(row.id, row.name) if row else None
