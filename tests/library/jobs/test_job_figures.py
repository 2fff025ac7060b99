"""True figures: they nest, never go backwards, and are whole only when committed."""

import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import event

from balancecloud.library import job_figures, jobs
from balancecloud.library.job_figures import Sums
from balancecloud.library.views import Stages
from balancecloud.live.progress import Figures, LiveSnapshot, ProgressStore
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobKind, JobState, VersionState
from tests.fakes.manual_clock import ManualClock
from tests.library.jobs.looking import detail_of, set_job, set_version, stages_of
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real


def test_a_job_is_watched_from_its_first_bytes_to_its_end(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(bytes(3 * CHUNK), b"small", name="tour")
    before = detail_of(person, progress, arrived.job_id)
    person.work()
    after = detail_of(person, progress, arrived.job_id)

    total = 3 * CHUNK + 5
    assert before.job.state == "queued"
    assert before.job.progress.bytes == Stages(total, total, 0, 0)
    assert [(file.name, file.state) for file in before.files] == [
        ("tour", "queued"),
        ("tour-1", "queued"),
    ]
    assert after.job.state == "done"
    assert after.job.progress.bytes == Stages(total, total, total, total)
    assert after.job.progress.files.stored == 2
    assert after.job.progress.shards.stored == after.job.progress.shards.total > 0
    assert {file.state for file in after.files} == {"stored"}
    assert len(after.accounts) == 3


def test_what_redis_knows_makes_figures_livelier_but_not_whole(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(bytes(1000))
    version_id = person.version(arrived).id
    set_version(person, version_id, state=VersionState.STORING, sealed_bytes=300, stored_bytes=100)
    progress.update(arrived.job_id, person.user_id, Figures({}, {version_id: 900}, {}))
    half = stages_of(person, progress, arrived.job_id)
    progress.update(arrived.job_id, person.user_id, Figures({}, {}, {version_id: 5000}))

    assert half == Stages(1000, 1000, 900, 100)
    assert stages_of(person, progress, arrived.job_id) == Stages(1000, 1000, 900, 900)


def test_nothing_is_whole_before_it_is_committed(person: Person, progress: ProgressStore) -> None:
    arrived = person.upload(bytes(1000))
    version_id = person.version(arrived).id
    set_version(
        person, version_id, state=VersionState.STORING, sealed_bytes=1000, stored_bytes=1000
    )

    assert stages_of(person, progress, arrived.job_id) == Stages(1000, 1000, 1000, 999)


amounts = st.integers(0, 2000)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=6), st.booleans())
def test_stages_nest_and_never_go_backwards_whatever_is_told(
    person: Person,
    progress: ProgressStore,
    told: list[tuple[int, int, int]],
    is_receiving: bool,
) -> None:
    arrived = person.upload(bytes(1000), name=str(uuid.uuid4()))
    version_id = person.version(arrived).id
    state = VersionState.RECEIVING if is_receiving else VersionState.STORING
    set_version(person, version_id, state=state, received_bytes=0)
    before = Stages(1000)
    for numbers in told:
        figures = Figures(*({version_id: number} for number in numbers))
        progress.update(arrived.job_id, person.user_id, figures)
        now = stages_of(person, progress, arrived.job_id)
        assert 0 <= now.stored <= now.sealed <= now.received <= now.total == 1000
        assert now.stored < 1000
        assert (now.received, now.sealed, now.stored) >= (
            before.received,
            before.sealed,
            before.stored,
        )
        assert now.sealed >= before.sealed
        assert now.stored >= before.stored
        before = now


def test_files_and_job_say_the_same(person: Person, progress: ProgressStore) -> None:
    arrived = person.upload(bytes(1000), bytes(500), b"", name="file")
    first, second = person.version(arrived, 0).id, person.version(arrived, 1).id
    set_version(person, first, state=VersionState.STORING, sealed_bytes=10)
    set_version(person, second, state=VersionState.STORED)
    progress.update(arrived.job_id, person.user_id, Figures({}, {first: 700}, {first: 600}))

    detail = detail_of(person, progress, arrived.job_id)

    assert detail.job.progress.bytes == Stages(1500, 1500, 1200, 1100)
    assert sum(file.stages.stored for file in detail.files) == 1100
    assert sum(file.stages.sealed for file in detail.files) == 1200


