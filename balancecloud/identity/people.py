"""A person, as the rest of the house sees one."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from balancecloud.models.people import User


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with an account here."""

    id: uuid.UUID
    email: str
    is_active: bool
    is_admin: bool
    created_at: datetime


def person_of(user: User) -> Person:
    """Return the person a row stands for."""
    return Person(user.id, user.email, user.is_active, user.is_admin, user.created_at)
