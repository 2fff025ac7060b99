"""Small files: taken whole into memory, then sealed and written down in one transaction.

Most uploads are one small file under a name that is free. Their rows are written once, as they
end up, instead of a beginning that an end changes a moment later. Whatever else a form turns out
to be goes the way of `uploads`, from its first byte.
"""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

from sqlalchemy import Insert, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from balancecloud.crypto import wrapping
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.primitives import Buffer
from balancecloud.crypto.spool_parts import PartRecord
from balancecloud.errors import NameTaken, NotFound, OverQuota
from balancecloud.library import mime_types, quota, tree, upload_ids
from balancecloud.library.sealing import Envelope, SpoolWriter
from balancecloud.library.uploads import Arrived, Intake, Wanted
from balancecloud.library.views import NodeView
from balancecloud.models.base import Base
from balancecloud.models.jobs import Job, JobEvent, Work
from balancecloud.models.library import SpoolPart, Upload, Version
from balancecloud.models.people import User
from balancecloud.models.states import (
    JobKind,
    JobState,
    UploadState,
    VersionState,
    WorkKind,
    WorkState,
)
from balancecloud.storage import runs, version_keys
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import TAIL, WAITS_FOR_A_PACK

# A body of this size is in memory anyway while it is read, and shares a pack whatever the rest.
MOST_BYTES: Final = 256 << 10


class Receiver(Protocol):
    """Takes the files of one form: all of them become versions, or nothing stays."""

    def start_file(self, path: Sequence[str], content_type: str | None) -> None:
        """Begin the next file."""
        ...

    def write(self, plaintext: Buffer) -> None:
        """Take bytes of the file begun last."""
        ...

    def end_file(self) -> None:
        """End the file begun last."""
        ...

    def finish(self) -> Arrived:
        """Make every file a version on its way."""
        ...

    def abort(self, reason: str) -> None:
        """Leave nothing of the form."""
        ...


def receiver(tools: Tools, wanted: Wanted) -> Receiver:
    """Return what takes a form of this declared length."""
    is_small = wanted.declared_bytes <= min(MOST_BYTES, tools.config.largest_shared_chunk)
    return SmallIntake(tools, wanted) if is_small else Intake(tools, wanted)


@dataclass(slots=True)
class _Held:
    """The one file of a form, in memory."""

    name: str
    content_type: str | None
    plaintext: bytearray


class SmallIntake:
    """A form of a few bytes: nothing of it is written anywhere before its end."""

    def __init__(self, tools: Tools, wanted: Wanted) -> None:
        self._tools = tools
        self._wanted = wanted
        self._most_bytes = min(wanted.declared_bytes, tools.config.largest_file_bytes)
        self._held: _Held | None = None
        self._larger: Intake | None = None  # takes over when it is more than one new file

    def start_file(self, path: Sequence[str], content_type: str | None) -> None:
        """Begin the next file; one alone, without folders of its own, is held."""
        if self._larger is None and self._held is None and len(path) == 1:
            self._held = _Held(path[0], content_type, bytearray())
            return
        self._take_over().start_file(path, content_type)

    def write(self, plaintext: Buffer) -> None:
        """Take bytes of the file begun last."""
        held = self._held
        if held is not None and len(held.plaintext) + len(plaintext) <= self._most_bytes:
            held.plaintext += plaintext
        else:
            self._take_over().write(plaintext)

    def end_file(self) -> None:
        """End the file begun last."""
        if self._larger is not None:
            self._larger.end_file()

    def finish(self) -> Arrived:
        """Make every file a version on its way; the errors of `Intake`."""
        if self._held is not None:
            arrived = take_whole(self._tools, self._wanted, self._held)
            if arrived is not None:
                return arrived
            # Something stands in its way, or has to be made first.
        return self._take_over().finish()

    def abort(self, reason: str) -> None:
        """Leave nothing of the form."""
        if self._larger is not None:
            self._larger.abort(reason)

    def _take_over(self) -> Intake:
        """Hand what is held to an intake for forms of any kind."""
        if self._larger is None:
            self._larger = Intake(self._tools, self._wanted)
            held, self._held = self._held, None
            if held is not None:
                self._larger.start_file([held.name], held.content_type)
                self._larger.write(held.plaintext)
                self._larger.end_file()
        return self._larger


def take_whole(tools: Tools, wanted: Wanted, held: _Held) -> Arrived | None:
    """Make a file a version on its way; None, and nothing stays, unless all is plain and free.

    Its bytes are in the spool before their row: should a crash come between, they are swept. So
    are those whose commit failed, as nobody knows whether it did.
    """
    if not held.plaintext or tools.spool.free_bytes() < wanted.declared_bytes:
        return None
    envelope = Envelope(wanted.user_id, upload_ids.fresh(tools.clock), secrets.token_bytes(32))
    writer = SpoolWriter(tools, envelope)
    try:
        writer.write(held.plaintext)
        part = writer.close_only_part()
        with tools.sessions.begin() as session:
            return _write_down(session, tools, wanted, _Sealed(held, envelope, writer.sha256, part))
    except (NameTaken, NotFound, OverQuota):
        tools.spool.remove(envelope.upload_id)
        return None
    finally:
        writer.drop()


@dataclass(frozen=True, slots=True, repr=False)
class _Sealed:
    """A file that is durable in the spool."""

    held: _Held
    envelope: Envelope
    sha256: bytes
    part: PartRecord


