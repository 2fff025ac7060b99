"""The pages that say how much is used, where it lies, and what would become of it."""

import uuid
from typing import Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import NotFound
from balancecloud.library import nodes, shortfalls, storage_map, tree, usage, what_if, whereabouts
from balancecloud.library.what_if import Fate, Question
from balancecloud.web import context

blueprint = Blueprint("storage", __name__)

# More accounts than this in one question are nobody's.
MOST_ACCOUNTS: Final = 100
FATES: Final[dict[str, Fate]] = {"lost": "lost", "less": "less"}


@blueprint.get("/storage")
def index() -> ResponseReturnValue:
    session, person = context.session(), context.person()
    folder = _folder(request.args.get("folder"))
    return render_template(
        "storage/usage.html",
        usage=usage.usage(session, context.config(), person.id),
        kinds=usage.by_kind(session, person.id),
        folders=usage.by_folder(session, person.id, folder),
        crumbs=tree.crumbs(session, folder) if folder else (),
    )


@blueprint.get("/storage/less-protected")
def less_protected() -> ResponseReturnValue:
    found = shortfalls.shortfalls(context.session(), context.person().id, _page_number())
    return render_template("storage/less_protected.html", found=found)


@blueprint.get("/storage/map", endpoint="map_root")
@blueprint.get("/storage/map/<uuid:folder_id>", endpoint="map_folder")
def show_map(folder_id: uuid.UUID | None = None) -> ResponseReturnValue:
    found = storage_map.storage_map(
        context.session(), context.config(), context.person().id, folder_id, _page_number()
    )
    return render_template("storage/map.html", map=found)


@blueprint.get("/storage/what-if")
def ask_what_if() -> ResponseReturnValue:
    question = Question(_account_ids(), FATES.get(request.args.get("show", "")), _page_number())
    found = what_if.what_if(context.session(), context.config(), context.person().id, question)
    return render_template("storage/what_if.html", found=found)


@blueprint.get("/files/<uuid:node_id>/where")
def where(node_id: uuid.UUID) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    node = nodes.get_node(session, person.id, node_id)
    found = whereabouts.whereabouts(session, context.config(), person.id, node_id, _page_number())
    crumbs = tree.crumbs(session, node.parent_id)
    return render_template("storage/where.html", node=node, found=found, crumbs=crumbs)


def _folder(asked: str | None) -> uuid.UUID | None:
    if not asked:
        return None
    try:
        folder_id = uuid.UUID(asked)
    except ValueError as problem:
        raise NotFound from problem
    node = nodes.get_node(context.session(), context.person().id, folder_id)
    if not node.is_folder:
        raise NotFound
    return node.id


def _page_number() -> int:
    return min(max(request.args.get("page", 1, type=int), 1), 1_000_000)


def _account_ids() -> tuple[uuid.UUID, ...]:
    asked = request.args.getlist("account")
    try:
        ids = {uuid.UUID(one) for one in asked[:MOST_ACCOUNTS]}
    except ValueError as problem:
        raise NotFound from problem
    return tuple(sorted(ids))
