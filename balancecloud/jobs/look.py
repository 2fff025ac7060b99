"""The one function a ring calls: claim what is due, in order of priority, until nothing is."""

import logging
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from balancecloud.errors import BalanceCloudError, LeaseLost, ShuttingDown
from balancecloud.jobs.bench import Bench, Stop
from balancecloud.jobs.delete import delete
from balancecloud.jobs.form import form
from balancecloud.jobs.repair import repair
from balancecloud.jobs.stop import StopSign
from balancecloud.jobs.store import store
from balancecloud.models.states import WorkKind
from balancecloud.storage import outcome, work
from balancecloud.storage.heartbeat import Heartbeat, Lease
from balancecloud.storage.outcome import KeepsDying, settle
from balancecloud.storage.work import Claim, Paused

# A worker starts afresh after this long, so that nothing it holds grows old.
LONGEST_LOOK_SECONDS: Final = 600.0

Duty = Callable[[Bench, Claim, Stop], None]
DUTIES: Final[Mapping[WorkKind, Duty]] = {
    WorkKind.STORE: store,
    WorkKind.FORM: form,
    WorkKind.DELETE: delete,
    WorkKind.REPAIR: repair,
    WorkKind.MOVE: repair,
}
# Packs are mended side by side, so that while one is put others are fetched. Each holds its bytes
# at most four times over (the whole, and up to three copies as shards): 42 MB of a pack of 10 MiB.
SIDE_BY_SIDE: Final = frozenset({WorkKind.REPAIR, WorkKind.MOVE})
# What a lane takes up: each pack that was moved leaves an old one to be removed.
IN_A_LANE: Final = frozenset({*SIDE_BY_SIDE, WorkKind.DELETE})
LANES: Final = 6
# Small files wait that long at most for company before somebody is there to store them.
LINGER_SECONDS: Final = 5.0
LINGER_STEP_SECONDS: Final = 0.25

logger = logging.getLogger(__name__)


def look(bench: Bench, duties: Mapping[WorkKind, Duty] = DUTIES) -> None:
    """Do what is due until nothing is, at most ten minutes; what is left is rung for again."""
    with ThreadPoolExecutor(bench.claims_at_once, thread_name_prefix="look") as pool:
        for ended in [pool.submit(_look, bench, duties) for _ in range(bench.claims_at_once)]:
            ended.result()


def _look(bench: Bench, duties: Mapping[WorkKind, Duty]) -> None:
    clock = bench.tools.clock
    until = clock.monotonic() + LONGEST_LOOK_SECONDS
    owner = uuid.uuid4()
    served = uuid.uuid4()  # whose turn it is first is chance: rings come and go
    while not bench.stopping.is_set():
        claim = _take(bench, owner, served)
        if claim is None and clock.monotonic() < until and _linger(bench):
            continue
        if claim is None:
            return
        served = claim.user_id
        if claim.kind in SIDE_BY_SIDE:
            _side_by_side(bench, claim, duties, until)
        else:
            _carry_out(bench, claim, duties[claim.kind])
        if clock.monotonic() >= until:
            bench.doorbell.ring(claim.id)
            return


def _take(bench: Bench, owner: uuid.UUID, served: uuid.UUID) -> Claim | None:
    with bench.tools.sessions.begin() as session:
        return work.claim(session, owner, bench.tools.config.lease_seconds, served)


def _side_by_side(
    bench: Bench, first: Claim, duties: Mapping[WorkKind, Duty], until: float
) -> None:
    """Do a claim and, beside it and after it, more of its sort, until a file is to be stored."""

    def lane(claim: Claim | None) -> None:
        while claim is not None:
            _carry_out(bench, claim, duties[claim.kind])
            is_over = bench.stopping.is_set() or bench.tools.clock.monotonic() >= until
            claim = None if is_over else _take_alike(bench, claim)

    with ThreadPoolExecutor(LANES, thread_name_prefix="lane") as pool:
        lanes = [pool.submit(lane, first)]
        lanes += [pool.submit(lambda: lane(_take_alike(bench, first))) for _ in range(LANES - 1)]
    for one in lanes:
        one.result()


def _take_alike(bench: Bench, like: Claim) -> Claim | None:
    seconds = bench.tools.config.lease_seconds
    with bench.tools.sessions.begin() as session:
        return work.claim(session, like.owner, seconds, like.user_id, IN_A_LANE)


def _linger(bench: Bench) -> bool:
    """Wait a moment when a pack is about to be formed; return whether one is."""
    with bench.tools.sessions() as session:
        seconds = work.forming_in(session, LINGER_SECONDS)
    if seconds is None:
        return False
    bench.stopping.wait(min(max(seconds, 0.01), LINGER_STEP_SECONDS))
    return True


def _carry_out(bench: Bench, claim: Claim, duty: Duty) -> None:
    """Do one claim and see to it that its end is recorded, whatever that is."""
    config = bench.tools.config
    lease = Lease(config.lease_seconds, config.heartbeat_seconds)
    with (
        Heartbeat(bench.tools.sessions, claim, lease, bench.tools.clock) as heartbeat,
        _giving_back(bench, claim),
    ):
        stop = StopSign(bench, claim, heartbeat)
        try:
            stop()
            _refuse_deadly(bench, claim)
            duty(bench, claim, stop)
        except ShuttingDown:
            give_back(bench, claim)
        except Paused:
            outcome.rest_paused(bench.tools, claim)
        except LeaseLost:
            logger.info("Work %s was taken over.", claim.id)
        except Exception as error:  # noqa: BLE001 - the job wrapper: every failure gets a face
            _settle(bench, claim, error)


def _refuse_deadly(bench: Bench, claim: Claim) -> None:
    # Who forms packs counts the tries of each chunk for itself.
    if claim.attempt > bench.tools.config.attempts and claim.kind is not WorkKind.FORM:
        raise KeepsDying


def _settle(bench: Bench, claim: Claim, error: Exception) -> None:
    _log(claim, error)
    try:
        settle(bench.tools, claim, error)
    except Exception as problem:  # noqa: BLE001 - other work goes on, whatever is wrong with this
        # Nothing is recorded, so the lease runs out and the work is tried again.
        _log(claim, problem)


def _log(claim: Claim, error: Exception) -> None:
    """Say what stopped it. Messages from below may hold names, so only the places are told."""
    if isinstance(error, BalanceCloudError | KeepsDying):
        logger.info("Work %s stopped: %s.", claim.id, type(error).__name__)
    else:
        places = "".join(traceback.format_tb(error.__traceback__))
        logger.error("Work %s met %s in\n%s", claim.id, type(error).__name__, places)


def give_back(bench: Bench, claim: Claim) -> None:
    """Make the work due at once for another worker, without counting a try."""
    try:
        with bench.tools.sessions.begin() as session:
            work.postpone(session, claim, 0, ShuttingDown.code, counts_as_try=False)
    except (LeaseLost, SQLAlchemyError) as problem:
        logger.info("Work %s was not given back: %s.", claim.id, type(problem).__name__)
        return
    bench.doorbell.ring(claim.id)


@contextmanager
def _giving_back(bench: Bench, claim: Claim) -> Iterator[None]:
    """While the body runs, give its work back when it does not end soon after a stop."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            if bench.stopping.is_set() and not ended.wait(bench.patience_seconds):
                give_back(bench, claim)
                return

    watcher = threading.Thread(target=watch, name="give-back", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
