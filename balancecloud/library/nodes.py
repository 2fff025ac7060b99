"""Folders and files as people see them: listing, opening, searching, making folders."""

import uuid
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Row, Select, and_, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from balancecloud.errors import Invalid, NotFound
from balancecloud.library import names, tree
from balancecloud.library.node_views import NEWEST, SHOWN, views, with_versions
from balancecloud.library.views import FolderPage, NodeView
from balancecloud.models.library import Node, Version
from balancecloud.models.states import NodeKind

LARGEST_PAGE: Final = 500
LAST_PAGE: Final = 1_000_000_000
# "-" before a name sorts the other way round.
SIZE: Final = func.coalesce(SHOWN.size, NEWEST.size, 0)
SORTS: Final[dict[str, ColumnElement[Any]]] = {
    "name": func.lower(Node.name),
    "size": SIZE,
    "modified": Node.updated_at.expression,
}


def list_folder(  # noqa: PLR0913, PLR0917 - the query of the interface, field by field
    session: Session,
    user_id: uuid.UUID,
    folder_id: uuid.UUID | None,
    sort: str = "name",
    page: int = 1,
    per_page: int = 100,
) -> FolderPage:
    """Return one page of a folder's children, folders first; NotFound unless it is theirs."""
    folder = get_node(session, user_id, folder_id) if folder_id else None
    if folder is not None and not folder.is_folder:
        raise NotFound
    children = (Node.user_id == user_id, Node.parent_id.is_not_distinct_from(folder_id))
    rows, total = _page(session, children, sort, page, per_page)
    found = views(session, rows, folder.path if folder else "")
    return FolderPage(folder, tree.crumbs(session, folder_id), found, total, page, per_page)


def search(
    session: Session, user_id: uuid.UUID, words: str, page: int = 1, per_page: int = 100
) -> FolderPage:
    """Return the nodes of the whole library whose name contains the words, case aside."""
    if "\0" in words:
        # No name holds one, and PostgreSQL has no text to ask for it with.
        return FolderPage(None, (), (), 0, page, per_page)
    pattern = "%" + words.translate({37: "\\%", 95: "\\_", 92: "\\\\"}) + "%"
    matching = (Node.user_id == user_id, Node.name.ilike(pattern, escape="\\"))
    rows, total = _page(session, matching, "name", page, per_page)
    return FolderPage(None, (), views(session, rows, None), total, page, per_page)


def get_node(
    session: Session, user_id: uuid.UUID, node_id: uuid.UUID, *, with_shares: bool = True
) -> NodeView:
    """Return a person's node; NotFound for another's or a missing one."""
    row = session.execute(
        with_versions().where(Node.id == node_id, Node.user_id == user_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    found = views(session, [row], None, with_shares=with_shares)
    if not found:
        raise NotFound
    return found[0]


def get_nodes(
    session: Session, user_id: uuid.UUID, node_ids: tuple[uuid.UUID, ...]
) -> tuple[NodeView, ...]:
    """Return several of a person's nodes; those that are gone are left out."""
    rows = session.execute(
        with_versions().where(Node.id.in_(node_ids), Node.user_id == user_id)
    ).all()
    return views(session, rows, None)


def make_folder(
    session: Session, user_id: uuid.UUID, name: str, parent_id: uuid.UUID | None
) -> NodeView:
    """Make a folder; NameTaken, Invalid or NotFound when that can't be."""
    node = tree.add_folder(session, user_id, parent_id, names.clean_name(name))
    return get_node(session, user_id, node.id)


def count_below(session: Session, node_id: uuid.UUID) -> int:
    """Return how many folders and files lie below a node, itself not counted."""
    return session.scalars(select(func.count()).select_from(below(node_id).subquery())).one() - 1


def below(*node_ids: uuid.UUID) -> Select[uuid.UUID]:
    """Return the query of the ids of nodes and all below them."""
    return select(levels(*node_ids).c.id)


def locking(*node_ids: uuid.UUID) -> Select[uuid.UUID]:
    """Return the query that locks nodes and all below them, from the top down as uploads do."""
    tree_of = levels(*node_ids)
    return (
        select(Node.id)
        .join(tree_of, tree_of.c.id == Node.id)
        .order_by(tree_of.c.depth, Node.id)
        .with_for_update(of=Node)
    )


def levels(*node_ids: uuid.UUID) -> CTE:
    """Return the table of the ids of nodes and all below them, each with how far below.

    What went to the trash by itself is not counted as lying in its folder any more.
    """
    top = select(Node.id, literal(0).label("depth"), Node.trashed_with).where(Node.id.in_(node_ids))
    tree_of = top.cte("below", recursive=True)
    return tree_of.union_all(
        select(Node.id, tree_of.c.depth + 1, Node.trashed_with).join(
            tree_of,
            and_(
                Node.parent_id == tree_of.c.id,
                Node.trashed_with.is_not_distinct_from(tree_of.c.trashed_with),
            ),
        )
    )


def refuse_wrong_page(page: int, per_page: int) -> None:
    """Raise Invalid for a page that no list has."""
    if not 1 <= page <= LAST_PAGE or not 1 <= per_page <= LARGEST_PAGE:
        problem = f"A page is 1 or higher and holds 1 to {LARGEST_PAGE} entries."
        raise Invalid({"page": [problem]}, problem)


def _page(
    session: Session,
    conditions: tuple[ColumnElement[bool], ...],
    sort: str,
    page: int,
    per_page: int,
) -> tuple[list[Row[Node, Version, Version]], int]:
    refuse_wrong_page(page, per_page)
    total = session.scalars(
        select(func.count()).select_from(Node).where(*conditions, Node.trashed_at.is_(None))
    ).one()
    query = (
        with_versions()
        .where(*conditions)
        .order_by(Node.kind == NodeKind.FILE, *_order(sort), Node.id)
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return list(session.execute(query).all()), total


def _order(sort: str) -> tuple[ColumnElement[Any] | InstrumentedAttribute[str], ...]:
    column = SORTS.get(sort.removeprefix("-"))
    if column is None:
        problem = "Sort by name, size or modified, with - for the other way round."
        raise Invalid({"sort": [problem]}, problem)
    return (column.desc() if sort.startswith("-") else column.asc(), Node.name)
