"""The trash: what was deleted waits there, with all its versions, until its time is over."""

import logging
import uuid
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.exc import IntegrityError as RowExists
from sqlalchemy.orm import Session

from balancecloud.errors import NameTaken, NotFound, StateConflict
from balancecloud.library import nodes, rearranging, removal, tree
from balancecloud.library.names import DEEPEST, numbered
from balancecloud.library.node_views import Found, anywhere
from balancecloud.library.past_views import TrashEntry, TrashPage
from balancecloud.library.removal import Deletion
from balancecloud.library.views import NodeView
from balancecloud.models.library import Node
from balancecloud.models.states import NodeKind
from balancecloud.storage.tools import Tools

KEPT: Final = timedelta(days=30)
SOURCE: Final = "trash"  # of a job that removes what its time in the trash was over of
MOST_LOOKS: Final = 5
# One run of the schedule removes so many entries; the rest waits for the next run.
PURGED_AT_ONCE: Final = 50
IS_ENTRY: Final[ColumnElement[bool]] = Node.trashed_with == Node.id

logger = logging.getLogger(__name__)


def put(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> None:
    """Put a node and all below it into the trash; NotFound as usual.

    StateConflict when something is added to it again and again at the same moment.
    """
    tree.find_node(session, user_id, node_id)
    ids = _lock_all(session, node_id)
    top = tree.find_node(session, user_id, node_id)
    path = "/".join(crumb.name for crumb in tree.crumbs(session, top.parent_id))
    session.execute(
        update(Node)
        .where(Node.id.in_(ids))
        .values(
            trashed_at=func.now(),
            trashed_with=node_id,
            trashed_from=case((Node.id == node_id, path)),
        )
        .execution_options(synchronize_session=False)
    )
    session.expire_all()


def entries(session: Session, user_id: uuid.UUID, page: int = 1, per_page: int = 100) -> TrashPage:
    """Return one page of what was put into the trash, what came last first."""
    nodes.refuse_wrong_page(page, per_page)
    mine = (Node.user_id == user_id, IS_ENTRY)
    total = session.scalars(select(func.count()).select_from(Node).where(*mine)).one()
    rows = session.execute(
        anywhere()
        .where(*mine)
        .order_by(Node.trashed_at.desc(), Node.id)
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return TrashPage(tuple(_entry(Found(*row)) for row in rows), total, page, per_page)


def get_entry(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> TrashEntry:
    """Return one entry; NotFound when it is not in the trash."""
    row = session.execute(
        anywhere().where(Node.id == node_id, Node.user_id == user_id, IS_ENTRY)
    ).one_or_none()
    if row is None:
        raise NotFound
    return _entry(Found(*row))


def restore(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> NodeView:
    """Put an entry back where it was; folders that are gone are made again.

    A name that is taken by now is kept beside it: what comes back gets a number.
    """
    rearranging.one_at_a_time(session, user_id)
    entry = _find(session, user_id, node_id)
    parent_id = _place(session, entry)
    ids = _lock_all(session, node_id)
    entry = _find(session, user_id, node_id)
    depth = len(tree.crumbs(session, parent_id))
    if entry.kind is NodeKind.FOLDER and depth + rearranging.height(session, node_id) > DEEPEST:
        parent_id = None
    _take_name(session, entry, parent_id)
    session.execute(
        update(Node)
        .where(Node.id.in_(ids), Node.id != node_id)
        .values(trashed_at=None, trashed_with=None)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    return nodes.get_node(session, user_id, node_id)


def empty(session: Session, user_id: uuid.UUID, source: str) -> Deletion:
    """Delete all that lies in the trash for good, as one job."""
    mine = select(Node.id).where(Node.user_id == user_id, IS_ENTRY).order_by(Node.id)
    return removal.delete_from_trash(session, user_id, session.scalars(mine).all(), source)


def purge(tools: Tools) -> int:
    """Delete for good what has lain in the trash for thirty days; return how many entries."""
    over = IS_ENTRY & (Node.trashed_at < func.now() - KEPT)
    with tools.sessions() as session:
        query = select(Node.user_id, Node.id).where(over).order_by(Node.trashed_at)
        due = session.execute(query.limit(PURGED_AT_ONCE)).all()
    return sum(_purge_one(tools, user_id, node_id) for user_id, node_id in due)


def _purge_one(tools: Tools, user_id: uuid.UUID, node_id: uuid.UUID) -> bool:
    try:
        with tools.sessions.begin() as session:
            deletion = removal.delete_from_trash(session, user_id, [node_id], SOURCE)
    except (NotFound, StateConflict) as problem:
        logger.info("Entry %s stays in the trash for now: %s.", node_id, problem.code)
        return False
    removal.empty_spool(tools, deletion)
    return True


def _entry(found: Found) -> TrashEntry:
    node, version = found.node, found.version
    if node.trashed_at is None:
        raise NotFound
    return TrashEntry(
        id=node.id,
        name=node.name,
        is_folder=node.kind is NodeKind.FOLDER,
        mime_type=version.mime_type if version else None,
        size=version.size if version else 0,
        folder=f"/{node.trashed_from or ''}",
        trashed_at=node.trashed_at,
        removed_at=node.trashed_at + KEPT,
    )


def _find(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> Node:
    entry = session.scalar(
        select(Node)
        .where(Node.id == node_id, Node.user_id == user_id, IS_ENTRY)
        .execution_options(populate_existing=True)
    )
    if entry is None:
        raise NotFound
    return entry


def _lock_all(session: Session, top_id: uuid.UUID) -> set[uuid.UUID]:
    """Lock a node and all below it, until nothing more turns up; return their ids."""
    for _ in range(MOST_LOOKS):
        locked = set(session.scalars(nodes.locking(top_id)))
        if locked == set(session.scalars(nodes.below(top_id))):
            return locked
    raise StateConflict("Something in it is changing just now. Try again in a moment.")


def _place(session: Session, entry: Node) -> uuid.UUID | None:
    """Return the folder an entry was in, made again where it is gone; None for the root."""
    if entry.parent_id is not None:
        try:
            tree.find_folder(session, entry.user_id, entry.parent_id)
        except NotFound:
            pass
        else:
            return entry.parent_id
    names = entry.trashed_from.split("/") if entry.trashed_from else []
    try:
        with session.begin_nested():
            return tree.ensure_folders(session, entry.user_id, None, names)[0]
    except NameTaken:  # by a file: what comes back is not lost for that
        return None


def _take_name(session: Session, entry: Node, parent_id: uuid.UUID | None) -> None:
    wanted = entry.name
    for number in range(1, tree.MOST_TWINS):
        try:
            with session.begin_nested():
                entry.name = wanted if number == 1 else numbered(wanted, number)
                entry.parent_id = parent_id
                entry.trashed_at = entry.trashed_with = entry.trashed_from = None
        except RowExists:
            continue
        return
    raise NameTaken
