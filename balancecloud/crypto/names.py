"""Names of objects: opaque, the same on every try (docs/format.md, section 8)."""

import struct
from base64 import b32encode

from balancecloud.crypto.headers import Kind
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.primitives import NAMESPACE, Buffer, hmac_sha256

_NAMED = struct.Struct(">B16sBBB")


def shard_name(user_key: UserKey, pack_id: bytes, k: int, m: int, index: int) -> str:
    """Name a shard on its account: 32 characters that tell nothing."""
    return _name(user_key, _NAMED.pack(Kind.SHARD, pack_id, k, m, index))


def catalog_name(user_key: UserKey, kind: Kind, generation: int, part: int) -> str:
    """Name a snapshot's part or a journal."""
    identifier = struct.pack(">QII", generation, part, 0)
    return _name(user_key, _NAMED.pack(kind, identifier, 0, 0, 0))


def keyring_name(identifier: Buffer, sequence: int) -> str:
    """Name a keyring so that a person can find it; `identifier` is the recovery key's."""
    return f"balancecloud-keyring-{_base32(identifier[:10])}-{sequence:08x}"


def _name(user_key: UserKey, named: bytes) -> str:
    return _base32(hmac_sha256(user_key.name_key, NAMESPACE + b"name" + named)[:20])


def _base32(raw: Buffer) -> str:
    return b32encode(raw).decode("ascii").lower()
