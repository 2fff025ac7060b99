"""The bins, which each provider empties of what has lain there for long."""

from cloudsim.routing import Call
from cloudsim.store.accounts import Account

_DAY_S = 86_400
_KEPT_S = {"google": 30 * _DAY_S, "personal": 30 * _DAY_S, "work": 93 * _DAY_S}


def account_now(call: Call) -> Account:
    """Give the caller's account after its bin was emptied of what is due."""
    account = call.known_caller.account
    kind = "work" if account.is_work else "personal"
    kept_s = _KEPT_S["google" if account.provider == "google" else kind]
    objects = call.services.objects
    for object_id in objects.outdated_in_bin(account.id, kept_s):
        call.services.blobs.discard(objects.remove(object_id))
    return call.services.accounts.by_id(account.id) or account
