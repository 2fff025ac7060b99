"""Which accounts a pack's shards go to: a pure decision, with its reasons.

The rules are those of docs/architecture.md, Placement. Levelling works on free fractions: an
account takes part in a wide layout only while its free fraction is not below that of all accounts
together by more than SLACK, so that 15 GB beside 1 TB fill evenly instead of the small one first.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from balancecloud.errors import BalanceCloudError

WIDEST = 4
# Why an account is chosen, as a person reads it.
LEVEL = "It is not fuller than the accounts are together, and in a failure domain of its own."
FREEST = "Too few accounts are as free as they are together, and it is among the freest."
BACK = "It held this part before."
ELSEWHERE = "The account that held this part can't take it, and this one holds no other part."
# Half a percent of an account: a large one lags by as much again, so that accounts stay within two
# percent of one another; packs of equal accounts still use the full width (measured over 10,000).
SLACK = 0.005
# What a provider without a limit counts as: the largest plan that is commonly sold.
UNLIMITED_BYTES = 5 << 40
# A shard leaves at least this much free, as reported usage lags behind (docs/providers.md).
HEADROOM_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that may take new shards. Sizes in bytes; `total` None: unlimited."""

    id: uuid.UUID
    domain: str
    provider: str
    used: int
    total: int | None

    @property
    def size(self) -> int:
        """Its size, with a nominal one where there is no limit."""
        return max(1, self.used + UNLIMITED_BYTES if self.total is None else self.total)

    @property
    def free(self) -> int:
        """Bytes that are still free."""
        return max(0, self.size - self.used)

    @property
    def level(self) -> float:
        """Its free fraction, from 0 to 1."""
        return self.free / self.size


@dataclass(frozen=True, slots=True)
class Placed:
    """One shard's account, and why it was chosen."""

    index: int
    account: uuid.UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The layout of one pack: shard `index` goes to `shards[index].account`."""

    k: int
    m: int
    shards: tuple[Placed, ...]


class NoPlace(BalanceCloudError):
    """No set of accounts fits: none is linked, too few answer, or none has room."""

    code = "no_account"
    sentence = "No cloud account can take this file just now. It is kept sealed on this server."


class NoSpare(NoPlace):
    """What is stored can't be stored again as asked: it stays as it is until there is a place."""

    code = "no_spare"
    sentence = (
        "Your cloud accounts have no place just now to protect what is stored as you asked. "
        "It stays where it is: make room, or link another account."
    )


def plan(
    pack_id: uuid.UUID, pack_length: int, protection: int, accounts: Iterable[Candidate]
) -> Plan:
    """Choose k, m and the accounts of a pack. Pure; the same input gives the same plan.

    Raises NoPlace when fewer than `protection` + 1 failure domains have room for a whole copy; the
    caller asks for less protection where fewer domains are linked.
    """
    fitting = _one_per_domain(a for a in accounts if a.free >= pack_length + HEADROOM_BYTES)
    if len(fitting) < protection + 1:
        raise NoPlace
    levelled = _levelled(fitting)
    width = min(len(levelled), WIDEST + protection)
    if width < protection + 1:
        chosen, width = fitting[: protection + 1], protection + 1
        reason = FREEST
    else:
        chosen, reason = _spread(levelled, width, pack_id), LEVEL
    turn = pack_id.int % width
    order = chosen[turn:] + chosen[:turn]
    k = width - protection
    shards = tuple(Placed(i, a.id, _explain(a, reason, i < k)) for i, a in enumerate(order))
    return Plan(k, protection, shards)


@dataclass(frozen=True, slots=True)
class Lacking:
    """A shard that is to be built again, and the account where it lay."""

    index: int
    account: uuid.UUID


def refill(
    lacking: Sequence[Lacking],
    taken: Iterable[str],
    shard_length: int,
    accounts: Iterable[Candidate],
) -> tuple[Placed, ...]:
    """Choose where shards of a pack that are lost are to lie again: as many as find a place.

    `taken` are the failure domains of the pack's other shards. A shard goes back to its own account
    where that is one of `accounts`, which spares the others; else to the freest.
    """
    fitting = [a for a in accounts if a.free >= shard_length + HEADROOM_BYTES]
    free = _one_per_domain(fitting, first={shard.account for shard in lacking})
    waiting = {a.id: a for a in free if a.domain not in set(taken)}
    back = {s: waiting.pop(s.account) for s in lacking if s.account in waiting}
    elsewhere = dict(zip((s for s in lacking if s not in back), waiting.values(), strict=False))
    return tuple(
        Placed(shard.index, found[shard].id, reason)
        for found, reason in ((back, BACK), (elsewhere, ELSEWHERE))
        for shard in found
    )


def _explain(account: Candidate, reason: str, is_data: bool) -> str:  # noqa: FBT001 - a fact
    """Say why an account was chosen, and for what."""
    part = "a part of the data" if is_data else "parity, from which lost parts are computed"
    return f"{reason} {account.level:.1%} of it is free. It gets {part}."


def _one_per_domain(
    accounts: Iterable[Candidate], first: Collection[uuid.UUID] = ()
) -> list[Candidate]:
    """Keep the freest account of each failure domain, freest first, but before all these."""
    kept: dict[str, Candidate] = {}
    for account in sorted(accounts, key=lambda a: (a.id not in first, -a.level, a.id)):
        kept.setdefault(account.domain, account)
    return list(kept.values())


def _levelled(accounts: Sequence[Candidate]) -> list[Candidate]:
    """Return the accounts whose level is not below the common one by more than SLACK."""
    common = sum(a.free for a in accounts) / sum(a.size for a in accounts)
    return [a for a in accounts if a.level >= common - SLACK]


def _spread(accounts: Sequence[Candidate], width: int, pack_id: uuid.UUID) -> list[Candidate]:
    """Choose `width` accounts: freer ones first in coarse steps, then providers not yet used."""
    # Other bits of the id than those that rotate the shards: else parity prefers some accounts.
    turn = (pack_id.int >> 64) % len(accounts)
    rotated = [*accounts[turn:], *accounts[:turn]]
    steps = {account.id: round(account.level / SLACK) for account in accounts}
    waiting = sorted(rotated, key=lambda account: -steps[account.id])
    chosen: list[Candidate] = []
    while len(chosen) < width:
        alike = [a for a in waiting if steps[a.id] == steps[waiting[0].id]]
        used = {a.provider for a in chosen}
        chosen.append(next((a for a in alike if a.provider not in used), alike[0]))
        waiting.remove(chosen[-1])
    return chosen
