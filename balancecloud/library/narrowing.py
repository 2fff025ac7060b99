"""Narrowing a search down to a kind, a time, a size or a folder."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Select, and_, select
from sqlalchemy.orm import aliased

from balancecloud.errors import Invalid
from balancecloud.library.file_kinds import KINDS, kind_of
from balancecloud.models.library import Node, Version
from balancecloud.models.states import NodeKind

FOLDER: Final = "folder"
CHOICES: Final = (FOLDER, *KINDS)
# So many names are looked through, by name: an answer stays a matter of milliseconds.
LOOKED_THROUGH: Final = 20_000


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What else a hit must be; Invalid for a kind there is not. Null: anything."""

    kind: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    smallest: int | None = None
    largest: int | None = None
    folder_id: uuid.UUID | None = None  # there or anywhere below

    def __post_init__(self) -> None:
        """Refuse what cannot be asked for."""
        if self.kind is not None and self.kind not in CHOICES:
            raise Invalid({"kind": ["Choose one of the kinds."]})

    def __bool__(self) -> bool:
        """Say whether anything is asked for."""
        return self != Narrowing()


def narrowed(
    user_id: uuid.UUID, names: Select[Any], wanted: Narrowing
) -> Select[uuid.UUID, str | None]:
    """Select id and folded name of those of `names` that are as wanted.

    `names` selects ids in the order of names; no more than a bound are looked through.
    """
    looked = names.limit(LOOKED_THROUGH).cte("looked")
    found = (
        select(Node.id, Node.folded)
        .join(looked, looked.c.id == Node.id)
        .order_by(Node.folded, Node.id)
    )
    if wanted.smallest is not None or wanted.largest is not None:
        found = found.join(
            Version, and_(Version.file_id == Node.file_id, Version.number == Node.version)
        )
    return found.where(*_conditions(user_id, wanted))


def _conditions(user_id: uuid.UUID, wanted: Narrowing) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.kind == FOLDER:
        conditions.append(Node.kind == NodeKind.FOLDER)
    elif wanted.kind is not None:
        conditions.append(Node.kind == NodeKind.FILE)
        conditions.append(kind_of(Node.folded.expression) == wanted.kind)
    if wanted.since is not None:
        conditions.append(Node.updated_at >= wanted.since)
    if wanted.before is not None:
        conditions.append(Node.updated_at < wanted.before)
    if wanted.smallest is not None:
        conditions.append(Version.size >= wanted.smallest)
    if wanted.largest is not None:
        conditions.append(Version.size <= wanted.largest)
    if wanted.folder_id is not None:
        conditions.append(Node.parent_id.in_(select(_folders(user_id, wanted.folder_id).c.id)))
    return conditions


def _folders(user_id: uuid.UUID, top: uuid.UUID) -> CTE:
    """Return the table of a person's folder and all folders below it."""
    inside = aliased(Node)
    start = select(Node.id).where(Node.id == top, Node.user_id == user_id)
    tree_of = start.cte("inside", recursive=True)
    return tree_of.union_all(
        select(inside.id).where(
            inside.user_id == user_id,
            inside.parent_id == tree_of.c.id,
            inside.kind == NodeKind.FOLDER,
            inside.trashed_at.is_(None),
        )
    )
