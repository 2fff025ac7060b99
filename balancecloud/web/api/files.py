"""/api/files: folders, uploads, downloads, placement and usage for programs."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import Invalid
from balancecloud.library import (
    nodes,
    placements,
    rearranging,
    removal,
    trash,
    tree,
    usage,
    versions,
)
from balancecloud.library.past_views import VersionView
from balancecloud.library.removal import Deletion
from balancecloud.library.views import AccountView, NodeView
from balancecloud.web import context, downloads
from balancecloud.web.api import respond
from balancecloud.web.api.respond import answer, body, nothing
from balancecloud.web.receiving import Choices, receive
from balancecloud.web.security import checks_itself, streams

blueprint = Blueprint("api_files", __name__, url_prefix="/api/files")

GIB = 1 << 30
PROVIDERS = ("google_drive", "onedrive", "folder")


@blueprint.get("")
def index() -> ResponseReturnValue:
    page, per_page = respond.number("page", 1), respond.number("per_page", 100)
    words = request.args.get("q", "")
    if words:
        found = nodes.search(context.session(), context.person().id, words, page, per_page)
    else:
        found = nodes.list_folder(
            context.session(),
            context.person().id,
            _folder_id(request.args.get("parent_id")),
            request.args.get("sort", "name"),
            page,
            per_page,
        )
    files = [as_json(node) for node in found.nodes]
    return answer({"files": files, "total": found.total, "page": page, "per_page": per_page})


@blueprint.get("/<uuid:node_id>")
def show(node_id: uuid.UUID) -> ResponseReturnValue:
    return answer(as_json(nodes.get_node(context.session(), context.person().id, node_id)))


@dataclass(frozen=True, slots=True)
class NewFolder:
    """What a new folder is called and where it goes; no parent: the root."""

    name: str
    parent_id: uuid.UUID | None = None


@blueprint.post("/folders")
def make_folder() -> ResponseReturnValue:
    wanted = body(NewFolder)
    made = nodes.make_folder(context.session(), context.person().id, wanted.name, wanted.parent_id)
    return answer(as_json(made), 201)


@blueprint.post("/upload")
@checks_itself
@streams
def upload() -> ResponseReturnValue:
    choices = Choices(
        parent_id=request.args.get("parent_id", ""),
        conflict=request.args.get("conflict", "version"),
    )
    arrived = receive(choices, "api")
    stored = [arrived.node] if arrived.node else _arrived(arrived.node_ids)
    made = as_json(stored[0]) | {"job_id": str(arrived.job_id)}
    if len(stored) > 1:
        made["files"] = [as_json(node) for node in stored]
    return answer(made, 201)


def _arrived(node_ids: Sequence[uuid.UUID]) -> list[NodeView]:
    session, user_id = context.session(), context.person().id
    return [nodes.get_node(session, user_id, node, with_shares=False) for node in node_ids]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a node; what is not named stays. A parent of null is the root."""

    name: str | None = None
    parent_id: uuid.UUID | None = None


@blueprint.patch("/<uuid:node_id>")
def change(node_id: uuid.UUID) -> ResponseReturnValue:
    session, user_id = context.session(), context.person().id
    tree.find_node(session, user_id, node_id)
    wanted = body(Change)
    if "parent_id" in request.get_json():
        changed = rearranging.move(session, user_id, node_id, wanted.parent_id, wanted.name)
    elif wanted.name is not None:
        changed = rearranging.rename(session, user_id, node_id, wanted.name)
    else:
        problem = "Say what is to change: name, parent_id or both."
        raise Invalid({}, problem)
    return answer(as_json(changed))


@blueprint.delete("/<uuid:node_id>")
def delete(node_id: uuid.UUID) -> ResponseReturnValue:
    session, user_id = context.session(), context.person().id
    if request.args.get("permanent") != "true":
        trash.put(session, user_id, node_id)
        return nothing()
    return deleted(removal.delete_for_good(session, user_id, node_id, source="api"))


def deleted(deletion: Deletion) -> Response:
    """Answer 204 once it is committed, with the address of the job that removes the shards."""
    context.commit()
    removal.empty_spool(context.gateway(), deletion)
    response = nothing()
    if deletion.job_id and deletion.work_id:
        context.ring_after_commit(deletion.work_id)
        response.headers["Location"] = f"/api/jobs/{deletion.job_id}"
    return response


