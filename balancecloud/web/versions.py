"""What people do with a file's versions; the list of them is part of its details."""

import uuid

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue

from balancecloud.library import nodes, removal, versions
from balancecloud.web import context

blueprint = Blueprint("versions", __name__, url_prefix="/files/<uuid:node_id>/versions")


@blueprint.post("/<int:number>/restore")
def restore(node_id: uuid.UUID, number: int) -> ResponseReturnValue:
    node = versions.restore(context.session(), context.person().id, node_id, number)
    flash(f"Version {number} of “{node.name}” is the current one now.", "success")
    return redirect(f"/files/{node_id}/details", 303)


@blueprint.get("/<int:number>/delete")
def ask_to_delete(node_id: uuid.UUID, number: int) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    return render_template(
        "files/delete_version.html",
        node=nodes.get_node(session, person.id, node_id),
        version=versions.get_version(session, person.id, node_id, number),
    )


@blueprint.post("/<int:number>/delete")
def delete(node_id: uuid.UUID, number: int) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    node = nodes.get_node(session, person.id, node_id)
    deletion = versions.delete(session, person.id, node_id, number, "web")
    if deletion.work_id:
        context.ring_after_commit(deletion.work_id)
    context.commit()
    removal.empty_spool(context.gateway(), deletion)
    flash(f"Version {number} of “{node.name}” is deleted.", "success")
    return redirect(f"/files/{node_id}/details", 303)
