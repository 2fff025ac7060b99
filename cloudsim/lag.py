"""Lists that do not know the newest objects yet."""

from cloudsim.routing import Call


def first_unlisted(call: Call) -> list[int]:
    """Give the seq from which on objects are too new for lists, where lists lag; else nothing."""
    lag_s = call.conditions.list_lag_s
    if not lag_s:
        return []
    moment = call.services.clock.now() - lag_s
    first = call.services.objects.first_made_after(call.known_caller.account.id, moment)
    return [] if first is None else [first]
