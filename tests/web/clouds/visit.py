"""The calls written down in docs/api.md: read, made as they stand there, and compared."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.library.accounts.world import consent, new_address
from tests.web.clouds.worker import work
from tests.web.program import Program

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"
BLOCK = re.compile(r"^```http\n(?P<call>[A-Z]+ \S+)\n(?P<rest>.*?)^```$", re.MULTILINE | re.DOTALL)
STATUS = re.compile(r"^(\d{3})$", re.MULTILINE)
HEADER = re.compile(r"([A-Z][\w-]+): (.+)")
PART = re.compile(r"(\w+) (\S+) = (.*)")
STAND_IN = re.compile(r"<(\w+)>")
ANYTHING = "…"
WORKER = "A worker does its part."
STREAM = "text/event-stream"
FIRST_PARTS = 2


@dataclass(frozen=True)
class Example:
    """A call as it is written, and its answer."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int
    answer_headers: dict[str, str]
    answer: str
    is_after_work: bool


def examples() -> Iterator[Example]:
    """Yield the examples of the page in their order."""
    page = PAGE.read_text()
    end = 0
    for block in BLOCK.finditer(page):
        asked, status, answer = STATUS.split(block["rest"], maxsplit=1)
        method, path = block["call"].split()
        is_after_work = WORKER in page[end : block.start()]
        end = block.end()
        parts = (*headed(asked), int(status), *headed(answer), is_after_work)
        yield Example(method, path, *parts)


def headed(text: str) -> tuple[dict[str, str], str]:
    """Return the headers that a text begins with, and the rest."""
    headers: dict[str, str] = {}
    lines = text.strip("\n").split("\n")
    while lines and (header := HEADER.fullmatch(lines[0])):
        headers[header[1]] = header[2]
        lines.pop(0)
    return headers, "\n".join(lines).strip("\n")


@dataclass
class Visitor:
    """Makes the calls, and knows what the stand-ins stand for."""

    app: Flask
    program: Program
    known: dict[str, Any] = field(default_factory=dict)

    def make(self, example: Example) -> None:
        """Make a call; refuse an answer that is not the written one."""
        if example.is_after_work:
            work(self.app)
        answer = self._send(example)
        assert answer.status_code == example.status, (example, answer.text)
        for name, value in example.answer_headers.items():
            self._compare_text(value, answer.headers[name])
        self._compare_body(example, answer)
        answer.close()
        self.program.token = self.known.get("fresh", self.known.get("token"))
        if "consent" in self.known:  # what the person does at the provider
            carried = consent(self.known.pop("consent"), new_address())
            self.known["code"] = carried["code"]

    def _send(self, example: Example) -> TestResponse:
        headers = {name: self._filled(value) for name, value in example.headers.items()}
        more: dict[str, Any] = {}
        kind = headers.get("Content-Type", "")
        if kind == "multipart/form-data":
            del headers["Content-Type"]
            parts = [PART.fullmatch(line) for line in example.body.split("\n")]
            more["data"] = {
                part[1]: (io.BytesIO(part[3].encode()), part[2]) for part in parts if part
            }
        elif kind:
            more["data"] = example.body.encode()
        elif example.body:
            more["body"] = json.loads(self._filled(example.body))
        return self.program.call(
            example.method, self._filled(example.path), headers=headers, **more
        )

    def _filled(self, text: str) -> str:
        return STAND_IN.sub(lambda found: str(self.known[found[1]]), text)

    def _compare_body(self, example: Example, answer: TestResponse) -> None:
        if answer.mimetype == STREAM:
            parts = iter(answer.response)
            text = "".join(str(as_text(next(parts))) for _ in range(FIRST_PARTS))
            self._compare_text(example.answer, text.strip())
        elif answer.mimetype == "application/json" and example.answer:
            self._compare(json.loads(example.answer), answer.get_json())
        elif example.answer != ANYTHING:
            self._compare_text(example.answer, answer.text)

    def _compare(self, wanted: Any, given: Any) -> None:
        if wanted == ANYTHING:
            return
        if isinstance(wanted, dict):
            if wanted.pop(ANYTHING, None) is None:
                assert list(wanted) == list(given)
            for name, value in wanted.items():
                self._compare(value, given[name])
        elif isinstance(wanted, list):
            assert len(wanted) == len(given)
            for one, other in zip(wanted, given, strict=True):
                self._compare(one, other)
        elif isinstance(wanted, str) and given is not None:
            self._compare_text(wanted, str(given))
        else:
            assert wanted == given

    def _compare_text(self, wanted: str, given: str) -> None:
        """Refuse another text; learn what its stand-ins stand for."""
        pattern, named = "", set[str]()
        for piece in re.split(r"(<\w+>|…)", wanted):
            stand_in = STAND_IN.fullmatch(piece)
            if piece == ANYTHING:
                pattern += ".*"
            elif not stand_in:
                pattern += re.escape(piece)
            elif stand_in[1] in self.known:
                pattern += re.escape(str(self.known[stand_in[1]]))
            else:
                named.add(stand_in[1])
                pattern += f"(?P<{stand_in[1]}>.+)"
        found = re.fullmatch(pattern, given, re.DOTALL)
        assert found, (wanted, given)
        self.known.update({name: found[name] for name in named})


def as_text(part: Any) -> str:
    return part.decode() if isinstance(part, bytes) else str(part)
