"""What pages and /api share when somebody links an account."""

import uuid
from collections.abc import Sequence

from flask import request

from balancecloud.library import protection
from balancecloud.library.linking import Callback, Linker
from balancecloud.web import context


def linker() -> Linker:
    """Return who links, and the sign-in they do it with."""
    present = context.sign_in()
    return Linker(present.person.id, present.session_id)


def callback_in_query(provider: str) -> Callback:
    """Return what a provider's redirect carries; what it leaves out is empty."""
    values = request.args
    return Callback(
        provider,
        values.get("state", ""),
        values.get("code", ""),
        values.get("iss"),
        values.get("error"),
    )


def look_over() -> None:
    """Have packs mended that are not as asked now that the person's accounts have changed."""
    ring(protection.look_over(context.session(), context.person().id))


def ring(work_ids: Sequence[uuid.UUID]) -> None:
    """Wake a worker, which then claims everything that has become due."""
    if work_ids:
        context.ring_after_commit(work_ids[0])
