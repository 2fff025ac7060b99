"""/api/trash: what was deleted, for programs."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint
from flask.typing import ResponseReturnValue

from balancecloud.errors import NameTaken, StateConflict
from balancecloud.library import node_pages, trash
from balancecloud.library.past_views import TrashEntry
from balancecloud.web import context
from balancecloud.web.api import files
from balancecloud.web.api.calls import answers
from balancecloud.web.api.respond import answer, query
from balancecloud.web.api.schemas import Between
from balancecloud.web.api.shapes import File, Trash, Trashed

blueprint = Blueprint("api_trash", __name__, url_prefix="/api/trash")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of the trash."""

    page: Annotated[int, Between(1, node_pages.LAST_PAGE)] = 1
    per_page: Annotated[int, Between(1, node_pages.LARGEST_PAGE)] = 100


@blueprint.get("")
@answers({200: Trash}, query=Paging)
def index() -> ResponseReturnValue:
    wanted = query(Paging)
    found = trash.entries(context.session(), context.person().id, wanted.page, wanted.per_page)
    shown = [as_json(entry) for entry in found.entries]
    return answer(Trash(files=shown, total=found.total, page=wanted.page, per_page=wanted.per_page))


@blueprint.post("/<uuid:node_id>/restore")
@answers({200: File}, refusals=(NameTaken, StateConflict))
def restore(node_id: uuid.UUID) -> ResponseReturnValue:
    return answer(files.as_json(trash.restore(context.session(), context.person().id, node_id)))


@blueprint.delete("")
@answers({204: None}, refusals=(StateConflict,))
def empty() -> ResponseReturnValue:
    return files.deleted(trash.empty(context.session(), context.person().id, source="api"))


def as_json(entry: TrashEntry) -> Trashed:
    """Return an entry as `Trashed` of docs/api.md."""
    return {
        "id": entry.id,
        "name": entry.name,
        "is_folder": entry.is_folder,
        "mime_type": entry.mime_type,
        "size": entry.size,
        "folder": entry.folder,
        "trashed_at": entry.trashed_at,
        "removed_at": entry.removed_at,
    }
