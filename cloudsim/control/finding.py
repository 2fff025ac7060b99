"""The account and the object a path of the control interface names."""

from cloudsim.control.refusals import refused
from cloudsim.routing import Call
from cloudsim.store.accounts import Account
from cloudsim.store.objects import Object

ACCOUNT = "accounts/(?P<provider>google|microsoft)/(?P<address>[^/]+)"
OBJECT = ACCOUNT + "/objects/(?P<id>[^/]+)"


def account_of(call: Call) -> Account:
    found = call.services.accounts.find(call.path["provider"], call.path["address"])
    if found is None:
        raise refused(404, "No such account.")
    return found


def object_of(call: Call) -> Object:
    return own_object(call, account_of(call), call.path["id"])


def own_object(call: Call, account: Account, object_id: object) -> Object:
    """Find the account's object of this id."""
    found = call.services.objects.find(str(object_id))
    if found is None or found.account != account.id:
        raise refused(404, "No such object.")
    return found