def _write_down(session: Session, tools: Tools, wanted: Wanted, sealed: _Sealed) -> Arrived:
    """Write every row of a received file, the person's last as everybody does."""
    user_id, size = wanted.user_id, len(sealed.held.plaintext)
    tree.find_folder(session, user_id, wanted.parent_id)
    node = tree.take_free_name(session, user_id, wanted.parent_id, sealed.held.name, size)
    secret_key = version_keys.newest_user_key(session, tools.keys, user_id)
    job_id = uuid.uuid4()
    values = {
        "user": user_id,
        "job": job_id,
        "parent": wanted.parent_id,
        "source": wanted.source,
        "name": sealed.held.name,
        "event": {"files": 1, "bytes": size},
        "file": node.id,
        **_version_values(tools, secret_key, node.id, sealed),
        **_upload_values(tools, sealed),
    }
    session.connection().execute(_rows(), values)
    forming = runs.queue_forming_with(
        session, tools.config, user_id, quota.reserving(), {"size": size}
    )
    if forming is None:
        raise OverQuota
    view = _view(session, wanted, node, values)
    return Arrived(job_id, (node.id,), (forming,), view)


def _view(session: Session, wanted: Wanted, node: tree.NewFile, values: dict[str, Any]) -> NodeView:
    above = tree.crumbs(session, wanted.parent_id) if wanted.parent_id else ()
    return NodeView(
        id=node.id,
        user_id=wanted.user_id,
        name=values["name"],
        path="/".join(["", *(crumb.name for crumb in above), values["name"]]),
        size=values["size"],
        mime_type=values["mime_type"],
        is_folder=False,
        parent_id=wanted.parent_id,
        state=VersionState.QUEUED.value,
        version=1,
        sha256=values["sha256"].hex(),
        created_at=node.created_at,
        updated_at=node.updated_at,
        job_id=values["job"],
    )


def _version_values(
    tools: Tools, key: UserKey, file_id: uuid.UUID, sealed: _Sealed
) -> dict[str, Any]:
    secret = secrets.token_bytes(32)
    config, held = tools.config, sealed.held
    return {
        "version": uuid.uuid4(),
        "size": len(held.plaintext),
        "sha256": sealed.sha256,
        "chunk_size": config.chunk_size,
        "frame_log2": config.frame_log2,
        "epoch": key.epoch,
        "file_key": version_keys.wrap_file_key(key, file_id, 1, secret),
        "mime_type": mime_types.of(held.name, held.content_type),
    }


def _upload_values(tools: Tools, sealed: _Sealed) -> dict[str, Any]:
    envelope, part, master = sealed.envelope, sealed.part, tools.keys.writing
    row = wrapping.upload_key_row(envelope.user_id.bytes, envelope.upload_id.bytes)
    return {
        "upload": envelope.upload_id,
        "wrapped_key": wrapping.wrap(master, row, envelope.key),
        "master": master.version,
        "salt": part.salt,
        "part_state": part.state.value,
        "work": uuid.uuid4(),
    }


@cache
def _rows() -> Insert:
    """Return the one statement that adds all rows of a received file but its node."""
    added = (_job(), _event(), _version(), _upload(), _part())
    ctes = [one.cte(f"add_{number}") for number, one in enumerate(added)]
    return _work().add_cte(*ctes)


def _job() -> Insert:
    return _adding(
        Job,
        id=bindparam("job"),
        user_id=bindparam("user"),
        kind=JobKind.STORE,
        state=JobState.QUEUED,
        source=bindparam("source"),
        folder_id=bindparam("parent"),
        subject=bindparam("name"),
        started_at=func.now(),
        files_total=1,
    )


def _event() -> Insert:
    return _adding(
        JobEvent, job_id=bindparam("job"), code="upload.received", args=bindparam("event")
    )


def _version() -> Insert:
    same = ("size", "sha256", "chunk_size", "frame_log2", "epoch", "file_key", "mime_type")
    return _adding(
        Version,
        id=bindparam("version"),
        user_id=bindparam("user"),
        file_id=bindparam("file"),
        number=1,
        state=VersionState.QUEUED,
        received_bytes=bindparam("size"),
        pad=True,
        protection=select(User.protection).where(User.id == bindparam("user")).scalar_subquery(),
        job_id=bindparam("job"),
        **{name: bindparam(name) for name in same},
    )


def _upload() -> Insert:
    return _adding(
        Upload,
        id=bindparam("upload"),
        user_id=bindparam("user"),
        version_id=bindparam("version"),
        state=UploadState.RECEIVED,
        reserved_bytes=bindparam("size"),
        wrapped_key=bindparam("wrapped_key"),
        master_version=bindparam("master"),
    )


def _part() -> Insert:
    return _adding(
        SpoolPart,
        upload_id=bindparam("upload"),
        number=0,
        offset=0,
        length=bindparam("size"),
        salt=bindparam("salt"),
        state=bindparam("part_state"),
    )


def _work() -> Insert:
    return _adding(
        Work,
        id=bindparam("work"),
        kind=WorkKind.STORE,
        key=bindparam("version"),
        run=TAIL,
        user_id=bindparam("user"),
        job_id=bindparam("job"),
        priority=WAITS_FOR_A_PACK,
        state=WorkState.DUE,
    )


def _adding(table: type[Base], **values: Any) -> Insert:
    """Return the insert of a row; inside another statement nobody fills in Python's defaults."""
    defaults = {
        column.key: column.default.arg
        for column in table.__table__.columns
        if isinstance(column.default, ScalarElementColumnDefault)
    }
    return insert(table).values(defaults | values)
