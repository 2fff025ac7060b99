"""The pipeline of one claim: loads are sealed, coded, placed and sent, all at the same time.

    loads -> budget -> sealers (read, seal, plan, code, intent) -> a lane per account -> clerk

Nothing waits for a whole pack but its own end. A byte budget of the process bounds what is under
way, so a slow account holds back at most its share of it.
"""

import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from balancecloud.clouds.provider import ObjectId
from balancecloud.errors import ProviderError
from balancecloud.storage.budget import Budget
from balancecloud.storage.clerk import Clerk, Report
from balancecloud.storage.intents import MembersGone
from balancecloud.storage.loads import Load
from balancecloud.storage.marks import Sent
from balancecloud.storage.packing import Parcel, SealedChunk
from balancecloud.storage.placement import NoPlace
from balancecloud.storage.placing import Attempt, Desk, PutFailed
from balancecloud.storage.send_lanes import Lanes
from balancecloud.storage.strays import Stray
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim

# One for each core of a small server: sealing and coding let go of the interpreter's lock.
SEALERS: Final = 2
# A load is planned anew at most this often in one claim; then the work waits and starts again.
REPLANS: Final = 4

Stop = Callable[[], None]
Stored = Callable[[Load], None]


@dataclass(slots=True, repr=False)
class _Shipment:
    """A load under way."""

    load: Load
    held: int = 0  # bytes of the budget
    open: int = 0  # shards without an answer, or whose answer is not written down
    pack_id: uuid.UUID | None = None
    failures: dict[uuid.UUID, ProviderError] = field(default_factory=dict)
    reason: ProviderError | None = None


@dataclass(frozen=True, slots=True, repr=False)
class _Errand:
    """One shard on its way, and what is noted of it once it is there."""

    pack_id: uuid.UUID
    chunks: tuple[SealedChunk, ...]
    parcel: Parcel
    object_id: ObjectId | None


