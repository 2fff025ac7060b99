"""The page that says how much is used, and where."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from balancecloud.library import usage
from balancecloud.web import context

blueprint = Blueprint("storage", __name__)


@blueprint.get("/storage")
def index() -> ResponseReturnValue:
    use = usage.usage(context.session(), context.config(), context.person().id)
    return render_template("storage/usage.html", usage=use)
