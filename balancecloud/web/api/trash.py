"""/api/trash: what was deleted, for programs."""

import uuid
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from balancecloud.library import trash
from balancecloud.library.past_views import TrashEntry
from balancecloud.web import context
from balancecloud.web.api import files, respond
from balancecloud.web.api.respond import answer

blueprint = Blueprint("api_trash", __name__, url_prefix="/api/trash")


@blueprint.get("")
def index() -> ResponseReturnValue:
    page, per_page = respond.number("page", 1), respond.number("per_page", 100)
    found = trash.entries(context.session(), context.person().id, page, per_page)
    return answer(
        {
            "files": [as_json(entry) for entry in found.entries],
            "total": found.total,
            "page": page,
            "per_page": per_page,
        }
    )


@blueprint.post("/<uuid:node_id>/restore")
def restore(node_id: uuid.UUID) -> ResponseReturnValue:
    return answer(files.as_json(trash.restore(context.session(), context.person().id, node_id)))


@blueprint.delete("")
def empty() -> ResponseReturnValue:
    return files.deleted(trash.empty(context.session(), context.person().id, source="api"))


def as_json(entry: TrashEntry) -> dict[str, Any]:
    """Return an entry as `Trashed` of docs/api.md."""
    return {
        "id": str(entry.id),
        "name": entry.name,
        "is_folder": entry.is_folder,
        "mime_type": entry.mime_type,
        "size": entry.size,
        "folder": entry.folder,
        "trashed_at": respond.time(entry.trashed_at),
        "removed_at": respond.time(entry.removed_at),
    }
