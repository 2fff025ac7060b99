"""Rows of linked accounts: found for their person, made or taken up again when one is linked."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from balancecloud.clouds.oauth import TokenSet
from balancecloud.clouds.provider import Identity, Room
from balancecloud.clouds.registry import PROVIDERS
from balancecloud.crypto.keys import MasterKeys
from balancecloud.errors import LinkRefused, NotFound
from balancecloud.library.sealed_tokens import TokenPlace, seal_tokens
from balancecloud.models.clouds import CloudAccount, LinkAttempt, ShardRow
from balancecloud.models.people import AuditEvent, User
from balancecloud.models.states import AccountState, ShardState
from balancecloud.storage import health
from balancecloud.storage.standing import lock_content, reassess

COLORS = 5
LONGEST_SHOWN = 200  # characters of what a provider says of a person


@dataclass(frozen=True, slots=True)
class Met:
    """The account that consented instead: its address, and what it is linked as, if it is."""

    address: str | None
    linked_as: str | None


class OtherAccount(LinkRefused):
    """Somebody consented with another account than the one that was to be signed in again.

    What the provider calls the two is for the person's page only, never part of the sentence.
    """

    code = "other_account"
    sentence = "That is another account than the one to be signed in again. Nothing was changed."

    def __init__(self, account_id: uuid.UUID, met: Met, wanted: str | None) -> None:
        self.account_id = account_id
        self.met = met
        self.wanted = wanted
        super().__init__()


@dataclass(frozen=True, slots=True)
class Linkable:
    """An account that was asked who it is, has a place for our shards, and passed the probe."""

    provider: str
    identity: Identity
    domain: str
    place: str
    room: Room
    tokens: TokenSet | None = field(repr=False)
    tokens_last: timedelta | None  # how long the access token can still be used


@dataclass(frozen=True, slots=True)
class Linked:
    """An account that is linked now, and the work to ring for."""

    account_id: uuid.UUID
    is_new: bool  # not linked until now, if perhaps long ago
    work_ids: tuple[uuid.UUID, ...]


def own_account(session: Session, user_id: uuid.UUID, account_id: uuid.UUID) -> CloudAccount:
    """Return the person's account; NotFound when it is another's or no longer linked."""
    row = session.scalar(
        select(CloudAccount).where(
            CloudAccount.id == account_id,
            CloudAccount.user_id == user_id,
            CloudAccount.state != AccountState.UNLINKED,
        )
    )
    if row is None:
        raise NotFound
    return row


def keep_account(session: Session, keys: MasterKeys, user_id: uuid.UUID, found: Linkable) -> Linked:
    """Make the account's row, or take up the one this account had, and wake what waits for it."""
    lock_person(session, user_id)
    row = _known(session, user_id, found)
    is_new = row is None
    if row is None:
        row = _new_row(session, user_id, found)
        session.add(row)
    was_unlinked = row.state is AccountState.UNLINKED
    _fill(row, keys, found)
    session.flush()
    if was_unlinked:
        _take_up_shards(session, row.id)
    work_ids = health.note_restored(session, row.id)
    is_new = is_new or was_unlinked
    action = "account.linked" if is_new else "account.linked_again"
    details = {"scope": found.tokens.scope} if found.tokens else {}
    session.add(AuditEvent(user_id=user_id, action=action, target=str(row.id), details=details))
    return Linked(row.id, is_new, tuple(work_ids))


def lock_person(session: Session, user_id: uuid.UUID) -> None:
    """Let one linking or unlinking of this person happen at a time.

    The row itself is locked after files, by whoever deletes them; what is done here locks files.
    """
    key = func.hashtextextended(f"accounts {user_id}", 0)
    session.execute(select(func.pg_advisory_xact_lock(key)))
    if session.scalar(select(User.id).where(User.id == user_id)) is None:
        raise NotFound


def demand_same(
    session: Session, user_id: uuid.UUID, account_id: uuid.UUID | None, found: Identity
) -> None:
    """Refuse consent with another account than the one asked for; None: any may be linked.

    The account stays in the database until the transaction ends.
    """
    if account_id is None:
        return
    wanted = session.scalar(
        select(CloudAccount)
        .where(
            CloudAccount.id == account_id,
            CloudAccount.user_id == user_id,
            CloudAccount.state != AccountState.UNLINKED,
        )
        .with_for_update(read=True, key_share=True)
    )
    if wanted is None:
        raise LinkRefused("That account is not linked any more. Nothing was changed.")
    if wanted.subject != found.subject:
        raise OtherAccount(account_id, _met(session, wanted, found), wanted.address)


