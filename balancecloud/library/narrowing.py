"""Narrowing a search down to a kind, a time, a size or a folder."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

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
    user_id: uuid.UUID, names: Select[uuid.UUID, str | None], wanted: Narrowing
) -> Select[uuid.UUID, str | None]:
    """Select id and folded name of those of `names` that are as wanted, in the order of names.

    No more than a bound of `names` are looked through.
    """
    columns = (Node.folded, Node.kind, Node.parent_id, Node.updated_at, Node.file_id, Node.version)
    looked = names.with_only_columns(Node.id, *columns).limit(LOOKED_THROUGH).cte("looked")
    return (
        select(looked.c.id, looked.c.folded)
        .where(*_conditions(user_id, looked, wanted))
        .order_by(looked.c.folded, looked.c.id)
    )


def _conditions(user_id: uuid.UUID, of: CTE, wanted: Narrowing) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.kind == FOLDER:
        conditions.append(of.c.kind == NodeKind.FOLDER)
    elif wanted.kind is not None:
        conditions.append(and_(of.c.kind == NodeKind.FILE, kind_of(of.c.folded) == wanted.kind))
    if wanted.since is not None:
        conditions.append(of.c.updated_at >= wanted.since)
    if wanted.before is not None:
        conditions.append(of.c.updated_at < wanted.before)
    if wanted.smallest is not None:
        conditions.append(_size(of) >= wanted.smallest)
    if wanted.largest is not None:
        conditions.append(_size(of) <= wanted.largest)
    if wanted.folder_id is not None:
        conditions.append(of.c.parent_id.in_(select(_folders(user_id, wanted.folder_id).c.id)))
    return conditions


def _size(of: CTE) -> ColumnElement[int]:
    """Look one size up for each name: a join may read all versions instead."""
    shown = and_(Version.file_id == of.c.file_id, Version.number == of.c.version)
    return select(Version.size).where(shown).correlate(of).scalar_subquery()


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
