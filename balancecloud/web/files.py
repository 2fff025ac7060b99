"""The pages of files and folders: what is in them, making, finding, naming, moving, deleting."""

import uuid
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import Invalid, NameTaken, NotFound
from balancecloud.library import nodes, rearranging, trash, tree, usage, versions, whereabouts
from balancecloud.library.past_views import VersionView
from balancecloud.library.views import Crumb, NodeView
from balancecloud.library.whereabouts import Whereabouts
from balancecloud.web import context, forms

blueprint = Blueprint("files", __name__)


@blueprint.get("/files", endpoint="root")
@blueprint.get("/files/<uuid:folder_id>", endpoint="folder")
def folder(folder_id: uuid.UUID | None = None) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    sort = request.args.get("sort", "name")
    page = nodes.list_folder(session, person.id, folder_id, sort, _page_number())
    selected = _selected()
    return render_template(
        "files/folder.html",
        page=page,
        sort=sort,
        selected=selected,
        placement=_placement(selected),
        versions=_versions(selected),
    )


@blueprint.get("/files/<uuid:node_id>/details")
def details(node_id: uuid.UUID) -> ResponseReturnValue:
    node = nodes.get_node(context.session(), context.person().id, node_id)
    return render_template(
        "files/details.html",
        node=node,
        placement=_placement(node),
        versions=_versions(node),
        crumbs=_way(node.parent_id),
    )


@blueprint.route("/files/new-folder", methods=["GET", "POST"])
def new_folder() -> ResponseReturnValue:
    person = context.person()
    parent = _folder(_id(request.values.get("parent")))
    if request.method == "GET":
        return render_template("files/new_folder.html", parent=parent, values={}, errors={})
    name = forms.line("name")
    try:
        made = nodes.make_folder(context.session(), person.id, name, parent.id if parent else None)
    except (Invalid, NameTaken) as refused:
        context.rollback()
        values = {"parent": parent, "values": {"name": name}, "errors": _complaints(refused)}
        return make_response(render_template("files/new_folder.html", **values), refused.status)
    return redirect(f"/files/{made.id}", 303)


@blueprint.route("/files/<uuid:node_id>/rename", methods=["GET", "POST"])
def rename(node_id: uuid.UUID) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    node = nodes.get_node(session, person.id, node_id)
    values: dict[str, Any] = {"node": node, "crumbs": _way(node.parent_id), "errors": {}}
    if request.method == "GET":
        return render_template("files/rename.html", **values, name=node.name)
    name = forms.line("name")
    try:
        renamed = rearranging.rename(session, person.id, node_id, name)
    except (Invalid, NameTaken) as refused:
        context.rollback()
        values["errors"] = _complaints(refused)
        page = render_template("files/rename.html", **values, name=name)
        return make_response(page, refused.status)
    if renamed.name != node.name:
        flash(f"“{node.name}” is called “{renamed.name}” now.", "success")
    return redirect(_beside(renamed), 303)


@blueprint.get("/files/<uuid:node_id>/move")
def choose_place(node_id: uuid.UUID) -> ResponseReturnValue:
    return _places(node_id, _id(request.args.get("to")), None)


@blueprint.post("/files/<uuid:node_id>/move")
def move(node_id: uuid.UUID) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    to = _id(forms.line("to"))
    try:
        moved = rearranging.move(session, person.id, node_id, to)
    except (Invalid, NameTaken) as refused:
        context.rollback()
        return make_response(_places(node_id, to, refused.sentence), refused.status)
    where = _folder(to)
    flash(f"“{moved.name}” is in {where.name if where else 'All files'} now.", "success")
    return redirect(_beside(moved), 303)


@blueprint.post("/files/<uuid:node_id>/delete")
def delete(node_id: uuid.UUID) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    node = nodes.get_node(session, person.id, node_id)
    trash.put(session, person.id, node_id)
    flash(f"“{node.name}” is in the trash.", f"undo /trash/{node.id}/restore")
    return redirect(f"/files/{node.parent_id}" if node.parent_id else "/files", 303)


@blueprint.get("/files/upload", endpoint="upload_to_root")
@blueprint.get("/files/<uuid:folder_id>/upload", endpoint="upload_to_folder")
def upload(folder_id: uuid.UUID | None = None) -> ResponseReturnValue:
    config, person = context.config(), context.person()
    use = usage.gauge(context.session(), config, person.id)
    total = use.total_bytes
    return render_template(
        "files/upload.html",
        folder=_folder(folder_id),
        crumbs=_way(folder_id),
        limit_bytes=config.largest_file_bytes,
        free_bytes=None if total is None else max(0, total - use.used_bytes - use.reserved_bytes),
        has_accounts=bool(use.accounts),
    )


# --- what the address names -------------------------------------------------------------------


def _page_number() -> int:
    return request.args.get("page", 1, type=int)


def _id(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError as problem:
        raise NotFound from problem


def _selected() -> NodeView | None:
    node_id = _id(request.args.get("sel"))
    if node_id is None:
        return None
    return nodes.get_node(context.session(), context.person().id, node_id)


def _folder(folder_id: uuid.UUID | None) -> NodeView | None:
    """Return the folder of that id, None for the root; NotFound for a file."""
    if folder_id is None:
        return None
    node = nodes.get_node(context.session(), context.person().id, folder_id)
    if not node.is_folder:
        raise NotFound
    return node


def _places(node_id: uuid.UUID, to: uuid.UUID | None, problem: str | None) -> str:
    found = rearranging.places(context.session(), context.person().id, [node_id], to)
    address = f"/files/{node_id}/move"
    return render_template(
        "files/place.html", places=found, act="move", problem=problem, address=address
    )


def _beside(node: NodeView) -> str:
    """Return the address of the folder that holds a node, with the node's details."""
    return f"/files/{node.parent_id}?sel={node.id}" if node.parent_id else f"/files?sel={node.id}"


def _placement(node: NodeView | None) -> Whereabouts | None:
    if node is None or node.is_folder:
        return None
    return whereabouts.glance(context.session(), context.config(), node.user_id, node.id)


def _versions(node: NodeView | None) -> tuple[VersionView, ...]:
    if node is None or node.is_folder:
        return ()
    return versions.list_versions(context.session(), node.user_id, node.id)


def _way(folder_id: uuid.UUID | None) -> tuple[Crumb, ...]:
    """Return the way to a folder of the person's; empty for the root."""
    found = _folder(folder_id)
    return tree.crumbs(context.session(), found.id) if found else ()


def _complaints(refused: Invalid | NameTaken) -> dict[str, list[str]]:
    return refused.fields if isinstance(refused, Invalid) else {"name": [refused.sentence]}
