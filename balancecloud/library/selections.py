"""Several nodes at once: all of it happens, or nothing."""

import uuid
from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.errors import NameTaken, NotFound, StateConflict
from balancecloud.library import copying, nodes, rearranging, trash, tree
from balancecloud.library.copying import CopyTo
from balancecloud.library.views import NodeView
from balancecloud.models.library import Node


def put_into_trash(
    session: Session, user_id: uuid.UUID, node_ids: Sequence[uuid.UUID]
) -> list[uuid.UUID]:
    """Put nodes into the trash; return the entries they became. NotFound unless all are theirs.

    What lies in another one of them goes with that.
    """
    tops = _outermost(session, user_id, node_ids)
    session.scalars(nodes.locking(*tops)).all()  # at once, or the order would be each one's own
    for node_id in tops:
        trash.put(session, user_id, node_id)
    return tops


def restore(session: Session, user_id: uuid.UUID, node_id: uuid.UUID) -> list[NodeView]:
    """Put an entry of the trash back with all that went there in the same act."""
    entry = trash.get_entry(session, user_id, node_id)
    together = select(Node.id).where(
        Node.user_id == user_id, trash.IS_ENTRY, Node.trashed_at == entry.trashed_at
    )
    ids = session.scalars(together.order_by(Node.id)).all()
    return [trash.restore(session, user_id, one) for one in ids]


def move(
    session: Session, user_id: uuid.UUID, node_ids: Sequence[uuid.UUID], to: uuid.UUID | None
) -> list[NodeView]:
    """Put nodes into another folder; what lies in another one of them goes with that."""
    tops = _outermost(session, user_id, node_ids)
    return _each(session, user_id, tops, lambda one: rearranging.move(session, user_id, one, to))


def copy(
    session: Session, user_id: uuid.UUID, node_ids: Sequence[uuid.UUID], to: uuid.UUID | None
) -> list[NodeView]:
    """Copy nodes into a folder; what lies in another one of them is copied with that."""
    tops = _outermost(session, user_id, node_ids)
    place = CopyTo(to)
    return _each(session, user_id, tops, lambda one: copying.copy(session, user_id, one, place))


def _outermost(
    session: Session, user_id: uuid.UUID, node_ids: Sequence[uuid.UUID]
) -> list[uuid.UUID]:
    """Return those of the nodes that lie in none of the others, in one order for everybody."""
    # Trees change one at a time, so that what is found here stays so.
    rearranging.one_at_a_time(session, user_id)
    mine = select(Node.id).where(
        Node.id.in_(node_ids), Node.user_id == user_id, Node.trashed_at.is_(None)
    )
    found = set(session.scalars(mine))
    if not found or found != set(node_ids):
        raise NotFound
    levels = nodes.levels(*found)
    inner = set(session.scalars(select(levels.c.id).where(levels.c.depth > 0)))
    return sorted(found - inner)


def _each(
    session: Session,
    user_id: uuid.UUID,
    node_ids: Sequence[uuid.UUID],
    act: Callable[[uuid.UUID], NodeView],
) -> list[NodeView]:
    done = []
    for node_id in node_ids:
        name = tree.find_node(session, user_id, node_id).name
        try:
            done.append(act(node_id))
        except NameTaken as problem:
            sentence = f"There is already something called “{name}” in that folder."
            raise NameTaken(sentence) from problem
        except StateConflict as problem:
            raise StateConflict(f"“{name}”: {problem.sentence}") from problem
    return done
