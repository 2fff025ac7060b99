"""Unlinking an account: what it would cost, and doing it."""

import hmac
import logging
import uuid
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from balancecloud.clouds.oauth import TokenSet
from balancecloud.config import Config
from balancecloud.errors import IntegrityError, Invalid, StillHoldsData
from balancecloud.library.account_rows import lock_person, own_account
from balancecloud.library.account_views import get_account
from balancecloud.library.consents import end_grant, serves_somebody
from balancecloud.library.gateway import Gateway
from balancecloud.library.sealed_tokens import TokenPlace, unseal_tokens
from balancecloud.library.survival import count_lost_copies, count_without, lost_paths
from balancecloud.library.views import UnlinkEffect
from balancecloud.models.clouds import CloudAccount, ShardRow
from balancecloud.models.people import AuditEvent
from balancecloud.models.states import AccountState, ShardState
from balancecloud.storage.standing import lock_content, reassess

logger = logging.getLogger(__name__)

# What is surely not there any more; everything else holds an account back.
_GONE = (ShardState.MISSING,)


@dataclass(frozen=True, slots=True)
class _Grant:
    """What is to be ended at the provider."""

    provider: str
    tokens: TokenSet = field(repr=False)


def unlink_effect(
    session: Session, config: Config, user_id: uuid.UUID, account_id: uuid.UUID
) -> UnlinkEffect:
    """Return what unlinking would do to the person's files."""
    account = get_account(session, config, user_id, account_id)
    lost, less = count_without(session, account_id)
    return UnlinkEffect(
        account=account,
        shards=_shards_on(session, account_id),
        lost_files=lost_paths(session, account_id) if lost else (),
        lost_count=lost,
        lost_copies=count_lost_copies(session, account_id) if lost else 0,
        less_protected_count=less,
    )


def unlink(gateway: Gateway, user_id: uuid.UUID, account_id: uuid.UUID) -> None:
    """Unlink an account that holds nothing; StillHoldsData, with what would be lost, otherwise."""
    _unlink(gateway, user_id, account_id, typed_label=None)


def unlink_by_force(
    gateway: Gateway, user_id: uuid.UUID, account_id: uuid.UUID, typed_label: str
) -> None:
    """Unlink an account whatever it holds, once its label was typed; Invalid for another one."""
    _unlink(gateway, user_id, account_id, typed_label)


def _unlink(
    gateway: Gateway, user_id: uuid.UUID, account_id: uuid.UUID, typed_label: str | None
) -> None:
    with gateway.sessions.begin() as session:
        lock_person(session, user_id)
        row = own_account(session, user_id, account_id)
        # A worker that is just writing down a shard for it is waited for, and then counted.
        session.refresh(row, with_for_update=True)
        if _shards_on(session, account_id):
            _demand_label(session, gateway.config, row, typed_label)
        grant = _grant_to_end(gateway, session, row)
        _let_go(session, row)
    if grant is not None:
        end_grant(gateway, grant.provider, grant.tokens)


def _demand_label(
    session: Session, config: Config, row: CloudAccount, typed_label: str | None
) -> None:
    if typed_label is None:
        raise StillHoldsData(_cost(unlink_effect(session, config, row.user_id, row.id)))
    if not hmac.compare_digest(typed_label.strip().encode(), row.label.encode()):
        raise Invalid({"confirm": [f"Type the account's name: {row.label}"]})


def _cost(effect: UnlinkEffect) -> str:
    parts = f"This account still holds {_count(effect.shards, 'part')} of your files."
    if effect.lost_count:
        return f"{parts} Without it {_count(effect.lost_count, 'file')} would be lost."
    if effect.less_protected_count:
        less = _count(effect.less_protected_count, "file")
        return f"{parts} Without it {less} would be less protected."
    return parts


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shards_on(session: Session, account_id: uuid.UUID) -> int:
    query = select(func.count()).where(
        ShardRow.account_id == account_id, ShardRow.state.not_in(_GONE)
    )
    return session.scalar(query) or 0


def _grant_to_end(gateway: Gateway, session: Session, row: CloudAccount) -> _Grant | None:
    """Return the grant, unless it serves somebody else too: a provider ends them all as one."""
    if row.wrapped_token is None:
        return None
    if serves_somebody(session, row.provider, row.subject, without=row.id):
        return None
    place = TokenPlace(row.user_id, row.id, row.provider, row.token_version)
    try:
        return _Grant(row.provider, unseal_tokens(gateway.keys, place, row.wrapped_token))
    except IntegrityError as error:
        # An account whose tokens do not open must still be unlinkable.
        logger.warning("The tokens of account %s do not open: %s.", row.id, error.cause)
        return None


def _let_go(session: Session, row: CloudAccount) -> None:
    """Forget the tokens; keep the row only while a shard refers to it, marked missing."""
    session.add(AuditEvent(user_id=row.user_id, action="account.unlinked", target=str(row.id)))
    on_it = ShardRow.account_id == row.id
    lock_content(session, row.id)
    going = ShardRow.state == ShardState.DELETING
    session.execute(
        delete(ShardRow).where(on_it, going).execution_options(synchronize_session=False)
    )
    marked = session.execute(
        update(ShardRow)
        .where(on_it)
        .values(state=ShardState.MISSING)
        .returning(ShardRow.index)
        .execution_options(synchronize_session=False)
    ).first()
    if marked is None:
        session.delete(row)
        return
    row.state = AccountState.UNLINKED
    row.state_reason = None
    row.state_since = func.now()
    row.wrapped_token = None
    row.token_expires_at = None
    row.grant_given_at = row.grant_used_at = row.grant_expires_at = None
    row.refresh_owner = None
    row.refresh_until = None
    session.flush()
    reassess(session, row.id)