@blueprint.get("/<uuid:node_id>/download")
def download(node_id: uuid.UUID) -> ResponseReturnValue:
    return downloads.answer(node_id)


@blueprint.get("/<uuid:node_id>/versions")
def list_versions(node_id: uuid.UUID) -> ResponseReturnValue:
    found = versions.list_versions(context.session(), context.person().id, node_id)
    return answer({"versions": [version_json(one) for one in found], "total": len(found)})


@blueprint.post("/<uuid:node_id>/versions/<int:number>/restore")
def restore_version(node_id: uuid.UUID, number: int) -> ResponseReturnValue:
    session, user_id = context.session(), context.person().id
    return answer(as_json(versions.restore(session, user_id, node_id, number)))


@blueprint.delete("/<uuid:node_id>/versions/<int:number>")
def delete_version(node_id: uuid.UUID, number: int) -> ResponseReturnValue:
    session, user_id = context.session(), context.person().id
    return deleted(versions.delete(session, user_id, node_id, number, source="api"))


@blueprint.get("/<uuid:node_id>/placement")
def placement(node_id: uuid.UUID) -> ResponseReturnValue:
    found = placements.placement(context.session(), context.config(), context.person().id, node_id)
    chunks = [
        {
            "index": chunk.index,
            "pack_id": str(chunk.pack_id),
            "k": chunk.k,
            "m": chunk.m,
            "shards": [
                {"index": s.index, "account_id": str(s.account_id), "state": s.state}
                for s in chunk.shards
            ],
        }
        for chunk in found.chunks
    ]
    return answer({"protection": found.protection, "survives": found.survives, "chunks": chunks})


@blueprint.get("/storage/usage")
def storage_usage() -> ResponseReturnValue:
    found = usage.usage(context.session(), context.config(), context.person().id)
    return answer(
        {
            "used_bytes": found.used_bytes,
            "reserved_bytes": found.reserved_bytes,
            "total_bytes": found.total_bytes,
            **_shares(found.used_bytes, found.total_bytes),
            "cloud_storage": _by_provider(found.accounts),
        }
    )


def as_json(node: NodeView) -> dict[str, Any]:
    """Return a node as `File` of docs/api.md."""
    return {
        "id": str(node.id),
        "user_id": str(node.user_id),
        "name": node.name,
        "path": node.path,
        "size": node.size,
        "mime_type": node.mime_type,
        "is_folder": node.is_folder,
        "parent_id": str(node.parent_id) if node.parent_id else None,
        "state": node.state,
        "version": node.version,
        "sha256": node.sha256,
        "created_at": respond.time(node.created_at),
        "updated_at": respond.time(node.updated_at),
        "job_id": str(node.job_id) if node.job_id else None,
    }


def version_json(one: VersionView) -> dict[str, Any]:
    """Return a version as `Version` of docs/api.md."""
    return {
        "version": one.number,
        "size": one.size,
        "state": one.state,
        "mime_type": one.mime_type,
        "sha256": one.sha256,
        "is_current": one.is_current,
        "created_at": respond.time(one.created_at),
    }


def _by_provider(accounts: Sequence[AccountView]) -> dict[str, Any]:
    """Return what each provider's accounts hold together, None where none is linked."""
    found: dict[str, Any] = dict.fromkeys(PROVIDERS)
    for provider in PROVIDERS:
        linked = [account for account in accounts if account.provider == provider]
        if linked:
            used = sum(account.used_bytes for account in linked)
            totals = [account.total_bytes for account in linked]
            total = None if None in totals else sum(filter(None, totals))
            found[provider] = {
                "used_bytes": used,
                "total_bytes": total,
                **_shares(used, total),
            }
    return found


def _shares(used: int, total: int | None) -> dict[str, Any]:
    return {
        "used_percentage": round(100 * used / total, 2) if total else 0.0,
        "used_gb": round(used / GIB, 3),
        "total_gb": None if total is None else round(total / GIB, 3),
    }


def _folder_id(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError as problem:
        sentence = "parent_id is not an id."
        raise Invalid({"parent_id": [sentence]}, sentence) from problem
