"""The pages on which a place for a copy is chosen."""

import uuid

from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import Invalid, StateConflict
from balancecloud.library import copying, rearranging
from balancecloud.library.copying import CopyTo
from balancecloud.web import context, forms
from balancecloud.web.selection import identity

blueprint = Blueprint("copying", __name__)


@blueprint.get("/files/<uuid:node_id>/copy")
def choose_place(node_id: uuid.UUID) -> ResponseReturnValue:
    return _places(node_id, identity(request.args.get("to")), None)


@blueprint.post("/files/<uuid:node_id>/copy")
def copy(node_id: uuid.UUID) -> ResponseReturnValue:
    session, person = context.session(), context.person()
    to = identity(forms.line("to"))
    try:
        made = copying.copy(session, person.id, node_id, CopyTo(to))
    except (Invalid, StateConflict) as refused:
        context.rollback()
        return make_response(_places(node_id, to, refused.sentence), refused.status)
    where = made.path.rpartition("/")[0] or "All files"
    flash(f"The copy is in {where} and is called “{made.name}”.", "success")
    folder = f"/files/{made.parent_id}" if made.parent_id else "/files"
    return redirect(f"{folder}?sel={made.id}", 303)


def _places(node_id: uuid.UUID, to: uuid.UUID | None, problem: str | None) -> str:
    found = rearranging.places(context.session(), context.person().id, [node_id], to)
    address = f"/files/{node_id}/copy"
    return render_template(
        "files/place.html", places=found, act="copy", problem=problem, address=address
    )
