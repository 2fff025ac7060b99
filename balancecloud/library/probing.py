"""Trying an account out before anything of value is stored there."""

import hashlib
import secrets
from dataclasses import dataclass

from balancecloud.clock import Clock
from balancecloud.clouds.oauth import HeldTokens
from balancecloud.clouds.provider import ObjectId, Provider, Shard, ShardName
from balancecloud.clouds.registry import Account, Installation, failure_domain, open_account
from balancecloud.errors import BadReply
from balancecloud.library.account_rows import Linkable

PROBE_BYTES = 64
PROBE_PREFIX = "probe-"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that nothing is stored on yet: its tokens (None for a folder) and its path."""

    provider: str
    tokens: HeldTokens | None
    place: str | None


def try_out(installation: Installation, clock: Clock, candidate: Candidate) -> Linkable:
    """Make our folder there, read the room, and put, get and delete a small object.

    Raises what the provider answered; then nothing was linked.
    """
    account = Account(candidate.tokens, candidate.place)
    provider = open_account(candidate.provider, installation, account)
    try:
        place = provider.ensure_place()
        identity = provider.identity()
        room = provider.room()
        probe(provider)
    finally:
        provider.close()
    tokens = candidate.tokens.tokens if candidate.tokens else None
    return Linkable(
        provider=candidate.provider,
        identity=identity,
        domain=failure_domain(candidate.provider, identity, place),
        place=place,
        room=room,
        tokens=tokens,
        tokens_last=tokens.expires_at - clock.now() if tokens else None,
    )


def probe(provider: Provider) -> None:
    """Put a small object, read it back, remove it; `BadReply` when other bytes come back."""
    body = secrets.token_bytes(PROBE_BYTES)
    name = ShardName(PROBE_PREFIX + secrets.token_hex(16))
    object_id = _put(provider, name, body)
    try:
        if provider.get(object_id, 0, PROBE_BYTES) != body:
            raise BadReply("The account gave back other bytes than were stored there.")
    finally:
        provider.delete(object_id)


def _put(provider: Provider, name: ShardName, body: bytes) -> ObjectId:
    shard = Shard(body, hashlib.sha256(body).digest())
    reserved = provider.reserve(1) if provider.traits.reserves_ids else ()
    return provider.put(name, shard, reserved[0] if reserved else None).object_id
