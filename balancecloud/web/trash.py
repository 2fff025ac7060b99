"""The pages of the trash: what lies there, back again, gone for good."""

import uuid

from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.library import nodes, removal, selections, trash
from balancecloud.library.removal import Deletion
from balancecloud.web import context, forms

blueprint = Blueprint("trash", __name__, url_prefix="/trash")

WORD = "empty"  # to be typed by whoever empties the trash


@blueprint.get("")
def index() -> ResponseReturnValue:
    page = request.args.get("page", 1, type=int)
    found = trash.entries(context.session(), context.person().id, page)
    return render_template("trash/list.html", page=found, days=trash.KEPT.days)


@blueprint.post("/<uuid:node_id>/restore")
def restore(node_id: uuid.UUID) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    entry = trash.get_entry(session, person.id, node_id)
    node = trash.restore(session, person.id, node_id)
    where = node.path.rpartition("/")[0] or "All files"
    renamed = f" as “{node.name}”" if node.name != entry.name else ""
    flash(f"“{entry.name}” is back in {where}{renamed}.", "success")
    folder = f"/files/{node.parent_id}" if node.parent_id else "/files"
    return redirect(f"{folder}?sel={node.id}", 303)


@blueprint.post("/<uuid:node_id>/restore-all")
def restore_all(node_id: uuid.UUID) -> ResponseReturnValue:
    """Take back what went to the trash in one act with this entry."""
    restored = selections.restore(context.session(), context.person().id, node_id)
    flash(f"{len(restored)} {'thing is' if len(restored) == 1 else 'things are'} back.", "success")
    folder_id = restored[0].parent_id
    return redirect(f"/files/{folder_id}" if folder_id else "/files", 303)


@blueprint.get("/<uuid:node_id>/delete")
def ask_to_delete(node_id: uuid.UUID) -> ResponseReturnValue:
    entry = trash.get_entry(context.session(), context.person().id, node_id)
    count = nodes.count_below(context.session(), node_id) if entry.is_folder else 0
    return render_template("trash/delete.html", entry=entry, count=count)


@blueprint.post("/<uuid:node_id>/delete")
def delete(node_id: uuid.UUID) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    entry = trash.get_entry(session, person.id, node_id)
    return _gone(
        removal.delete_from_trash(session, person.id, [node_id], "web"),
        f"“{entry.name}” is deleted for good.",
    )


@blueprint.get("/empty")
def ask_to_empty() -> ResponseReturnValue:
    found = trash.entries(context.session(), context.person().id, 1, 1)
    return render_template("trash/empty.html", count=found.total, word=WORD, errors={})


@blueprint.post("/empty")
def empty() -> ResponseReturnValue:
    session, person = context.session(), context.person()
    if forms.line("word").casefold() != WORD:
        count = trash.entries(session, person.id, 1, 1).total
        errors = {"word": [f"Type “{WORD}” to delete all of it for good."]}
        page = render_template("trash/empty.html", count=count, word=WORD, errors=errors)
        return make_response(page, 422)
    return _gone(trash.empty(session, person.id, "web"), "The trash is empty.")


def _gone(deletion: Deletion, sentence: str) -> ResponseReturnValue:
    """Commit, empty the spool, and show the job that removes the shards where there is one."""
    if deletion.work_id:
        context.ring_after_commit(deletion.work_id)
    context.commit()
    removal.empty_spool(context.gateway(), deletion)
    if deletion.job_id:
        return redirect(f"/jobs/{deletion.job_id}", 303)
    flash(sentence, "success")
    return redirect("/trash", 303)
