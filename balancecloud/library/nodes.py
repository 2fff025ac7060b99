"""Folders and files as people see them: listing, opening, searching, making folders."""

import uuid
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from balancecloud.errors import NotFound
from balancecloud.library import names, node_pages, page_rows, tree
from balancecloud.library.narrowing import Narrowing
from balancecloud.library.node_pages import ANY, Slice, Sought
from balancecloud.library.node_views import views, with_versions
from balancecloud.library.views import Crumb, FolderPage, NodeView
from balancecloud.models.library import Node
from balancecloud.models.states import NodeKind


def list_folder(  # noqa: PLR0913, PLR0917 - the query of the interface, field by field
    session: Session,
    user_id: uuid.UUID,
    folder_id: uuid.UUID | None,
    sort: str = "name",
    page: int = 1,
    per_page: int = 100,
) -> FolderPage:
    """Return one page of a folder's children, folders first; NotFound unless it is theirs."""
    wanted = Slice(sort, page, per_page)
    way = node_pages.way_to(session, user_id, folder_id) if folder_id else ()
    found = node_pages.children(session, user_id, folder_id, wanted)
    crumbs = tuple(Crumb(node.id, node.name) for node in way)
    path = "".join(f"/{crumb.name}" for crumb in crumbs)
    shown = page_rows.views(session, user_id, found.rows, path)
    folder = node_pages.as_folder(way[-1], path, found.total) if way else None
    return FolderPage(folder, crumbs, shown, found.total, page, per_page)


def search(  # noqa: PLR0913, PLR0917 - the query of the interface, field by field
    session: Session,
    user_id: uuid.UUID,
    words: str,
    page: int = 1,
    per_page: int = 100,
    most: int | None = None,
    narrowing: Narrowing = ANY,
) -> FolderPage:
    """Return the nodes of the whole library whose name contains the words, case and accents aside.

    In the order of names. With `most`, no more are looked for: a total of `most` then means that
    many or more, preferably such as begin with the words.
    """
    wanted = Slice("name", page, per_page)
    if "\0" in words:
        # No name holds one, and PostgreSQL has no text to ask for it with.
        return FolderPage(None, (), (), 0, page, per_page)
    found = node_pages.named(session, user_id, Sought(words, most, narrowing), wanted)
    shown = page_rows.views(session, user_id, found.rows, None)
    return FolderPage(None, (), shown, found.total, page, per_page)


def folders_to_choose(
    session: Session, user_id: uuid.UUID, near_id: uuid.UUID | None, most: int = 100
) -> tuple[Crumb, ...]:
    """Return a folder that may lie anywhere, then those of the root by name, to choose one from."""
    folders = select(Node.id, Node.name).where(
        Node.user_id == user_id, Node.kind == NodeKind.FOLDER, Node.trashed_at.is_(None)
    )
    top = folders.where(Node.parent_id.is_(None)).order_by(Node.folded, Node.id).limit(most)
    rows = session.execute(union_all(folders.where(Node.id == near_id), top)).all()
    return tuple(Crumb(*one) for one in {row.id: row.name for row in rows}.items())


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
    """Return the query that locks nodes and all below them, in the order of storage/hold.py."""
    tree_of = levels(*node_ids)
    return (
        select(Node.id)
        .join(tree_of, tree_of.c.id == Node.id)
        .order_by(*in_turn(tree_of.c.depth))
        .with_for_update(of=Node)
    )


def in_turn(depth: ColumnElement[int]) -> tuple[Any, ...]:
    """Return in which order nodes are locked: folders from the top down, then files by id.

    Uploads lock a folder before what is in it, and jobs lock files in whatever folders they lie.
    """
    is_folder = Node.kind == NodeKind.FOLDER
    return (case((is_folder, 0), else_=1), case((is_folder, depth)), Node.id)


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
    Slice("name", page, per_page)
