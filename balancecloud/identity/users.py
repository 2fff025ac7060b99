"""Accounts of people: registering, proving a password, changing it."""

import hmac
import re
import unicodedata
import uuid
from typing import Final

from sqlalchemy import exists, func, select, update
from sqlalchemy.exc import IntegrityError as RowExists
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.crypto import wrapping
from balancecloud.crypto.keys import MasterKeys, new_secret
from balancecloud.errors import BadCredentials, EmailTaken, Invalid, RegistrationClosed
from balancecloud.identity import passwords
from balancecloud.identity.people import Person, person_of
from balancecloud.models.people import User, UserKeyRow

LONGEST_EMAIL: Final = 254
FIRST_EPOCH: Final = 1
# Any constant will do: whoever registers holds this lock, so that one person is the first.
REGISTRATION_LOCK: Final = 0x62616C63
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)*")


def anyone(session: Session) -> bool:
    """Say whether somebody has an account here."""
    return bool(session.scalar(select(exists().select_from(User))))


def needs_setup_code(session: Session, config: Config) -> bool:
    """Say whether the first administrator must show the code printed at the console."""
    return not config.is_local and not anyone(session)


def is_closed(session: Session, config: Config) -> bool:
    """Say whether nobody may register here now."""
    if anyone(session):
        return not config.registration_open
    return not config.is_local and not config.setup_code.reveal()


def register(  # noqa: PLR0913, PLR0917 - who asks, what it is made with, and the three fields
    session: Session,
    config: Config,
    keys: MasterKeys,
    email: str,
    password: str,
    setup_code: str = "",
) -> Person:
    """Make an account with its first user key; the first one becomes the administrator's."""
    address = _valid_email(email)
    passwords.refuse_weak("password", password, address)
    password_hash = passwords.make_hash(config, password)
    session.execute(select(func.pg_advisory_xact_lock(REGISTRATION_LOCK)))
    is_first = not anyone(session)
    _refuse_closed(config, setup_code, is_first=is_first)
    user = User(
        id=uuid.uuid4(),
        email=address,
        password_hash=password_hash,
        is_admin=is_first,
        quota_bytes=config.default_quota_bytes,
    )
    _insert(session, user)
    session.add(_first_key(keys, user.id))
    session.flush()
    return person_of(user)


def _valid_email(text: str) -> str:
    local_part, _, domain = unicodedata.normalize("NFC", text.strip()).rpartition("@")
    address = f"{local_part}@{domain.lower()}"
    readable = all(unicodedata.category(sign)[0] not in "CZ" for sign in address)
    if len(address) > LONGEST_EMAIL or not readable or not _EMAIL.fullmatch(address):
        raise Invalid({"email": ["Enter an e-mail address like name@example.org."]})
    return address


def _refuse_closed(config: Config, setup_code: str, *, is_first: bool) -> None:
    if not is_first:
        if not config.registration_open:
            raise RegistrationClosed
        return
    expected = config.setup_code.reveal()
    shown = setup_code.strip().encode()
    if not config.is_local and not (expected and hmac.compare_digest(shown, expected)):
        raise RegistrationClosed


def _insert(session: Session, user: User) -> None:
    try:
        with session.begin_nested():
            session.add(user)
    except RowExists as taken:
        raise EmailTaken from taken


def _first_key(keys: MasterKeys, user_id: uuid.UUID) -> UserKeyRow:
    row = wrapping.user_key_row(user_id.bytes, FIRST_EPOCH)
    return UserKeyRow(
        user_id=user_id,
        epoch=FIRST_EPOCH,
        master_version=keys.writing.version,
        wrapped=wrapping.wrap(keys.writing, row, new_secret()),
    )


def prove(session: Session, config: Config, email: str, password: str) -> Person:
    """Return whose address and password these are; BadCredentials is the one other answer.

    It takes as long for an address nobody has.
    """
    spelled = unicodedata.normalize("NFC", email.strip())
    same = func.lower(User.email) == func.lower(spelled)
    # A NUL cannot even be asked for: PostgreSQL has no such text.
    user = None if "\0" in spelled else session.scalar(select(User).where(same))
    kept = user.password_hash if user else None
    is_right = passwords.matches(config, kept, password[: passwords.LONGEST])
    if user is None or not is_right or not user.is_active:
        raise BadCredentials
    if passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.make_hash(config, password)
    return person_of(user)


def change_password(
    session: Session, config: Config, person: Person, current: str, wanted: str
) -> None:
    """Replace a password; Invalid by field when the present or the wanted one is not right."""
    try:
        prove(session, config, person.email, current)
    except BadCredentials as wrong:
        raise Invalid({"current": ["That is not your present password."]}) from wrong
    passwords.refuse_weak("password", wanted, person.email)
    if hmac.compare_digest(current.encode(), wanted.encode()):
        raise Invalid({"password": ["That is the password you have now."]})
    session.execute(
        update(User)
        .where(User.id == person.id)
        .values(password_hash=passwords.make_hash(config, wanted))
    )
