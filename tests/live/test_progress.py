"""Live figures on a real Valkey: they only grow, fade, vanish and come back."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from balancecloud.live.progress import KEPT_SECONDS, Figures, LiveFile, ProgressStore
from tests.fakes.manual_clock import ManualClock

pytestmark = pytest.mark.real

USER = uuid.uuid4()
MIB = 1 << 20


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def progress(redis: Redis, clock: ManualClock) -> ProgressStore:
    return ProgressStore(redis, clock)


def test_what_was_told_is_read_back(progress: ProgressStore) -> None:
    job, version = uuid.uuid4(), uuid.uuid4()

    progress.update(job, USER, Figures({version: 30}, {version: 20}, {version: 10}))

    snapshot = progress.snapshot(job)
    assert snapshot is not None
    assert snapshot.files == {version: LiveFile(30, 20, 10)}


def test_of_a_job_nobody_spoke_of_nothing_is_known(progress: ProgressStore) -> None:
    assert progress.snapshot(uuid.uuid4()) is None


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1 << 40)), max_size=12))
def test_whatever_the_order_no_figure_goes_backwards(
    progress: ProgressStore, told: list[tuple[int, int]]
) -> None:
    job, version = uuid.uuid4(), uuid.uuid4()
    before, seq = LiveFile(), 0
    for stage, value in told:
        stages: list[dict[uuid.UUID, int]] = [{}, {}, {}]
        stages[stage] = {version: value}
        progress.update(job, USER, Figures(*stages))
        snapshot = progress.snapshot(job)
        assert snapshot is not None
        now = snapshot.files.get(version, LiveFile())
        assert now.received >= before.received
        assert now.sealed >= before.sealed
        assert now.stored >= before.stored
        assert snapshot.seq >= seq
        assert (snapshot.seq > seq) == (now != before or seq == 0)
        before, seq = now, snapshot.seq


def test_the_same_told_twice_changes_nothing(progress: ProgressStore) -> None:
    job, version = uuid.uuid4(), uuid.uuid4()
    figures = Figures(stored={version: 10})

    first = progress.update(job, USER, figures)

    assert progress.update(job, USER, figures) == first
    assert first is not None
    assert first.endswith(".1")


def test_after_redis_was_emptied_there_is_another_run(
    redis: Redis, progress: ProgressStore
) -> None:
    job, version = uuid.uuid4(), uuid.uuid4()
    before = progress.start(job, USER, Figures(stored={version: 10}))
    redis.flushall()

    after = progress.start(job, USER, Figures(stored={version: 10}))

    assert before is not None
    assert after is not None
    assert before.run != after.run
    assert after.files == before.files


def test_a_start_does_not_end_the_run_under_way(progress: ProgressStore) -> None:
    job, version = uuid.uuid4(), uuid.uuid4()
    told = progress.update(job, USER, Figures(stored={version: 10}))

    snapshot = progress.start(job, USER, Figures(stored={version: 5}))

    assert snapshot is not None
    assert f"{snapshot.run}.{snapshot.seq}" == told


def test_rates_follow_what_moves_and_fade(progress: ProgressStore, clock: ManualClock) -> None:
    job, version = uuid.uuid4(), uuid.uuid4()
    progress.update(job, USER, Figures())
    for second in range(1, 61):
        clock.advance(1)
        progress.update(job, USER, Figures(stored={version: second * MIB}))

    steady = progress.snapshot(job)
    clock.advance(10)
    faded = progress.snapshot(job)

    assert steady is not None
    assert faded is not None
    assert 0.95 * MIB < steady.rate_out <= MIB
    assert faded.rate_out == pytest.approx(steady.rate_out / 2)
    assert (steady.rate_in, faded.still_seconds) == (0.0, 10.0)


def test_what_was_there_before_a_run_is_no_speed(
    progress: ProgressStore, clock: ManualClock
) -> None:
    job, version = uuid.uuid4(), uuid.uuid4()
    progress.start(job, USER, Figures(received={version: 900 * MIB}))
    clock.advance(1)
    progress.update(job, USER, Figures(received={version: 901 * MIB}))

    snapshot = progress.snapshot(job)

    assert snapshot is not None
    assert 0 < snapshot.rate_in < MIB


def test_movements_of_one_instant_count_at_the_next(
    progress: ProgressStore, clock: ManualClock
) -> None:
    job, one, other = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    progress.start(job, USER, Figures())
    clock.advance(10)
    progress.update(job, USER, Figures(stored={one: MIB}))
    progress.update(job, USER, Figures(stored={other: 9 * MIB}))
    clock.advance(10)
    progress.update(job, USER, Figures(stored={one: 2 * MIB}))

    snapshot = progress.snapshot(job)

    assert snapshot is not None
    assert snapshot.rate_out == pytest.approx(0.05 * MIB * 0.5 + MIB * 0.5)


def test_finished_files_are_forgotten(progress: ProgressStore) -> None:
    job, done, going = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    progress.update(job, USER, Figures(stored={done: 10, going: 5}, sealed={done: 10}))

    progress.forget_file(job, done)

    snapshot = progress.snapshot(job)
    assert snapshot is not None
    assert set(snapshot.files) == {going}


def test_figures_hold_ids_and_numbers_and_go_after_a_day(
    redis: Redis, progress: ProgressStore
) -> None:
    job = uuid.uuid4()
    progress.update(job, USER, Figures(stored={uuid.uuid4(): 10}))

    name = f"balancecloud:progress:{job}".encode()
    assert set(redis.keys("*")) == {name, name + b":events"}
    assert {redis.ttl(key) for key in redis.keys("*")} == {KEPT_SECONDS}


def test_without_redis_nothing_is_known_and_nothing_breaks(tmp_path: Path) -> None:
    progress = ProgressStore(
        Redis(unix_socket_path=str(tmp_path / "nowhere"), retry=Retry(NoBackoff(), 0))
    )
    job = uuid.uuid4()

    progress.forget_file(job, uuid.uuid4())

    assert progress.update(job, USER, Figures()) is None
    assert progress.start(job, USER, Figures()) is None
    assert progress.snapshot(job) is None
