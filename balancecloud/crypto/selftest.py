"""Known answers, computed anew at every start, before anything is written.

A broken library or processor must show before it seals what nobody can open later. The answers
were made by code that reproduces the published vectors of docs/format.md.
"""

from balancecloud.crypto import chunks, names, shards, wrapping
from balancecloud.crypto.keys import UserKey, WrappingKey
from balancecloud.crypto.places import Place
from balancecloud.crypto.primitives import Buffer, equal, sha256
from balancecloud.crypto.spool_parts import PartPlace, PartSealer
from balancecloud.errors import IntegrityError

CAUSE = "self test"

_ID = bytes(range(16))
_SECRET = bytes(range(32))
_PLAINTEXT = bytes(range(256)) * 4 + b"the last frame is short and padded"
_PLACE = Place(_ID, _ID[::-1], 7, 0, len(_PLAINTEXT), 4096, 8, pad=True)
_ANSWERS = {
    "chunk": "d6596f9d41e37b2e9a675c1e3c40a24b3080eca6371d6e29c94af194e2361325",
    "shard": "7b5a05479e0da8d2ba9442cb2d9ce9be4ad87ae85871351a9cb6d3f83ff88d48",
    "wrap": "91833eefecb4c8a9bcab31469301efd22a3f4567917b7ba4781611294599cd11",
    "part": "9dcdff24070ff27498c55f0eb14ef38f8d6f6f43ed500b757f01788cbaef9805",
    "name": "bb7092cda0ee612b1d5d46bc38f8633ec3b0422c29613775ae2f29c30c052f2a",
}


def run() -> None:
    """Compute every known answer, or raise an IntegrityError."""
    user_key = UserKey(_ID, 1, _SECRET)
    chunk = chunks.seal(_PLACE, _SECRET, user_key, _PLAINTEXT)
    computed: dict[str, Buffer] = {
        "chunk": chunk,
        "shard": _shard(user_key, chunk),
        "wrap": _wrap(),
        "part": _part(),
        "name": names.shard_name(user_key, _ID, 2, 1, 0).encode(),
    }
    answered = all(
        equal(sha256(computed[what]), bytes.fromhex(answer)) for what, answer in _ANSWERS.items()
    )
    salt = chunks.salt_of(chunk)
    opened = chunks.open_whole(_PLACE, _SECRET, user_key, salt, chunk)
    if not answered or opened != _PLAINTEXT or not _is_refused(user_key, chunk):
        raise IntegrityError(CAUSE)


def _shard(user_key: UserKey, pack: Buffer) -> bytes:
    layout = shards.Layout(_ID, len(pack), 1, 1, sha256(pack))
    return shards.seal_shard(user_key, layout, 1, pack).body


def _wrap() -> bytes:
    row = wrapping.user_key_row(_ID, 1)
    return wrapping.wrap_with_salt(WrappingKey(1, _SECRET), row, _SECRET, _SECRET)


def _part() -> Buffer:
    sealer = PartSealer(_SECRET, PartPlace(_ID, _ID, 0, 0), _SECRET)
    return sealer.header + sealer.update(_PLAINTEXT) + sealer.close()


def _is_refused(user_key: UserKey, chunk: bytearray) -> bool:
    """Say whether a chunk with one changed bit in its last tag is refused."""
    changed = chunk[:-1] + bytes([chunk[-1] ^ 1])
    try:
        chunks.open_whole(_PLACE, _SECRET, user_key, chunks.salt_of(chunk), changed)
    except IntegrityError:
        return True
    return False
