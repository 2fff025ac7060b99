"""/api/files: folders, uploads, downloads, placement and usage for programs."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import (
    BadRangeAsked,
    BrokenUpload,
    IntegrityError,
    IntoItself,
    Invalid,
    LengthRequired,
    NameTaken,
    NoSpoolSpace,
    NotFound,
    OverQuota,
    ProviderError,
    StateConflict,
    TooLarge,
    Unavailable,
)
from balancecloud.library import (
    node_pages,
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
from balancecloud.web.api.calls import Content, answers
from balancecloud.web.api.respond import answer, body, nothing, query
from balancecloud.web.api.schemas import Between, OneOf
from balancecloud.web.api.shapes import (
    Chunk,
    File,
    Files,
    Placement,
    ProviderUsage,
    Shard,
    StorageUsage,
    Uploaded,
    Version,
    Versions,
)
from balancecloud.web.receiving import CONFLICTS, Choices, receive
from balancecloud.web.security import checks_itself, streams

blueprint = Blueprint("api_files", __name__, url_prefix="/api/files")

GIB = 1 << 30
LARGEST_VERSION = (1 << 31) - 1
SORTS = tuple(sign + name for name in node_pages.SORTS for sign in ("", "-"))
PROVIDERS = ("google_drive", "onedrive", "folder")


@dataclass(frozen=True, slots=True)
class Listing:
    """Which page of a folder, or of what a search finds, and in which order."""

    parent_id: uuid.UUID | None = None
    q: str = ""
    sort: Annotated[str, OneOf(SORTS)] = "name"
    page: Annotated[int, Between(1, node_pages.LAST_PAGE)] = 1
    per_page: Annotated[int, Between(1, node_pages.LARGEST_PAGE)] = 100


@blueprint.get("")
@answers({200: Files}, query=Listing, refusals=(NotFound,))
def index() -> ResponseReturnValue:
    wanted = query(Listing)
    session, user_id, page, per_page = (
        context.session(),
        context.person().id,
        wanted.page,
        wanted.per_page,
    )
    if wanted.q:
        found = nodes.search(session, user_id, wanted.q, page, per_page)
    else:
        found = nodes.list_folder(session, user_id, wanted.parent_id, wanted.sort, page, per_page)
    files = [as_json(node) for node in found.nodes]
    return answer(Files(files=files, total=found.total, page=page, per_page=per_page))


@blueprint.get("/<uuid:node_id>")
@answers({200: File})
def show(node_id: uuid.UUID) -> ResponseReturnValue:
    return answer(as_json(nodes.get_node(context.session(), context.person().id, node_id)))


@dataclass(frozen=True, slots=True)
class NewFolder:
    """What a new folder is called and where it goes; no parent: the root."""

    name: str
    parent_id: uuid.UUID | None = None


@blueprint.post("/folders")
@answers({201: File}, body=NewFolder, refusals=(NameTaken, NotFound))
def make_folder() -> ResponseReturnValue:
    wanted = body(NewFolder)
    made = nodes.make_folder(context.session(), context.person().id, wanted.name, wanted.parent_id)
    return answer(as_json(made), 201)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an upload goes, and what becomes of a name that is taken."""

    parent_id: uuid.UUID | None = None
    conflict: Annotated[str, OneOf(CONFLICTS)] = "version"


UPLOAD_REFUSALS = (
    BrokenUpload,
    LengthRequired,
    NameTaken,
    NoSpoolSpace,
    NotFound,
    OverQuota,
    TooLarge,
    Unavailable,
)
FORM = Content(
    "multipart/form-data",
    {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        },
        "required": ["file"],
    },
)


@blueprint.post("/upload")
@checks_itself
@streams
@answers({201: Uploaded}, query=Destination, body=FORM, refusals=UPLOAD_REFUSALS)
def upload() -> ResponseReturnValue:
    wanted = query(Destination)
    choices = Choices(str(wanted.parent_id or ""), wanted.conflict)
    arrived = receive(choices, "api")
    stored = [arrived.node] if arrived.node else _arrived(arrived.node_ids)
    files = [as_json(node) for node in stored]
    first: File = {**files[0], "job_id": arrived.job_id}
    return answer(Uploaded(**first, files=files), 201)


