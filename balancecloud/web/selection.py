"""What people do with several files at once: the checkboxes of a list and the buttons above it.

A page that comes after a form names what was chosen in its address, each id in 22 characters, so
that a whole page of a list fits into the line of a request.
"""

import base64
import binascii
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import Invalid, NameTaken, NotFound, StateConflict
from balancecloud.library import nodes, rearranging, selections
from balancecloud.library.views import NodeView
from balancecloud.web import context, forms

blueprint = Blueprint("selection", __name__, url_prefix="/files/selected")

MOST: Final = 100  # a page of a list
NOTHING: Final = "Nothing is selected. Tick what you mean first."
Act = Callable[[uuid.UUID | None], Sequence[NodeView]]


@blueprint.post("/delete")
def delete() -> ResponseReturnValue:
    ids = chosen()
    if not ids:
        return nothing_chosen()
    session, person = context.session(), context.person()
    first = nodes.get_node(session, person.id, ids[0])
    put = selections.put_into_trash(session, person.id, ids)
    what = f"“{first.name}” is" if len(put) == 1 else f"{len(put)} things are"
    flash(f"{what} in the trash.", f"undo /trash/{put[0]}/restore-all")
    return redirect(_folder(first.parent_id), 303)


@blueprint.post("/<any(move, copy):act>")
def choose(act: str) -> ResponseReturnValue:
    """Lead to the page on which a place is chosen."""
    ids = chosen()
    if not ids:
        return nothing_chosen()
    first = nodes.get_node(context.session(), context.person().id, ids[0])
    to = f"&to={first.parent_id}" if first.parent_id else ""
    return redirect(f"/files/selected/{act}-to?of={packed(ids)}{to}", 303)


@blueprint.get("/<any(move, copy):act>-to")
def choose_place(act: str) -> ResponseReturnValue:
    to = identity(request.args.get("to"))
    return _places(act, unpacked(request.args.get("of", "")), to, None)


@blueprint.post("/move-to")
def move() -> ResponseReturnValue:
    ids = unpacked(forms.line("of"))
    session, user_id = context.session(), context.person().id
    return _carry_out("move", ids, lambda to: selections.move(session, user_id, ids, to))


@blueprint.post("/copy-to")
def copy() -> ResponseReturnValue:
    ids = unpacked(forms.line("of"))
    session, user_id = context.session(), context.person().id
    return _carry_out("copy", ids, lambda to: selections.copy(session, user_id, ids, to))


def _carry_out(act: str, ids: Sequence[uuid.UUID], carry_out: Act) -> ResponseReturnValue:
    to = identity(forms.line("to"))
    try:
        done = carry_out(to)
    except (Invalid, NameTaken, StateConflict) as refused:
        context.rollback()
        return make_response(_places(act, ids, to, refused.sentence), refused.status)
    where = nodes.get_node(context.session(), context.person().id, to).name if to else "All files"
    one, several = ("is", "are") if act == "move" else ("was copied to", "were copied to")
    what = f"“{done[0].name}” {one}" if len(done) == 1 else f"{len(done)} things {several}"
    flash(f"{what} in {where} now." if act == "move" else f"{what} {where}.", "success")
    return redirect(_folder(to), 303)


def _places(act: str, ids: Sequence[uuid.UUID], to: uuid.UUID | None, problem: str | None) -> str:
    found = rearranging.places(context.session(), context.person().id, ids, to)
    of = packed(ids)
    return render_template(
        "files/place.html",
        places=found,
        act=act,
        problem=problem,
        address=f"/files/selected/{act}-to",
        of=of,
    )


# --- what was chosen --------------------------------------------------------------------------


def chosen() -> list[uuid.UUID]:
    """Return the ids of the boxes that were ticked; Invalid beyond a page of them."""
    return _few(list(dict.fromkeys(filter(None, map(identity, request.form.getlist("node"))))))


def nothing_chosen() -> ResponseReturnValue:
    """Lead back to the list and say that nothing was ticked."""
    flash(NOTHING, "warning")
    return redirect(_folder(identity(forms.line("folder"))), 303)


def identity(text: str | None) -> uuid.UUID | None:
    """Return an id, None for none; NotFound for what is none."""
    try:
        return uuid.UUID(text) if text else None
    except ValueError as problem:
        raise NotFound from problem


def packed(ids: Sequence[uuid.UUID]) -> str:
    """Return ids as one word of an address."""
    return base64.urlsafe_b64encode(b"".join(one.bytes for one in ids)).rstrip(b"=").decode()


def unpacked(word: str) -> list[uuid.UUID]:
    """Return the ids of such a word; NotFound for any other."""
    try:
        whole = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as problem:
        raise NotFound from problem
    if not whole or len(whole) % 16:
        raise NotFound
    return _few([uuid.UUID(bytes=whole[at : at + 16]) for at in range(0, len(whole), 16)])


def _few(ids: list[uuid.UUID]) -> list[uuid.UUID]:
    if len(ids) > MOST:
        problem = f"At most {MOST} things can be selected at once."
        raise Invalid({"node": [problem]}, problem)
    return ids


def _folder(folder_id: uuid.UUID | None) -> str:
    return f"/files/{folder_id}" if folder_id else "/files"
