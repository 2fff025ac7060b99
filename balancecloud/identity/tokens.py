"""Bearer tokens for programs: signed, short-lived, tied to a session row, revocable."""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey
from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from balancecloud.config import Config, Secret
from balancecloud.identity.sessions import SignIn
from balancecloud.models.people import RevokedToken

ALGORITHM: Final = "HS256"
LONGEST_TOKEN: Final = 4096


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says that was signed by us and has not ended."""

    person_id: uuid.UUID
    session_id: uuid.UUID
    token_id: uuid.UUID
    expires_at: datetime


def issue(config: Config, sign_in: SignIn, now: datetime) -> tuple[str, int]:
    """Return a new token for this sign-in and its seconds; it never outlives the sign-in."""
    ends = min(now + timedelta(seconds=config.token_seconds), sign_in.expires_at)
    claims: dict[str, str | int] = {
        "sub": str(sign_in.person.id),
        "sid": str(sign_in.session_id),
        "jti": str(uuid.uuid4()),
        "iat": int(now.timestamp()),
        "exp": int(ends.timestamp()),
        "auth_time": int(sign_in.auth_time.timestamp()),
    }
    key = _key(config.token_key)
    header = {"alg": ALGORITHM, "kid": key.kid}
    token = jwt.encode(header, claims, key, algorithms=[ALGORITHM])
    return token, int((ends - now).total_seconds())


def verify(session: Session, config: Config, text: str, now: datetime) -> Claims | None:
    """Return the claims of a token that we signed, that has not ended and is not revoked."""
    claims = read(config, text, now)
    if claims is None:
        return None
    revoked = session.scalar(select(exists().where(RevokedToken.jti == claims.token_id)))
    return None if revoked else claims


def read(config: Config, text: str, now: datetime) -> Claims | None:
    """Return the claims of a token that we signed and that has not ended; revoked or not."""
    claims = _read(config, text)
    return claims if claims is not None and claims.expires_at > now else None


def _read(config: Config, text: str) -> Claims | None:
    if len(text) > LONGEST_TOKEN:
        return None
    keys = KeySet([_key(secret) for secret in _keys(config)])
    try:
        token = jwt.decode(text, keys, algorithms=[ALGORITHM])
        if token.header.get("kid") not in {key.kid for key in keys}:
            return None
        return Claims(
            uuid.UUID(token.claims["sub"]),
            uuid.UUID(token.claims["sid"]),
            uuid.UUID(token.claims["jti"]),
            datetime.fromtimestamp(token.claims["exp"], UTC),
        )
    except (JoseError, KeyError, ValueError, TypeError, AttributeError, OverflowError):
        # Whatever is wrong with a token, it is no token.
        return None


def revoke(session: Session, claims: Claims) -> None:
    """End one token before its time; ending it twice is fine."""
    row = {"jti": claims.token_id, "expires_at": claims.expires_at}
    session.execute(insert(RevokedToken).values(row).on_conflict_do_nothing())


def sweep(session: Session, now: datetime) -> None:
    """Forget revoked tokens that have ended by themselves."""
    session.execute(delete(RevokedToken).where(RevokedToken.expires_at <= now))


def _keys(config: Config) -> Iterable[Secret]:
    return (config.token_key, *config.token_key_fallbacks)


@cache
def _key(secret: Secret) -> OctKey:
    kid = hashlib.sha256(b"balancecloud/token-key-id\0" + secret.reveal()).hexdigest()[:16]
    return OctKey.import_key(secret.reveal(), {"kid": kid})
