"""Opening the keys of users and versions, wrapped in the database (docs/format.md 3.1)."""

import uuid
from functools import cache

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from balancecloud.crypto import wrapping
from balancecloud.crypto.keys import MasterKeys, UserKey
from balancecloud.errors import IntegrityError
from balancecloud.models.library import Version
from balancecloud.models.people import UserKeyRow


def newest_user_key(session: Session, keys: MasterKeys, user_id: uuid.UUID) -> UserKey:
    """Return the user key that new versions use."""
    row = session.scalar(_newest(), {"user": user_id})
    return _open(keys, user_id, row)


@cache
def _newest() -> Select[UserKeyRow]:
    return (
        select(UserKeyRow)
        .where(UserKeyRow.user_id == bindparam("user"))
        .order_by(UserKeyRow.epoch.desc())
        .limit(1)
    )


def user_key(session: Session, keys: MasterKeys, user_id: uuid.UUID, epoch: int) -> UserKey:
    """Return the user key of this epoch; IntegrityError where it is missing or was changed."""
    return _open(keys, user_id, session.get(UserKeyRow, (user_id, epoch)))


def file_key(version: Version, key: UserKey) -> bytes:
    """Open a version's key with the user key of its epoch."""
    row = wrapping.file_key_row(version.user_id.bytes, version.file_id.bytes, version.number)
    return wrapping.unwrap(key.file_wrapping_key, row, version.file_key)


def wrap_file_key(key: UserKey, file_id: uuid.UUID, number: int, secret: bytes) -> bytes:
    """Wrap a new version's key."""
    row = wrapping.file_key_row(key.user, file_id.bytes, number)
    return wrapping.wrap(key.file_wrapping_key, row, secret)


def _open(keys: MasterKeys, user_id: uuid.UUID, row: UserKeyRow | None) -> UserKey:
    if row is None:
        raise IntegrityError("keyid")
    place = wrapping.user_key_row(user_id.bytes, row.epoch)
    secret = wrapping.unwrap(keys.reading(row.master_version), place, row.wrapped)
    return UserKey(user_id.bytes, row.epoch, secret)