def _arrived(node_ids: Sequence[uuid.UUID]) -> list[NodeView]:
    session, user_id = context.session(), context.person().id
    return [nodes.get_node(session, user_id, node, with_shares=False) for node in node_ids]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a node; what is not named stays. A parent of null is the root."""

    name: str | None = None
    parent_id: uuid.UUID | None = None


@blueprint.patch("/<uuid:node_id>")
@answers({200: File}, body=Change, refusals=(NameTaken, IntoItself, StateConflict))
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


@dataclass(frozen=True, slots=True)
class Deleting:
    """Whether it goes for good."""

    permanent: bool = False


@blueprint.delete("/<uuid:node_id>")
@answers({204: None}, query=Deleting, refusals=(StateConflict,))
def delete(node_id: uuid.UUID) -> ResponseReturnValue:
    session, user_id = context.session(), context.person().id
    if not query(Deleting).permanent:
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


@dataclass(frozen=True, slots=True)
class Which:
    """Which version; absent: the one that is shown."""

    version: Annotated[int, Between(0, LARGEST_VERSION)] | None = None


BYTES = Content("*/*")


@blueprint.get("/<uuid:node_id>/download")
@answers(
    {200: BYTES, 206: BYTES, 304: None, 416: None},
    query=Which,
    refusals=(BadRangeAsked, IntegrityError, ProviderError, StateConflict, Unavailable),
)
def download(node_id: uuid.UUID) -> ResponseReturnValue:
    query(Which)
    return downloads.answer(node_id)


@blueprint.get("/<uuid:node_id>/versions")
@answers({200: Versions})
def list_versions(node_id: uuid.UUID) -> ResponseReturnValue:
    found = versions.list_versions(context.session(), context.person().id, node_id)
    return answer(Versions(versions=[version_json(one) for one in found], total=len(found)))


@blueprint.post("/<uuid:node_id>/versions/<int:number>/restore")
@answers({200: File}, refusals=(StateConflict,))
def restore_version(node_id: uuid.UUID, number: int) -> ResponseReturnValue:
    session, user_id = context.session(), context.person().id
    return answer(as_json(versions.restore(session, user_id, node_id, number)))


@blueprint.delete("/<uuid:node_id>/versions/<int:number>")
@answers({204: None}, refusals=(StateConflict,))
def delete_version(node_id: uuid.UUID, number: int) -> ResponseReturnValue:
    session, user_id = context.session(), context.person().id
    return deleted(versions.delete(session, user_id, node_id, number, source="api"))


@blueprint.get("/<uuid:node_id>/placement")
@answers({200: Placement}, refusals=(StateConflict,))
def placement(node_id: uuid.UUID) -> ResponseReturnValue:
    found = placements.placement(context.session(), context.person().id, node_id)
    chunks = [
        Chunk(
            index=chunk.index,
            pack_id=chunk.pack_id,
            k=chunk.k,
            m=chunk.m,
            shards=[
                Shard(index=s.index, account_id=s.account_id, state=s.state) for s in chunk.shards
            ],
        )
        for chunk in found.chunks
    ]
    return answer(Placement(protection=found.protection, survives=found.survives, chunks=chunks))


@blueprint.get("/storage/usage")
@answers({200: StorageUsage})
def storage_usage() -> ResponseReturnValue:
    found = usage.usage(context.session(), context.config(), context.person().id)
    return answer(
        StorageUsage(
            **_shares(found.used_bytes, found.total_bytes),
            reserved_bytes=found.reserved_bytes,
            cloud_storage=_by_provider(found.accounts),
        )
    )


def as_json(node: NodeView) -> File:
    """Return a node as `File` of docs/api.md."""
    return {
        "id": node.id,
        "user_id": node.user_id,
        "name": node.name,
        "path": node.path,
        "size": node.size,
        "mime_type": node.mime_type,
        "is_folder": node.is_folder,
        "parent_id": node.parent_id,
        "state": node.state,
        "version": node.version,
        "sha256": node.sha256,
        "created_at": node.created_at,
        "updated_at": node.updated_at,
        "job_id": node.job_id,
    }


def version_json(one: VersionView) -> Version:
    """Return a version as `Version` of docs/api.md."""
    return {
        "version": one.number,
        "size": one.size,
        "state": one.state,
        "mime_type": one.mime_type,
        "sha256": one.sha256,
        "is_current": one.is_current,
        "created_at": one.created_at,
    }


def _by_provider(accounts: Sequence[AccountView]) -> dict[str, ProviderUsage | None]:
    """Return what each provider's accounts hold together, None where none is linked."""
    found: dict[str, ProviderUsage | None] = dict.fromkeys(PROVIDERS)
    for provider in PROVIDERS:
        linked = [account for account in accounts if account.provider == provider]
        if linked:
            used = sum(account.used_bytes for account in linked)
            totals = [account.total_bytes for account in linked]
            total = None if None in totals else sum(filter(None, totals))
            found[provider] = _shares(used, total)
    return found


def _shares(used: int, total: int | None) -> ProviderUsage:
    return {
        "used_bytes": used,
        "total_bytes": total,
        "used_percentage": round(100 * used / total, 2) if total else 0.0,
        "used_gb": round(used / GIB, 3),
        "total_gb": None if total is None else round(total / GIB, 3),
    }
