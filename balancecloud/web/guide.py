"""The guide: what there is to know about these pages themselves."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

blueprint = Blueprint("guide", __name__, url_prefix="/help")


@blueprint.get("/keys")
def keys() -> ResponseReturnValue:
    return render_template("help/keys.html")
