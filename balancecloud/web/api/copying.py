"""/api/files/{id}/copy and /zip: copies and archives for programs."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import (
    IntegrityError,
    IntoItself,
    Invalid,
    NameTaken,
    ProviderError,
    StateConflict,
    Unavailable,
)
from balancecloud.library import copying, tree
from balancecloud.library.copying import CopyTo
from balancecloud.web import context, zips
from balancecloud.web.api.calls import Content, answers
from balancecloud.web.api.files import as_json
from balancecloud.web.api.respond import answer, body, query
from balancecloud.web.api.schemas import OneOf
from balancecloud.web.api.shapes import File

blueprint = Blueprint("api_copying", __name__, url_prefix="/api/files")


@dataclass(frozen=True, slots=True)
class WantedCopy:
    """Where a copy goes and what it is called. A parent of null is the root; none: beside it."""

    parent_id: uuid.UUID | None = None
    name: str | None = None


@blueprint.post("/<uuid:node_id>/copy")
@answers({201: File}, body=WantedCopy, refusals=(IntoItself, NameTaken, StateConflict))
def copy(node_id: uuid.UUID) -> ResponseReturnValue:
    session, user_id = context.session(), context.person().id
    source = tree.find_node(session, user_id, node_id)
    wanted = body(WantedCopy)
    to = wanted.parent_id if "parent_id" in request.get_json() else source.parent_id
    made = copying.copy(session, user_id, node_id, CopyTo(to, wanted.name))
    return answer(as_json(made), 201)


@dataclass(frozen=True, slots=True)
class Rest:
    """Whether what can't be read now is left out."""

    rest: Annotated[str, OneOf(("0", "1"))] = "0"


@blueprint.get("/<uuid:node_id>/zip")
@answers(
    {200: Content("application/zip")},
    query=Rest,
    refusals=(IntegrityError, Invalid, ProviderError, StateConflict, Unavailable),
)
def download(node_id: uuid.UUID) -> ResponseReturnValue:
    query(Rest)
    return zips.answer(node_id)
