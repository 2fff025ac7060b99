"""The keys of docs/format.md, section 3. None of them shows itself in a `repr`."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from balancecloud.crypto.primitives import ID_LENGTH, KEY_LENGTH, Buffer, equal, expand
from balancecloud.errors import IntegrityError

KEYID_LENGTH = 16
LARGEST_NUMBER = 2**32 - 1


def new_secret() -> bytes:
    """Make 32 random bytes: a user key, a file key, an upload key or a recovery key."""
    return secrets.token_bytes(KEY_LENGTH)


@dataclass(frozen=True, eq=False, repr=False)
class WrappingKey:
    """A key that wraps other secrets, with the number written beside what it wraps."""

    version: int
    secret: bytes

    def __post_init__(self) -> None:
        _check_number(self.version)
        _check_secret(self.secret)

    def __repr__(self) -> str:
        return f"WrappingKey(version={self.version})"


@dataclass(frozen=True, eq=False, repr=False)
class UserKey:
    """One epoch of a user's key; the keys for each purpose are derived when first needed."""

    user: bytes
    epoch: int
    secret: bytes

    def __post_init__(self) -> None:
        if len(self.user) != ID_LENGTH:
            raise ValueError("A user's id has 16 bytes.")
        _check_number(self.epoch)
        _check_secret(self.secret)

    def __repr__(self) -> str:
        return f"UserKey(epoch={self.epoch})"

    @cached_property
    def keyid(self) -> bytes:
        """What names this epoch inside objects without telling anything of the key."""
        return expand(self.secret, b"uk/keyid", KEYID_LENGTH)

    @cached_property
    def label_key(self) -> bytes:
        """Seals the labels of chunks."""
        return expand(self.secret, b"uk/label")

    @cached_property
    def shard_label_key(self) -> bytes:
        """Seals the labels of shards."""
        return expand(self.secret, b"uk/shard-label")

    @cached_property
    def shard_salt_key(self) -> bytes:
        """Makes the salts of shards."""
        return expand(self.shard_label_key, b"shard/salt")

    @cached_property
    def shard_mac_key(self) -> bytes:
        """Authenticates shards."""
        return expand(self.secret, b"uk/shard-mac")

    @cached_property
    def name_key(self) -> bytes:
        """Makes the names of objects."""
        return expand(self.secret, b"uk/name")

    @cached_property
    def catalog_key(self) -> bytes:
        """Seals snapshots and journals."""
        return expand(self.secret, b"uk/catalog")

    @cached_property
    def file_wrapping_key(self) -> WrappingKey:
        """Wraps the keys of file versions in the database."""
        return WrappingKey(self.epoch, expand(self.secret, b"uk/fk-wrap"))


class MasterKeys:
    """The gateway's numbered master keys: the highest writes, all of them read."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys:
            raise ValueError("At least one master key is needed.")
        self._keys = {number: WrappingKey(number, secret) for number, secret in keys.items()}

    def __repr__(self) -> str:
        return f"MasterKeys(numbers={sorted(self._keys)})"

    @property
    def numbers(self) -> frozenset[int]:
        """Every number that can be read."""
        return frozenset(self._keys)

    @property
    def writing(self) -> WrappingKey:
        """The key that wraps what is written now."""
        return self._keys[max(self._keys)]

    def reading(self, number: int) -> WrappingKey:
        """Return the key with this number; an unknown one is refused."""
        if number not in self._keys:
            raise IntegrityError("keyid")
        return self._keys[number]


def with_keyid(user_keys: Iterable[UserKey], keyid: Buffer) -> UserKey:
    """Find the epoch an object names; an unknown one is refused."""
    for user_key in user_keys:
        if equal(user_key.keyid, keyid):
            return user_key
    raise IntegrityError("keyid")


def _check_number(number: int) -> None:
    if not 1 <= number <= LARGEST_NUMBER:
        raise ValueError("A key's number or epoch is 1 to 4294967295.")


def _check_secret(secret: bytes) -> None:
    if len(secret) != KEY_LENGTH:
        raise ValueError("A key has 32 bytes.")