class Pipeline:
    """Stores the loads of one claim."""

    def __init__(self, tools: Tools, claim: Claim, report: Report, stop: Stop) -> None:
        self._tools = tools
        self._report = report
        self._stop = stop
        self._budget: Budget = tools.budget()
        self._desk = Desk(tools, claim, self._budget)
        self._clerk = Clerk(tools, claim, report, self._fail, self._written)
        self._lanes = Lanes()
        self._sealers = ThreadPoolExecutor(SEALERS, thread_name_prefix="sealer")
        self._changed = threading.Condition()
        self._failed = threading.Event()
        self._error: BaseException | None = None
        self._again: deque[_Shipment] = deque()
        self._under_way = 0
        self._may_go = False
        self._sent: dict[uuid.UUID, _Shipment] = {}

    def run(self, loads: Iterator[Load], stored: Stored) -> None:
        """Store every load and tell `stored` of each once its shards are all written down.

        The first error that no other account can mend ends it, after what was under way.
        """
        self._stored = stored
        self._clerk.start()
        try:
            while shipment := self._next(loads):
                if not self._budget.take(shipment.load.cost, self._failed):
                    break
                shipment.held = shipment.load.cost
                self._sealers.submit(self._begin, shipment)
        finally:
            self._close()
        if self._error is not None:
            raise self._error

    def _close(self) -> None:
        self._sealers.shutdown()
        self._lanes.close()
        self._clerk.close()

    def _next(self, loads: Iterator[Load]) -> _Shipment | None:
        """Return what is to be begun next, what was refused before what is new."""
        with self._changed:
            if not self._again and not self._failed.is_set():
                load = next(loads, None)
                if load is not None:
                    self._under_way += 1
                    return _Shipment(load)
            while not self._again and self._under_way and not self._failed.is_set():
                self._changed.wait()
            return None if self._failed.is_set() or not self._again else self._again.popleft()

    # --- sealers ------------------------------------------------------------------------------

    def _begin(self, shipment: _Shipment) -> None:
        try:
            if self._failed.is_set():
                self._end(shipment)
                return
            self._stop()
            self._seal_and_send(shipment)
        except PutFailed as refusal:
            self._try_elsewhere(shipment, refusal)
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._fail(error)
            self._end(shipment)

    def _seal_and_send(self, shipment: _Shipment) -> None:
        load = shipment.load
        attempt = self._attempt(shipment)
        if attempt is None or not attempt.parcels:
            self._end(shipment)
            if attempt is not None:
                self._stored(load)
            return
        if attempt.told:
            self._report(attempt.told)
        shipment.failures = {}
        shipment.open = len(attempt.parcels)
        shipment.pack_id = attempt.pack_id
        with self._changed:
            self._sent[attempt.pack_id] = shipment
        size = sum(parcel.shard.length for parcel in attempt.parcels)
        self._budget.give_back(shipment.held - size)
        shipment.held = size
        for parcel in attempt.parcels:
            self._budget.queue(parcel.account, parcel.shard.length)
            # A step holds its own shard and no other, so that what was sent can be let go of.
            object_id = attempt.object_ids.get(parcel.index)
            errand = _Errand(attempt.pack_id, attempt.chunks, parcel, object_id)
            self._lanes.send(parcel.account, partial(self._put, shipment, errand))

    def _attempt(self, shipment: _Shipment) -> Attempt | None:
        """Seal a load and find its place; None when nothing is left of it."""
        load = shipment.load
        if not self._may_go:
            self._desk.refuse_early(load.versions[0])
            self._may_go = True
        while (sealed := load.seal(self._tools)) is not None:
            try:
                return self._desk.place(load, sealed)
            except MembersGone as gone:
                load.drop({m.version.id for m in load.members if m.work_id in gone.work_ids})
            except NoPlace:
                # An account that refused for now is the better reason than the lack of another.
                if shipment.reason is not None:
                    raise shipment.reason from None
                raise
        return None

    # --- lanes --------------------------------------------------------------------------------

    def _put(self, shipment: _Shipment, errand: _Errand) -> None:
        """Put one shard and hand its answer on."""
        parcel = errand.parcel
        try:
            if self._failed.is_set():
                self._answered(shipment, parcel, None)
                return
            self._stop()
            provider = self._tools.open_provider(parcel.account)
            stored = provider.put(parcel.name, parcel.shard, errand.object_id)
            sent = Sent(
                errand.pack_id,
                parcel.index,
                parcel.account,
                stored.object_id,
                parcel.name,
                errand.chunks,
            )
        except ProviderError as refusal:
            self._refused(shipment, errand, refusal)
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._fail(error)
            self._answered(shipment, parcel, None)
        else:
            self._answered(shipment, parcel, sent)

    def _refused(self, shipment: _Shipment, errand: _Errand, refusal: ProviderError) -> None:
        parcel = errand.parcel
        stray = Stray(errand.pack_id, parcel.index, parcel.account, parcel.name, errand.object_id)
        try:
            self._desk.note_refused(stray, refusal)
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._fail(error)
        shipment.failures[parcel.account] = refusal
        self._answered(shipment, parcel, None)

    def _answered(self, shipment: _Shipment, parcel: Parcel, sent: Sent | None) -> None:
        """Let go of a shard; a confirmation goes to the clerk, at once where all wait for it."""
        self._budget.queue(parcel.account, -parcel.shard.length)
        self._budget.give_back(parcel.shard.length)
        shipment.held -= parcel.shard.length
        if sent is None:
            self._close_one(shipment, 1)
        else:
            self._clerk.confirmed(sent, hurry=self._under_way <= 1)

    # --- ends ---------------------------------------------------------------------------------

    def _written(self, batch: Sequence[Sent]) -> None:
        for one in batch:
            self._close_one(self._sent[one.pack_id], 1)

    def _close_one(self, shipment: _Shipment, count: int) -> None:
        with self._changed:
            shipment.open -= count
            if shipment.open:
                return
        if shipment.pack_id is not None:
            self._sent.pop(shipment.pack_id, None)
        if self._failed.is_set():
            self._end(shipment)
        elif shipment.failures:
            self._try_elsewhere(shipment, PutFailed(shipment.failures))
        else:
            self._finish(shipment)

    def _finish(self, shipment: _Shipment) -> None:
        try:
            self._stored(shipment.load)
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._fail(error)
        self._end(shipment)

    def _try_elsewhere(self, shipment: _Shipment, refusal: PutFailed) -> None:
        """Have a load planned anew without the accounts that refused, as often as that may be."""
        load = shipment.load
        load.refused |= refusal.accounts
        load.intended = None
        load.rounds += 1
        shipment.reason = refusal.reason
        if load.rounds >= REPLANS:
            self._fail(refusal.reason)
            self._end(shipment)
            return
        self._budget.give_back(shipment.held)
        shipment.held = 0
        with self._changed:
            self._again.append(shipment)
            self._changed.notify_all()

    def _end(self, shipment: _Shipment) -> None:
        self._budget.give_back(shipment.held)
        shipment.held = 0
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._error is None:
                self._error = error
            self._failed.set()
            self._changed.notify_all()
