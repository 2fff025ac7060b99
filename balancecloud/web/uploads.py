"""The plain upload form: several files, folders kept, no script needed."""

import uuid

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from balancecloud.web import context
from balancecloud.web.receiving import Choices, receive
from balancecloud.web.security import checks_itself, streams

blueprint = Blueprint("uploads", __name__)


@blueprint.post("/files/upload", endpoint="to_root")
@blueprint.post("/files/<uuid:folder_id>/upload", endpoint="to_folder")
@context.background
@checks_itself
@streams
def upload(folder_id: uuid.UUID | None = None) -> ResponseReturnValue:
    arrived = receive(Choices(parent_id=str(folder_id or "")), "web")
    return redirect(url_for("jobs.show", job_id=arrived.job_id), 303)
