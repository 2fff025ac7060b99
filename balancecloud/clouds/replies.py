"""What providers say in JSON, read field by field. Whatever is not as expected is `BadReply`."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping

from balancecloud.clouds.http import Answer
from balancecloud.errors import BadRange, BadReply

LARGEST_NUMBER = 1 << 63
LONGEST_TEXT = 4096


class Reply:
    """One JSON object of a provider's."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise BadReply
        self._fields: Mapping[str, object] = value

    @classmethod
    def of(cls, answer: Answer) -> "Reply":
        """Read the body of an answer."""
        try:
            return cls(json.loads(answer.body))
        except (ValueError, RecursionError):
            raise BadReply from None

    @classmethod
    def of_error(cls, answer: Answer) -> "Reply":
        """Read the body of an error; HTML, nothing and other shapes are an empty object."""
        try:
            return cls.of(answer)
        except BadReply:
            return cls({})

    @property
    def has_fields(self) -> bool:
        """Say whether there is anything in it."""
        return bool(self._fields)

    def has(self, name: str) -> bool:
        """Say whether the field is there and not null."""
        return self._fields.get(name) is not None

    def text(self, name: str) -> str:
        """Return a text that is neither empty nor absurdly long."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
            raise BadReply
        return value

    def text_or_none(self, name: str) -> str | None:
        """Return a text, or None where there is none of use."""
        value = self._fields.get(name)
        return value[:LONGEST_TEXT] if isinstance(value, str) and value else None

    def text_without_case(self, name: str) -> str | None:
        """Return a text, whatever the case of its name; None where there is none of use."""
        for key in self._fields:
            if key.lower() == name.lower() and (text := self.text_or_none(key)):
                return text
        return None

    def whole(self, name: str) -> int:
        """Return a number of at least 0, be it written as a number or as a text."""
        value = self._fields.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadReply
        if not 0 <= value < LARGEST_NUMBER:
            raise BadReply
        return value

    def is_true(self, name: str) -> bool:
        """Say whether the field is the value true."""
        return self._fields.get(name) is True

    def child(self, name: str) -> "Reply":
        """Return the object inside, or an empty one."""
        value = self._fields.get(name)
        return Reply(value if isinstance(value, dict) else {})

    def child_without_case(self, name: str) -> "Reply":
        """Return the object inside, whatever the case of its name; or an empty one."""
        for key, value in self._fields.items():
            if key.lower() == name.lower() and isinstance(value, dict):
                return Reply(value)
        return Reply({})

    def children(self, name: str) -> Iterator["Reply"]:
        """Yield the objects of a list that has to be there."""
        value = self._fields.get(name)
        if not isinstance(value, list):
            raise BadReply
        for item in value:
            yield Reply(item)

    def texts(self, name: str) -> list[str]:
        """Return a list of texts that has to be there."""
        value = self._fields.get(name)
        if not isinstance(value, list):
            raise BadReply
        return [_checked(item) for item in value]

    def hex_or_none(self, name: str, length: int) -> bytes | None:
        """Return bytes written in hex; None when absent."""
        if not self.has(name):
            return None
        try:
            value = bytes.fromhex(self.text(name))
        except ValueError:
            raise BadReply from None
        return _sized(value, length)

    def base64_or_none(self, name: str, length: int) -> bytes | None:
        """Return bytes written in base64; None when absent."""
        if not self.has(name):
            return None
        try:
            value = base64.b64decode(self.text(name), validate=True)
        except (binascii.Error, ValueError):
            raise BadReply from None
        return _sized(value, length)


def _checked(item: object) -> str:
    if not isinstance(item, str) or not 0 < len(item) <= LONGEST_TEXT:
        raise BadReply
    return item


def _sized(value: bytes, length: int) -> bytes:
    if len(value) != length:
        raise BadReply
    return value


_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


def range_header(start: int, length: int) -> str:
    """Return the Range header for these bytes."""
    return f"bytes={start}-{start + length - 1}"


def exact_range(answer: Answer, start: int, length: int) -> bytes:
    """Return exactly the bytes asked for, from a 206 or from a 200 that ignored Range."""
    if answer.status == 200:
        piece = answer.body[start : start + length]
        if len(piece) == length:
            return piece
        if answer.headers.get("content-length") == str(len(answer.body)):
            raise BadRange
        raise BadReply  # without its length a short body may have been cut
    match = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if answer.status != 206 or match is None or int(match[1]) != start:
        raise BadReply
    if match[3] != "*" and start + length > int(match[3]):
        raise BadRange
    if int(match[2]) != start + length - 1 or len(answer.body) != length:
        raise BadReply
    return answer.body
