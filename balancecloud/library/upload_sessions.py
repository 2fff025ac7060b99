"""Unfinished uploads of one account in rows, so that another process goes on with them.

A session's address lets anybody write at the provider: it is wrapped, and opens for its row only.
"""

import hashlib
import json
import uuid
from datetime import timedelta

from sqlalchemy import delete, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId, ShardName
from balancecloud.clouds.upload_sessions import KeptUpload
from balancecloud.crypto.wrapping import Row, unwrap_with_master, upload_session_row, wrap
from balancecloud.errors import IntegrityError
from balancecloud.library.account_tokens import TokenVault
from balancecloud.models.clouds import CloudAccount, ShardRow, UploadSession
from balancecloud.models.states import ShardState

LONGEST_LIFE = timedelta(days=7)  # no provider is known to keep a session longer
# A shard's row is there before its upload; a put that is on its way is not disturbed either way.
UNWANTED_AFTER = timedelta(hours=1)
_DONE = (ShardState.STORED, ShardState.VERIFIED, ShardState.DELETING)


class KeptUploadSessions:
    """The upload sessions of one linked account. Thread-safe."""

    def __init__(self, vault: TokenVault, user_id: uuid.UUID, account_id: uuid.UUID) -> None:
        self._vault = vault
        self._user_id = user_id
        self._account_id = account_id

    def recall(self, name: ShardName) -> KeptUpload | None:
        """Return what any process knows of an earlier try; what does not open is no address."""
        with self._vault.sessions() as session:
            row = session.get(UploadSession, (self._account_id, name))
        if row is None:
            return None
        if row.wrapped_address is None:
            return KeptUpload(None, None)
        try:
            return _read(unwrap_with_master(self._vault.keys, self._row(name), row.wrapped_address))
        except IntegrityError:
            return KeptUpload(None, None)  # its master key is gone, or it was changed: begin anew

    def keep(self, name: ShardName, upload: KeptUpload) -> None:
        """Remember a session, in place of an older one."""
        key = self._vault.keys.writing
        self._write(name, wrap(key, self._row(name), _written(upload)), key.version)

    def note_slow(self, name: ShardName) -> None:
        """Remember that a put ran out of time; a session that is kept stays."""
        self._write(name, None, None)

    def forget(self, name: ShardName) -> None:
        """Remember nothing any more."""
        with self._vault.sessions.begin() as session:
            forget(session, self._account_id, name)

    def _write(self, name: ShardName, wrapped: bytes | None, version: int | None) -> None:
        columns = ("account_id", "name", "wrapped_address", "master_version")
        table = UploadSession.__table__.c
        values = (
            CloudAccount.id,
            literal(str(name)),
            literal(wrapped, table.wrapped_address.type),
            literal(version, table.master_version.type),
        )
        # Selected from the account's row: one that was removed meanwhile keeps nothing.
        found = select(*values).where(CloudAccount.id == self._account_id)
        adding = insert(UploadSession).from_select(columns, found)
        place = (UploadSession.account_id, UploadSession.name)
        if wrapped is None:
            adding = adding.on_conflict_do_nothing(index_elements=place)
        else:
            changed = {
                "wrapped_address": adding.excluded.wrapped_address,
                "master_version": adding.excluded.master_version,
                "created_at": func.now(),
            }
            adding = adding.on_conflict_do_update(index_elements=place, set_=changed)
        with self._vault.sessions.begin() as session:
            session.execute(adding)

    def _row(self, name: ShardName) -> Row:
        digest = hashlib.sha256(name.encode()).digest()
        return upload_session_row(self._user_id.bytes, self._account_id.bytes, digest)


def forget(session: Session, account_id: uuid.UUID, name: str) -> None:
    """Remove the row of an upload, if there is one."""
    session.execute(
        delete(UploadSession).where(
            UploadSession.account_id == account_id, UploadSession.name == name
        )
    )


def sweep(session: Session) -> None:
    """Remove sessions that have ended at their provider, or whose shard needs them no more."""
    needed = select(ShardRow.pack_id).where(
        ShardRow.account_id == UploadSession.account_id,
        ShardRow.name == UploadSession.name,
        ShardRow.state.not_in(_DONE),
    )
    age = func.now() - UploadSession.created_at
    is_unwanted = (age > UNWANTED_AFTER) & ~needed.exists()
    session.execute(
        delete(UploadSession)
        .where(or_(age > LONGEST_LIFE, is_unwanted))
        .execution_options(synchronize_session=False)
    )


def _written(upload: KeptUpload) -> bytes:
    value = {"address": upload.address, "object_id": upload.object_id}
    return json.dumps(value, separators=(",", ":")).encode()


def _read(text: bytes) -> KeptUpload:
    value = json.loads(text)  # it was authenticated: we wrote it
    object_id = value["object_id"]
    return KeptUpload(value["address"], ObjectId(object_id) if object_id else None)
