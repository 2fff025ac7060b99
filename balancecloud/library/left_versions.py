"""Versions that a copy showed until it got one of its own: removed once nobody wants them."""

import uuid
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from balancecloud.library import copies, removal
from balancecloud.library.removal import Cause, Deletion
from balancecloud.models.library import LeftVersion
from balancecloud.storage.cleanup import TIDYING
from balancecloud.storage.completion import COUNTED
from balancecloud.storage.tools import Tools

LOOKED_AT_ONCE: Final = 100  # files in one run of the schedule; the rest waits for the next


def remove_unwanted(tools: Tools) -> int:
    """Remove versions that a copy left and that no node wants; return of how many files."""
    with tools.sessions() as session:
        left = select(LeftVersion.file_id).distinct().limit(LOOKED_AT_ONCE)
        file_ids = session.scalars(left).all()
    removed = 0
    for file_id in file_ids:
        with tools.sessions.begin() as session:
            deletion = _remove(session, file_id)
        if deletion is not None:
            removal.empty_spool(tools, deletion)
            removed += 1
    return removed


def _remove(session: Session, file_id: uuid.UUID) -> Deletion | None:
    versions = removal.lock_versions(session, [file_id])
    # Forgotten before looking: what is left from here on is a row of its own.
    session.execute(delete(LeftVersion).where(LeftVersion.file_id == file_id))
    kept = copies.wanted(session, [version.id for version in versions])
    gone = [one for one in versions if one.id not in kept and one.state in COUNTED]
    if not gone:
        return None
    return removal.remove(session, gone[0].user_id, gone, Cause(TIDYING, None))
