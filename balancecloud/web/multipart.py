"""Our own loop over a multipart body: fields in memory, files passed on as they arrive.

The framework's form parser would take everything in before any verdict and keep files, in clear,
in temporary files; a form cut in the middle would pass as one without a file.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from flask import Request
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    State,
)

from balancecloud.errors import BrokenUpload, TooLarge
from balancecloud.web.bodies import STEP, Body

MOST_PARTS: Final = 10_000
LONGEST_FIELD: Final = 256 << 10
LONGEST_FIELDS: Final = 4 << 20
# Where line breaks stand close, a piece ends in one: then the decoder looks at all of it.
LOOKS_BACK: Final = 4


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a form, before its bytes."""

    field: str
    filename: str
    content_type: str | None


class Sink(Protocol):
    """Takes a form's parts in their order."""

    def field(self, name: str, value: str) -> None:
        """Take a field."""
        ...

    def start_file(self, part: FilePart) -> None:
        """Begin a file."""
        ...

    def write(self, data: bytes) -> None:
        """Take bytes of the file begun last."""
        ...

    def end_file(self) -> None:
        """End the file begun last."""
        ...


def read_form(request: Request, body: Body, sink: Sink) -> None:
    """Read a form to its last byte; BrokenUpload when it is malformed or cut."""
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not 0 < len(boundary) <= 200:
        raise BrokenUpload("The upload must be a multipart form.")
    decoder = MultipartDecoder(
        boundary.encode("latin-1", "replace"), 2 * STEP + LONGEST_FIELD, max_parts=MOST_PARTS
    )
    reading = _Reading(sink)
    feeder = _Feeder(body, len(boundary))
    try:
        while not reading.is_over:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                decoder.receive_data(_pass_on(decoder, reading, feeder))
            else:
                reading.take(event)
    except (ValueError, UnicodeDecodeError) as problem:
        raise BrokenUpload from problem
    except HTTPException as problem:
        raise TooLarge from problem
    if body.received != body.declared:
        raise BrokenUpload


def _pass_on(decoder: MultipartDecoder, reading: "_Reading", feeder: "_Feeder") -> bytes | None:
    """Pass on what can only be a file's bytes; return the first piece that may be something else.

    The decoder would copy each byte five times and search it twice to say the same.
    """
    mark = b"--" + decoder.boundary
    while True:
        piece = feeder.next_piece()
        is_within = decoder.state is State.DATA and not decoder.buffer and reading.is_in_file
        if piece is None or not is_within or not feeder.is_plain(piece, mark):
            return piece
        reading.sink.write(piece)


class _Feeder:
    """Gives the decoder pieces that never end inside a boundary.

    Werkzeug 3.1 takes a line break for content when a piece ends between the two dashes that close
    a boundary (tests/web/test_multipart.py finds it): a file would come back with a byte too many.
    So what may be the beginning of a boundary is held back until the rest of it is there.
    """

    def __init__(self, body: Body, boundary_length: int) -> None:
        self._body = body
        # Line break, two dashes, the boundary, two dashes, line break, and some white space.
        self._window = boundary_length + 16
        self._held = b""

    def next_piece(self) -> bytes | None:
        """Return the next bytes, None after the last."""
        while True:
            data = self._body.read()
            if not data:
                piece, self._held = self._held, b""
                return piece or None
            piece, self._held = self._split(self._held + data)
            if piece:
                return piece

    def is_plain(self, piece: bytes, mark: bytes) -> bool:
        """Whether a piece of a part holds no boundary, nor ends in what may begin one."""
        begin = max(0, len(piece) - self._window)
        return mark not in piece and _first_break(piece, begin, len(piece)) is None

    def _split(self, data: bytes) -> tuple[bytes, bytes]:
        cut = len(data)
        for _ in range(LOOKS_BACK):
            found = _first_break(data, max(0, cut - self._window), cut)
            if found is None:
                break
            cut = found
        return data[:cut], data[cut:]


def _first_break(data: bytes, begin: int, end: int) -> int | None:
    """Return where the first half of a line break is, if there is one."""
    found = [at for at in (data.find(b"\r", begin, end), data.find(b"\n", begin, end)) if at >= 0]
    return min(found, default=None)


class _Reading:
    """Turns the decoder's events into calls of a sink."""

    def __init__(self, sink: Sink) -> None:
        self.is_over = False
        self.sink = sink
        self._field: str | None = None
        self._value = bytearray()
        self._taken = 0
        self._ignored = False

    @property
    def is_in_file(self) -> bool:
        """Whether the part begun last is a file that counts."""
        return self._field is None and not self._ignored

    def take(self, event: Event) -> None:
        match event:
            case Field(name=name):
                self._field = name or ""
                self._value.clear()
                self._count(len(self._field))
            case File() as file:
                self._start(file)
            case Data(data=data, more_data=more):
                self._data(data, more=more)
            case Epilogue():
                self.is_over = True
            case _:
                pass

    def _start(self, file: File) -> None:
        self._field = None
        # A file input that was left empty arrives as a part without a name.
        self._ignored = not file.filename
        self._count(len(file.filename) + len(file.name or ""))
        if not self._ignored:
            kind = file.headers.get("content-type")
            # Browsers write a quotation mark in a name this way.
            name = file.filename.replace("%22", '"')
            self.sink.start_file(FilePart(file.name or "", name, kind))

    def _data(self, data: bytes, *, more: bool) -> None:
        if self._field is not None:
            self._value += data
            if len(self._value) > LONGEST_FIELD:
                raise TooLarge
            if not more:
                self._count(len(self._value))
                self.sink.field(self._field, self._value.decode())
        elif self._ignored:
            if data:
                raise BrokenUpload("A file in this form has no name.")
        else:
            if data:
                self.sink.write(data)
            if not more:
                self.sink.end_file()

    def _count(self, length: int) -> None:
        self._taken += length
        if self._taken > LONGEST_FIELDS:
            raise TooLarge
