"""Aliases of tables that are kept for as long as a process lives, and used by all its threads."""

from typing import TypeVar

from sqlalchemy import inspect
from sqlalchemy.orm import aliased

Entity = TypeVar("Entity")


def kept_alias(entity: type[Entity], name: str) -> type[Entity]:
    """Return an alias whose columns are put together now.

    Left to the first query, two threads that ask at once may each put them together (SQLAlchemy
    2.1 locks that only in builds without a global lock): what names the one's columns then does
    not find them among the other's, in every query until the process ends.
    """
    alias: type[Entity] = aliased(entity, name=name)
    inspect(alias).selectable.c  # noqa: B018 - asked for so that they are there
    return alias
