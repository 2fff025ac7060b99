"""Bearer tokens: only ours, only while they last, only while their session lives."""

import base64
import dataclasses
import hashlib
import hmac
import json
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from balancecloud.config import Config, Secret
from balancecloud.identity import sessions, tokens
from balancecloud.identity.sessions import Origin, SignIn
from tests.identity.conftest import Register

pytestmark = pytest.mark.real

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def sign_in(session: Session, config: Config, register: Register) -> SignIn:
    """A program's sign-in."""
    person = register()
    opened = sessions.open_session(session, config, person.id, Origin(None, None), "bearer")
    found = sessions.by_id(session, config, opened.session_id)
    assert found
    return dataclasses.replace(found, expires_at=NOW + timedelta(hours=12))


def issued(config: Config, sign_in: SignIn) -> str:
    return tokens.issue(config, sign_in, NOW)[0]


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = token.split(".")
    return unpacked(header), unpacked(claims)


def unpacked(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(header: object, claims: object, key: bytes, digest: str = "sha256") -> str:
    signed = f"{packed(header)}.{packed(claims)}"
    mac = hmac.new(key, signed.encode(), digest).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_a_token_says_who_and_by_which_session(
    session: Session, config: Config, sign_in: SignIn
) -> None:
    token, seconds = tokens.issue(config, sign_in, NOW)
    claims = tokens.verify(session, config, token, NOW)
    assert claims
    assert (claims.person_id, claims.session_id) == (sign_in.person.id, sign_in.session_id)
    assert claims.expires_at == NOW + timedelta(minutes=30)
    assert seconds == 1800


def test_a_token_lasts_half_an_hour(session: Session, config: Config, sign_in: SignIn) -> None:
    token = issued(config, sign_in)
    assert tokens.verify(session, config, token, NOW + timedelta(seconds=1799))
    assert tokens.verify(session, config, token, NOW + timedelta(seconds=1800)) is None


def test_a_token_does_not_outlive_its_sign_in(
    session: Session, config: Config, sign_in: SignIn
) -> None:
    ending = dataclasses.replace(sign_in, expires_at=NOW + timedelta(minutes=5))
    token, seconds = tokens.issue(config, ending, NOW)
    assert seconds == 300
    assert tokens.verify(session, config, token, NOW + timedelta(minutes=5)) is None


def test_a_revoked_token_is_none_and_the_next_one_is(
    session: Session, config: Config, sign_in: SignIn
) -> None:
    old, new = issued(config, sign_in), issued(config, sign_in)
    claims = tokens.verify(session, config, old, NOW)
    assert claims
    tokens.revoke(session, claims)
    tokens.revoke(session, claims)
    assert tokens.verify(session, config, old, NOW) is None
    assert tokens.verify(session, config, new, NOW)


def test_a_sign_in_is_found_by_a_token_until_that_is_revoked(
    session: Session, config: Config, sign_in: SignIn
) -> None:
    ended, other = (tokens.read(config, issued(config, sign_in), NOW) for _ in range(2))
    assert ended
    assert other
    tokens.revoke(session, ended)

    found = sessions.by_token(session, config, sign_in.session_id, other.token_id)
    assert found is not None
    assert found.session_id == sign_in.session_id
    assert sessions.by_token(session, config, sign_in.session_id, ended.token_id) is None
    assert sessions.by_token(session, config, uuid.uuid4(), other.token_id) is None


def test_sweeping_forgets_revocations_that_no_longer_matter(
    session: Session, config: Config, sign_in: SignIn
) -> None:
    token = issued(config, sign_in)
    claims = tokens.verify(session, config, token, NOW)
    assert claims
    tokens.revoke(session, claims)
    tokens.sweep(session, NOW + timedelta(minutes=29))
    assert tokens.verify(session, config, token, NOW) is None
    tokens.sweep(session, NOW + timedelta(minutes=30))
    assert tokens.verify(session, config, token, NOW)  # whose own end has passed by then


def test_t06_other_algorithms_and_keys_are_refused(
    session: Session, config: Config, sign_in: SignIn
) -> None:
    header, claims = parts(issued(config, sign_in))
    key = config.token_key.reveal()
    assert tokens.verify(session, config, forged(header, claims, key), NOW)  # the forger is able
    unsigned = f"{packed({**header, 'alg': 'none'})}.{packed(claims)}."
    refused = [
        unsigned,
        forged({**header, "alg": "HS512"}, claims, key, "sha512"),
        forged({**header, "alg": "RS256"}, claims, key),
        forged({**header, "kid": "0" * 16}, claims, key),
        forged({"alg": "HS256"}, claims, key),
        forged({**header, "kid": 7}, claims, key),
        forged(header, claims, config.secret_key.reveal()),
        forged(header, claims, hashlib.sha256(b"guess").digest()),
        forged({**header, "crit": ["exp"]}, claims, key),
    ]
    for token in refused:
        assert tokens.verify(session, config, token, NOW) is None, token


def test_t06_claims_that_are_missing_or_of_another_kind_are_refused(
    session: Session, config: Config, sign_in: SignIn
) -> None:
    header, claims = parts(issued(config, sign_in))
    key = config.token_key.reveal()
    for name in ("sub", "sid", "jti", "exp"):
        without = {other: claims[other] for other in claims if other != name}
        assert tokens.verify(session, config, forged(header, without, key), NOW) is None
        others: tuple[object, ...] = (None, [], {}, "x", 10**40, True)
        for value in others:
            token = forged(header, {**claims, name: value}, key)
            assert tokens.verify(session, config, token, NOW) is None, (name, value)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "x" * 100_000, "\0"])
def test_t06_what_is_no_token_is_refused(session: Session, config: Config, text: str) -> None:
    assert tokens.verify(session, config, text, NOW) is None


def test_t06_a_changed_byte_is_refused(session: Session, config: Config, sign_in: SignIn) -> None:
    token = issued(config, sign_in)
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        assert tokens.verify(session, config, changed, NOW) is None, place


def test_t06_after_a_rotation_tokens_of_the_former_key_are_read(
    session: Session, config: Config, sign_in: SignIn
) -> None:
    token = issued(config, sign_in)
    fresh = Secret(secrets.token_bytes(32))
    rotated = dataclasses.replace(config, token_key=fresh, token_key_fallbacks=(config.token_key,))
    assert tokens.verify(session, rotated, token, NOW)
    assert tokens.verify(session, config, issued(rotated, sign_in), NOW) is None
    replaced = dataclasses.replace(config, token_key=fresh)
    assert tokens.verify(session, replaced, token, NOW) is None
