"""From a multipart body to files on their way: what the form's page and the API share."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import request

from balancecloud.errors import BadCsrf, BalanceCloudError, BrokenUpload, Invalid
from balancecloud.library.names import split_path
from balancecloud.library.small_uploads import Receiver, receiver
from balancecloud.library.uploads import Arrived, Wanted
from balancecloud.live.doorbell import MOST_WAITING
from balancecloud.web import context
from balancecloud.web.bodies import Body, body_of
from balancecloud.web.multipart import FilePart, read_form
from balancecloud.web.security import valid_csrf

CONFLICTS = ("version", "keep_both", "fail")


@dataclass(slots=True)
class Choices:
    """What stands before the first file of a form, or in the query."""

    parent_id: str = ""
    conflict: str = "version"
    csrf_token: str = ""
    path: str = ""


@dataclass(slots=True)
class FormSink:
    """Hands a form's files to an intake, once the fields before them were found right."""

    begin: Callable[[Choices], Receiver]
    choices: Choices
    intake: Receiver | None = None
    files: int = field(default=0)

    def field(self, name: str, value: str) -> None:
        """Take a field; those that decide something stand before the first file."""
        if name in {"parent_id", "conflict", "csrf_token"} and self.intake is not None:
            raise BrokenUpload("The form's fields must stand before its files.")
        if name in {"parent_id", "conflict", "csrf_token", "path"}:
            setattr(self.choices, name, value)

    def start_file(self, part: FilePart) -> None:
        """Begin a file under its relative path."""
        if self.intake is None:
            self.intake = self.begin(self.choices)
        names = split_path(self.choices.path or part.filename)
        self.choices.path = ""
        self.intake.start_file(names, part.content_type)
        self.files += 1

    def write(self, data: bytes) -> None:
        """Take bytes of the file."""
        if self.intake is not None:
            self.intake.write(data)

    def end_file(self) -> None:
        """End the file."""
        if self.intake is not None:
            self.intake.end_file()


def receive(choices: Choices, source: str) -> Arrived:
    """Read the request's form into the spool; all of it, or an error and nothing stays."""
    user_id = context.person().id
    clock = context.gateway().clock
    body = body_of(request, context.config().upload_idle_seconds, clock.monotonic)
    # The request's connection to the database is not held while bytes arrive.
    context.rollback()

    def begin(found: Choices) -> Receiver:
        check_sender(found)
        wanted = Wanted(
            user_id, parent_of(found), conflict_of(found), source, declared_bytes=body.declared
        )
        return receiver(context.gateway(), wanted)

    sink = FormSink(begin, choices)
    try:
        return _finish(body, sink)
    except BalanceCloudError as problem:
        _abort(sink, problem.code)
        body.drain()
        raise
    except BaseException:
        _abort(sink, "internal_error")
        raise
    finally:
        body.close()


def _finish(body: Body, sink: FormSink) -> Arrived:
    read_form(request, body, sink)
    if sink.intake is None:
        check_sender(sink.choices)
        problem = "Choose at least one file."
        raise Invalid({"files": [problem]}, problem)
    arrived = sink.intake.finish()
    # One worker forms a person's packs: a thousand small files need not wake a thousand times.
    enough = 1 if arrived.is_small else MOST_WAITING
    for work_id in arrived.work_ids:
        context.ring_after_commit(work_id, enough)
    return arrived


def _abort(sink: FormSink, reason: str) -> None:
    if sink.intake is not None:
        sink.intake.abort(reason)


def check_sender(choices: Choices) -> None:
    """Refuse a change of a session without its CSRF token; programs come with their own token."""
    if context.carries_bearer():
        return
    if not valid_csrf(choices.csrf_token or request.headers.get("X-CSRF-Token")):
        raise BadCsrf


def parent_of(choices: Choices) -> uuid.UUID | None:
    """Return the folder's id, None for the root."""
    if not choices.parent_id:
        return None
    try:
        return uuid.UUID(choices.parent_id)
    except ValueError as problem:
        sentence = "The folder's id is not one."
        raise Invalid({"parent_id": [sentence]}, sentence) from problem


def conflict_of(choices: Choices) -> str:
    """Return what is to happen when a name is taken."""
    if choices.conflict not in CONFLICTS:
        sentence = "conflict is version, keep_both or fail."
        raise Invalid({"conflict": [sentence]}, sentence)
    return choices.conflict
