"""The bins, which each provider empties of what has lain there for long."""

from dataclasses import replace

from cloudsim.routing import Call
from cloudsim.store.accounts import Account

_DAY_S = 86_400
_KEPT_S = {"google": 30 * _DAY_S, "personal": 30 * _DAY_S, "work": 93 * _DAY_S}


def account_now(call: Call) -> Account:
    """Give the caller's account, as the weather shows it, without what was due in its bin."""
    account, services = call.known_caller.account, call.services
    kind = "work" if account.is_work else "personal"
    kept_s = _KEPT_S["google" if account.provider == "google" else kind]
    outdated = list(services.objects.outdated_in_bin(account.id, kept_s))
    if not outdated:
        return account
    before = services.accounts.by_id(account.id) or account
    for object_id in outdated:
        services.blobs.discard(services.objects.remove(object_id))
    after = services.accounts.by_id(account.id) or account
    return replace(
        account,
        used=account.used - before.used + after.used,
        binned=account.binned - before.binned + after.binned,
    )