def test_after_redis_was_emptied_figures_are_the_databases_under_another_run(
    person: Person, progress: ProgressStore, redis: Redis
) -> None:
    arrived = person.upload(bytes(1000))
    version_id = person.version(arrived).id
    set_version(person, version_id, state=VersionState.STORING, sealed_bytes=300, stored_bytes=200)
    set_job(person, arrived.job_id, state=JobState.RUNNING)
    before = detail_of(person, progress, arrived.job_id).job.progress
    redis.flushall()

    after = detail_of(person, progress, arrived.job_id).job.progress

    assert before.run != after.run != "db"
    assert after.bytes == Stages(1000, 1000, 300, 200)
    assert detail_of(person, progress, arrived.job_id).job.progress.run == after.run


def test_without_redis_pages_show_what_the_database_knows(person: Person, tmp_path: Path) -> None:
    nowhere = ProgressStore(
        Redis(unix_socket_path=str(tmp_path / "nowhere"), retry=Retry(NoBackoff(), 0))
    )
    arrived = person.upload(bytes(1000))
    set_job(person, arrived.job_id, state=JobState.RUNNING)

    with person.tools.sessions() as session:
        [view] = jobs.list_jobs(session, nowhere, person.user_id)

    assert view.progress.bytes == Stages(1000, 1000, 0, 0)
    assert (view.progress.rate_out, view.progress.eta_seconds) == (0, None)


@given(
    marks=st.lists(st.integers(0, 1 << 40), min_size=4, max_size=4),
    rates=st.tuples(st.floats(0, 1e10), st.floats(0, 1e10)),
    times=st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
)
def test_time_left_of_a_running_job_is_a_second_at_least_or_unknown(
    marks: list[int], rates: tuple[float, float], times: tuple[float, float]
) -> None:
    stored, sealed, received, total = sorted(marks)
    job = Job(kind=JobKind.STORE, state=JobState.RUNNING, files_total=1, files_stored=0)
    job.files_failed = job.shards_total = job.shards_done = job.shards_retried = 0

    for stages in (Stages(total, received, sealed, stored), Stages(total, total, total, total)):
        live = LiveSnapshot("run", 1, {}, *rates, *times)
        seen = job_figures.progress(job, Sums(stages), live)
        assert seen.eta_seconds is None or seen.eta_seconds >= 1
        assert (seen.eta_kind == "estimate") == (seen.eta_seconds is not None)


def test_time_left_is_said_when_it_can_be_known(person: Person, redis: Redis) -> None:
    clock = ManualClock()
    progress = ProgressStore(redis, clock)
    arrived = person.upload(bytes(100_000))
    version_id = person.version(arrived).id
    set_version(person, version_id, state=VersionState.STORING)
    set_job(person, arrived.job_id, state=JobState.RUNNING)
    kinds: list[tuple[int | None, str]] = []
    progress.start(arrived.job_id, person.user_id, Figures())
    for second in range(1, 31):
        clock.advance(1)
        told = {version_id: second * 1000}
        progress.update(arrived.job_id, person.user_id, Figures({}, told, told))
        if second in {2, 30}:
            seen = detail_of(person, progress, arrived.job_id).job.progress
            kinds.append((seen.eta_seconds, seen.eta_kind))
    clock.advance(20)
    stalled = detail_of(person, progress, arrived.job_id).job.progress

    assert kinds[0] == (None, "unknown")
    assert kinds[1][1] == "estimate"
    assert kinds[1][0] is not None
    assert 70 <= kinds[1][0] <= 95
    assert (stalled.eta_seconds, stalled.eta_kind) == (None, "waiting")


def test_what_arrives_has_a_speed_though_only_rows_say_so(person: Person, redis: Redis) -> None:
    clock = ManualClock()
    progress = ProgressStore(redis, clock)
    arrived = person.upload(bytes(100_000))
    version_id = person.version(arrived).id
    set_job(person, arrived.job_id, state=JobState.RUNNING)
    samples = []
    for second in range(30):
        set_version(
            person, version_id, state=VersionState.RECEIVING, received_bytes=20_000 + second * 1000
        )
        samples.append(detail_of(person, progress, arrived.job_id).job.progress)
        clock.advance(1)

    assert samples[-1].bytes == Stages(100_000, 49_000, 0, 0)
    assert 700 < samples[-1].rate_in <= 1000
    assert samples[-1].rate_out == 0


def test_a_list_of_many_jobs_takes_as_many_queries_as_of_one(
    person: Person, progress: ProgressStore
) -> None:
    def queries() -> int:
        seen: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            seen.append(statement)

        engine = person.tools.sessions.kw["bind"]
        event.listen(engine, "before_cursor_execute", note)
        with person.tools.sessions() as session:
            jobs.list_jobs(session, progress, person.user_id)
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    person.upload(b"one")
    few = queries()
    for number in range(5):
        person.upload(b"more", name=f"more-{number}")

    assert queries() == few <= 3
