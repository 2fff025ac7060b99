"""The rows of one page of many nodes: a few columns each, and no more questions than facts."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    Subquery,
    case,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from balancecloud.library.node_views import ENDED, FOLDER_STATE, paths_of, shares_of
from balancecloud.library.views import AccountShare, NodeView
from balancecloud.models.kept_aliases import kept_alias
from balancecloud.models.library import Node, Version
from balancecloud.models.states import NodeKind, VersionState

_INSIDE: Final = kept_alias(Node, "inside")
_FACTS: Final = (
    Version.id,
    Version.number,
    Version.state,
    Version.size,
    Version.mime_type,
    Version.sha256,
    Version.error_code,
    Version.job_id,
)


def with_facts(query: Select[Any], chosen: Subquery) -> Select[Any]:
    """Add what `views` needs of each chosen node; a row of nulls where none is.

    Most files show their newest version, which is looked up then and no other.
    """
    newest = _newest()
    shown = _shown(newest)
    is_newest = shown.c.id.is_(None)
    facts = [
        case((is_newest, newest.c[fact.key]), else_=shown.c[fact.key]).label(f"version_{fact.key}")
        for fact in _FACTS
    ]
    return (
        query.add_columns(
            Node.id,
            Node.parent_id,
            Node.kind,
            Node.name,
            Node.created_at,
            Node.updated_at,
            newest.c.state.label("newest_state"),
            newest.c.job_id.label("newest_job_id"),
            case((Node.kind == NodeKind.FOLDER, _item_count()), else_=0).label("item_count"),
            *facts,
        )
        .outerjoin(Node, Node.id == chosen.c.id)
        .outerjoin(newest, true())
        .outerjoin(shown, true())
    )


def views(
    session: Session, user_id: uuid.UUID, rows: Sequence[Row[Any]], parent_path: str | None
) -> tuple[NodeView, ...]:
    """Return the views of a page's rows; `parent_path` where all lie in one folder, else looked up.

    What lies in a folder that was deleted between the two questions is left out.
    """
    shares = shares_of(session, [row.version_id for row in rows if row.version_id])
    if parent_path is not None:
        return tuple(_view(user_id, row, f"{parent_path}/{row.name}", shares) for row in rows)
    parents = {row.parent_id for row in rows if row.parent_id}
    above: dict[uuid.UUID | None, str] = {None: "", **paths_of(session, parents)}  # type: ignore[dict-item]
    return tuple(
        _view(user_id, row, f"{above[row.parent_id]}/{row.name}", shares)
        for row in rows
        if row.parent_id in above
    )


def _view(
    user_id: uuid.UUID,
    row: Row[Any],
    path: str,
    shares: dict[uuid.UUID, tuple[AccountShare, ...]],
) -> NodeView:
    is_on_its_way = row.newest_state is not None and row.newest_state is not VersionState.STORED
    return NodeView(
        id=row.id,
        user_id=user_id,
        name=row.name,
        path=path,
        size=row.version_size or 0,
        mime_type=row.version_mime_type,
        is_folder=row.kind is NodeKind.FOLDER,
        parent_id=row.parent_id,
        state=row.version_state.value if row.version_state else FOLDER_STATE,
        version=row.version_number,
        sha256=row.version_sha256.hex() if row.version_sha256 else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
        item_count=row.item_count,
        job_id=row.newest_job_id if is_on_its_way else None,
        error_code=row.version_error_code,
        shares=shares.get(row.version_id, ()),
    )


def _newest() -> FromClause:
    """Select a file's own newest version, found from the end of the index."""
    return (
        select(*_FACTS)
        .where(Node.file_id.is_not(None), Version.file_id == Node.id, Version.state.not_in(ENDED))
        .order_by(Version.number.desc())
        .limit(1)
        .correlate(Node)
        .lateral("newest")
    )


def _shown(newest: FromClause) -> FromClause:
    """Select the version that is shown where it is another one."""
    return (
        select(*_FACTS)
        .where(
            Version.file_id == Node.file_id,
            Version.number == Node.version,
            or_(Node.file_id != Node.id, newest.c.number.is_distinct_from(Node.version)),
        )
        .limit(1)
        .correlate(Node, newest)
        .lateral("shown")
    )


def _item_count() -> ColumnElement[int]:
    return (
        select(func.count())
        .where(
            _INSIDE.user_id == Node.user_id,
            _INSIDE.parent_id == Node.id,
            _INSIDE.trashed_at.is_(None),
        )
        .correlate(Node)
        .scalar_subquery()
    )