def _met(session: Session, wanted: CloudAccount, found: Identity) -> Met:
    label = session.scalar(
        select(CloudAccount.label).where(
            CloudAccount.user_id == wanted.user_id,
            CloudAccount.provider == wanted.provider,
            CloudAccount.subject == found.subject,
            CloudAccount.state != AccountState.UNLINKED,
        )
    )
    return Met(shown(found.address), label)


def take_attempt(session: Session, attempt_id: uuid.UUID) -> None:
    """Use up an attempt to link; LinkRefused when it was used already."""
    taken = delete(LinkAttempt).where(LinkAttempt.id == attempt_id).returning(LinkAttempt.id)
    if session.scalar(taken) is None:
        raise LinkRefused


def shown(text: str | None) -> str | None:
    """Return what a provider says of a person, cut and without control characters."""
    if text is None:
        return None
    return "".join(c for c in text if c.isprintable())[:LONGEST_SHOWN] or None


def _known(session: Session, user_id: uuid.UUID, found: Linkable) -> CloudAccount | None:
    return session.scalar(
        select(CloudAccount)
        .where(
            CloudAccount.user_id == user_id,
            CloudAccount.provider == found.provider,
            CloudAccount.subject == found.identity.subject,
        )
        .with_for_update()
    )


def _new_row(session: Session, user_id: uuid.UUID, found: Linkable) -> CloudAccount:
    rows = session.execute(
        select(CloudAccount.label, CloudAccount.color, CloudAccount.state).where(
            CloudAccount.user_id == user_id
        )
    ).all()
    linked = [row for row in rows if row.state is not AccountState.UNLINKED]
    return CloudAccount(
        id=uuid.uuid4(),
        user_id=user_id,
        provider=found.provider,
        subject=found.identity.subject,
        label=_free_label(PROVIDERS[found.provider].title, {row.label for row in rows}),
        color=_next_color([row.color for row in linked]),
        state=AccountState.HEALTHY,
        token_version=0,
    )


def _free_label(title: str, taken: set[str]) -> str:
    number = 1
    label = title
    while label in taken:
        number += 1
        label = f"{title} {number}"
    return label


def _next_color(used: list[int]) -> int:
    """Return the colour least used, the first of them where several are."""
    return min(range(COLORS), key=used.count)


def _fill(row: CloudAccount, keys: MasterKeys, found: Linkable) -> None:
    if row.state is AccountState.UNLINKED:
        row.state = AccountState.HEALTHY
        row.state_since = func.now()
    row.address = shown(found.identity.address)
    row.domain = found.domain
    row.folder = found.place
    row.used_bytes = found.room.used
    row.total_bytes = found.room.total
    row.room_read_at = func.now()
    row.refresh_owner = None
    row.refresh_until = None
    if found.tokens is not None:
        _fill_tokens(row, keys, found.tokens, found.tokens_last or timedelta())


def _fill_tokens(
    row: CloudAccount, keys: MasterKeys, tokens: TokenSet, lifetime: timedelta
) -> None:
    row.token_version += 1
    place = TokenPlace(row.user_id, row.id, row.provider, row.token_version)
    sealed = seal_tokens(keys, place, tokens)
    row.wrapped_token = sealed.wrapped
    row.master_version = sealed.master_version
    row.token_expires_at = func.now() + lifetime
    row.grant_given_at = func.now()
    row.grant_used_at = func.now()
    row.grant_expires_at = tokens.grant_expires_at


def _take_up_shards(session: Session, account_id: uuid.UUID) -> None:
    """Believe again in what was stored before the account was unlinked; every read checks it."""
    lock_content(session, account_id)
    session.execute(
        update(ShardRow)
        .where(
            ShardRow.account_id == account_id,
            ShardRow.state == ShardState.MISSING,
            ShardRow.stored_at.is_not(None),
        )
        .values(state=ShardState.STORED, verified_at=None)
        .execution_options(synchronize_session=False)
    )
    there = select(func.coalesce(func.sum(ShardRow.length), 0)).where(
        ShardRow.account_id == account_id, ShardRow.state == ShardState.STORED
    )
    session.execute(
        update(CloudAccount)
        .where(CloudAccount.id == account_id)
        .values(stored_bytes=there.scalar_subquery())
        .execution_options(synchronize_session=False)
    )
    reassess(session, account_id)
