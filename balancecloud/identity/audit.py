"""The audit log: who did what, on what, from where. Rows are only ever added."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from balancecloud.identity.sessions import Origin
from balancecloud.models.people import AuditEvent


def record(
    session: Session,
    action: str,
    user_id: uuid.UUID | None,
    origin: Origin,
    **details: Any,
) -> None:
    """Add one row; `action` is a noun and a verb, as in "session.opened"."""
    session.add(AuditEvent(user_id=user_id, action=action, address=origin.address, details=details))
