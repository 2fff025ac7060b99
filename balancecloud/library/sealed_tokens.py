"""Token sets and PKCE verifiers wrapped for their rows; nothing else reads those columns."""

import uuid
from dataclasses import dataclass

from balancecloud.clouds.oauth import TokenSet
from balancecloud.clouds.registry import PROVIDERS
from balancecloud.crypto.keys import MasterKeys
from balancecloud.crypto.wrapping import (
    ProviderCode,
    Row,
    oauth_token_row,
    unwrap_with_master,
    wrap,
)
from balancecloud.errors import IntegrityError

# A link attempt keeps its verifier and then its tokens; each opens only as what it is.
VERIFIER_VERSION = 0
PENDING_VERSION = 1


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """The row that holds a secret: a cloud account's, or that of an attempt to link one."""

    user_id: uuid.UUID
    row_id: uuid.UUID
    provider: str
    version: int

    def row(self) -> Row:
        """Return what the secret is bound to."""
        code = ProviderCode(PROVIDERS[self.provider].wrapping_code)
        return oauth_token_row(self.user_id.bytes, self.row_id.bytes, code, self.version)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Wrapped bytes, and the number of the master key they are wrapped under."""

    wrapped: bytes
    master_version: int


def seal(keys: MasterKeys, place: TokenPlace, secret: bytes) -> Sealed:
    """Wrap a secret for its row under the newest master key."""
    key = keys.writing
    return Sealed(wrap(key, place.row(), secret), key.version)


def unseal(keys: MasterKeys, place: TokenPlace, wrapped: bytes) -> bytes:
    """Open a secret of this row."""
    return unwrap_with_master(keys, place.row(), wrapped)


def seal_tokens(keys: MasterKeys, place: TokenPlace, tokens: TokenSet) -> Sealed:
    """Wrap a token set for its row."""
    return seal(keys, place, tokens.to_json())


def unseal_tokens(keys: MasterKeys, place: TokenPlace, wrapped: bytes) -> TokenSet:
    """Open the token set of this row."""
    try:
        return TokenSet.from_json(unseal(keys, place, wrapped))
    except ValueError:
        raise IntegrityError("tokens") from None  # the text holds tokens
