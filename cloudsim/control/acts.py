"""What happens behind a client's back, as calls of the control interface."""

from cloudsim.control.finding import ACCOUNT, OBJECT, account_of, object_of, own_object
from cloudsim.control.refusals import refused
from cloudsim.routing import Call, Handler
from cloudsim.store.objects import NameTaken
from cloudsim.weather import acts
from cloudsim.wire.messages import Response, json_response


def table() -> list[tuple[str, str, Handler]]:
    return [
        ("POST", ACCOUNT + "/rotate-away", rotate_away),
        ("POST", ACCOUNT + "/zero-drive-id", zero_drive_id),
        ("POST", OBJECT + "/trash", trash),
        ("POST", OBJECT + "/restore", restore),
        ("POST", OBJECT + "/move", move),
        ("POST", OBJECT + "/swap", swap),
        ("PUT", OBJECT + "/content", overwrite),
    ]


def rotate_away(call: Call) -> Response:
    """Every refresh token that was given out is worth nothing now."""
    acts.rotate_away(call.services, account_of(call))
    return json_response({})


def zero_drive_id(call: Call) -> Response:
    """Let a personal OneDrive's id begin with a zero; call it before anybody links it."""
    acts.give_zero_drive_id(call.services, account_of(call))
    return json_response({})


def trash(call: Call) -> Response:
    call.services.objects.set_trashed(object_of(call).id, trashed=True)
    return json_response({})


def restore(call: Call) -> Response:
    call.services.objects.set_trashed(object_of(call).id, trashed=False)
    return json_response({})


def move(call: Call) -> Response:
    """{"name", "parent"}: either or both."""
    found = object_of(call)
    sent = call.request.json()
    name, parent = str(sent.get("name", found.name)), str(sent.get("parent", found.parent))
    try:
        acts.move(call.services, found, name, parent)
    except NameTaken as error:
        raise refused(409, "The name is taken there.") from error
    return json_response({})


def swap(call: Call) -> Response:
    """{"with": id, "honest": true}: two contents change places; their hashes go along, or stay."""
    one = object_of(call)
    sent = call.request.json()
    other = own_object(call, account_of(call), sent.get("with"))
    acts.swap(call.services, one, other, honest=bool(sent.get("honest", True)))
    return json_response({})


def overwrite(call: Call) -> Response:
    """Make the body the object's content, honestly hashed; an earlier one rolls it back."""
    acts.overwrite(call.services, account_of(call), object_of(call), call.request.body)
    return json_response({})
