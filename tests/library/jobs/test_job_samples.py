"""A job sampled at every step of its way, as its page and the API would show it."""

import secrets
import threading

import pytest

from balancecloud.jobs.store import Reporter
from balancecloud.live.progress import ProgressStore
from balancecloud.storage.writer import store_run
from tests.library.jobs.looking import detail_of, stages_of
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real


def test_check_23_stages_nest_in_every_sample_and_nothing_is_whole_before_its_commit(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(secrets.token_bytes(4 * CHUNK))
    samples = [stages_of(person, progress, arrived.job_id)]
    clock = person.tools.clock
    claim = person.claim()
    reporter = Reporter(progress, arrived.job_id, person.user_id, clock)

    lock = threading.Lock()

    def sample() -> None:
        with lock:  # in the order in which they are seen
            samples.append(stages_of(person, progress, arrived.job_id))

    store_run(person.tools, claim, reporter, sample)
    reporter.tell_the_last()
    total = samples[0].total

    assert len(samples) > 4
    assert all(one.stored <= one.sealed <= one.received <= total for one in samples)
    assert max(one.stored for one in samples) < total
    for stage in ("received", "sealed", "stored"):
        told = [getattr(one, stage) for one in samples]
        assert told == sorted(told)
    assert stages_of(person, progress, arrived.job_id).stored == total


def test_check_26_the_lane_map_is_the_databases_with_no_two_shards_on_one_account(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(secrets.token_bytes(3 * CHUNK))
    person.work()
    version = person.version(arrived)
    shown = detail_of(person, progress, arrived.job_id, version.id).chunk_map

    assert shown is not None
    cells = [(lane.account.id, cell.column) for lane in shown.lanes for cell in lane.cells]
    assert len(cells) == len(set(cells)) == shown.chunks * (shown.k + shown.m)
    for column in range(shown.columns):
        assert sum(at == column for _, at in cells) == shown.k + shown.m
    held = sorted(str(row.account_id) for row in person.shards(version.id))
    assert sorted(str(account) for account, _ in cells) == held
