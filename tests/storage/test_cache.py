"""The cache of sealed bytes: bounded, shared, and never believed."""

import os
import secrets
import stat
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from balancecloud.config import Config
from balancecloud.errors import ConfigError
from balancecloud.storage.cache import LOOKS, UNFINISHED, Cache, open_cache
from tests.fakes.manual_clock import ManualClock

PACK = uuid.UUID(int=1)
LIMIT = 64_000


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", LIMIT, ManualClock())


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").glob("*/*/*") if path.is_file()]


def read(cache: Cache, start: int, length: int, pack_id: uuid.UUID = PACK) -> bytes | None:
    held = cache.find(pack_id, start, length)
    return held.read(start, length) if held else None


def test_what_was_put_is_found_whole_and_in_part(cache: Cache) -> None:
    content = secrets.token_bytes(1000)
    cache.put(PACK, 500, [content[:300], content[300:]])

    assert read(cache, 500, 1000) == content
    assert read(cache, 700, 9) == content[200:209]


def test_runs_that_meet_are_read_as_one(cache: Cache) -> None:
    content = secrets.token_bytes(300)
    cache.put(PACK, 100, [content[100:200]])
    cache.put(PACK, 0, [content[:120]])
    cache.put(PACK, 200, [content[200:]])

    assert read(cache, 0, 300) == content
    assert read(cache, 90, 150) == content[90:240]


@pytest.mark.parametrize(("start", "length"), [(99, 2), (199, 2), (50, 10), (300, 1), (100, 101)])
def test_bytes_that_are_not_all_there_are_a_miss(cache: Cache, start: int, length: int) -> None:
    cache.put(PACK, 100, [bytes(100)])

    assert cache.find(PACK, start, length) is None


def test_packs_are_kept_apart(cache: Cache) -> None:
    cache.put(PACK, 0, [b"ours"])

    assert read(cache, 0, 4, uuid.UUID(int=2)) is None


def test_a_vanished_or_cut_file_is_a_miss(cache: Cache, tmp_path: Path) -> None:
    cache.put(PACK, 0, [bytes(100)])
    held = cache.find(PACK, 0, 100)
    assert held is not None
    (path,) = files(tmp_path)
    path.write_bytes(bytes(50))
    assert held.read(0, 100) is None
    assert held.read(0, 50) == bytes(50)
    path.unlink()

    assert held.read(0, 50) is None
    assert cache.find(PACK, 0, 100) is None


def test_what_did_not_open_is_forgotten(cache: Cache) -> None:
    cache.put(PACK, 0, [bytes(100)])
    held = cache.find(PACK, 0, 100)
    assert held is not None

    held.forget()
    held.forget()

    assert cache.find(PACK, 0, 100) is None


def test_it_survives_a_restart_and_is_shared(cache: Cache, tmp_path: Path) -> None:
    cache.put(PACK, 0, [b"sealed"])

    assert read(Cache(tmp_path / "cache", LIMIT, ManualClock()), 0, 6) == b"sealed"


def test_it_stays_within_its_size_and_drops_what_was_read_least_lately(
    cache: Cache, tmp_path: Path
) -> None:
    packs = [uuid.uuid4() for _ in range(100)]
    for number, pack_id in enumerate(packs):
        cache.put(pack_id, 0, [bytes(1000)])
        (path,) = (tmp_path / "cache" / pack_id.hex[:2] / pack_id.hex).iterdir()
        os.utime(path, (number, number))
        assert sum(path.stat().st_size for path in files(tmp_path)) <= LIMIT + LIMIT // LOOKS
    cache.shrink()

    kept = [pack_id for pack_id in packs if cache.find(pack_id, 0, 1000)]
    assert kept == packs[-56:]  # an eighth below its size


def test_reading_counts_as_use(cache: Cache, tmp_path: Path) -> None:
    first, *others = [uuid.uuid4() for _ in range(56)]
    for number, pack_id in enumerate([first, *others]):
        cache.put(pack_id, 0, [bytes(1000)])
        (path,) = (tmp_path / "cache" / pack_id.hex[:2] / pack_id.hex).iterdir()
        os.utime(path, (number, number))
    assert read(cache, 0, 1000, first) is not None
    cache.put(uuid.uuid4(), 0, [bytes(1000)])
    cache.shrink()

    assert cache.find(first, 0, 1000)
    assert not cache.find(others[0], 0, 1000)


def test_a_new_process_looks_through_it_at_its_first_put(tmp_path: Path, cache: Cache) -> None:
    for _ in range(60):
        cache.put(uuid.uuid4(), 0, [bytes(1000)])

    Cache(tmp_path / "cache", 8000, ManualClock()).put(PACK, 0, [bytes(1000)])

    assert len(files(tmp_path)) == 7


def test_a_run_that_is_there_already_is_not_written_again(cache: Cache, tmp_path: Path) -> None:
    cache.put(PACK, 0, [bytes(100)])
    before = files(tmp_path)[0].stat().st_mtime_ns

    cache.put(PACK, 10, [bytes(20)])

    assert [path.stat().st_mtime_ns for path in files(tmp_path)] == [before]


def test_one_run_never_pushes_out_all_else(cache: Cache, tmp_path: Path) -> None:
    cache.put(PACK, 0, [bytes(LIMIT // 2)])

    assert files(tmp_path) == []


def test_only_one_process_at_a_time_empties_it(tmp_path: Path, cache: Cache) -> None:
    import fcntl  # noqa: PLC0415 - the other process

    for _ in range(3):
        cache.put(uuid.uuid4(), 0, [bytes(1000)])
    small = Cache(tmp_path / "cache", 1500, ManualClock())
    with (tmp_path / "cache" / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        small.shrink()
        assert len(files(tmp_path)) == 3

    small.shrink()

    assert len(files(tmp_path)) == 1


def test_what_a_killed_process_left_half_written_goes(cache: Cache, tmp_path: Path) -> None:
    cache.put(PACK, 0, [bytes(100)])
    left = files(tmp_path)[0].with_name(f"0123{UNFINISHED}")
    left.write_bytes(bytes(10))
    cache.shrink()
    assert left.exists()
    os.utime(left, (0, 0))

    cache.shrink()

    assert not left.exists()
    assert read(cache, 0, 100) == bytes(100)


def test_a_full_or_broken_disk_keeps_nothing_and_breaks_nothing(
    cache: Cache, tmp_path: Path
) -> None:
    (tmp_path / "cache" / PACK.hex[:2]).write_bytes(b"in the way")

    cache.put(PACK, 0, [bytes(100)])

    assert cache.find(PACK, 0, 100) is None


def test_names_and_sizes_that_lie_are_only_misses(cache: Cache, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / PACK.hex[:2] / PACK.hex
    folder.mkdir(parents=True)
    for name in ("0-100", "x-1", "5", "-3-4", "0-99999999999999999999999999"):
        (folder / name).write_bytes(b"short")

    assert read(cache, 0, 50) is None
    assert read(cache, 0, 5) == b"short"


def test_its_folder_and_files_are_for_this_user_alone(cache: Cache, tmp_path: Path) -> None:
    cache.put(PACK, 0, [bytes(100)])

    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path)} == {0o600}


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o755)
    (tmp_path / "cache").chmod(0o755)

    with pytest.raises(ConfigError):
        Cache(tmp_path / "cache", LIMIT, ManualClock())


@pytest.mark.real
def test_no_bytes_mean_no_cache(config: Config) -> None:
    assert open_cache(replace(config, cache_bytes=0), ManualClock()) is None
    assert not config.cache_dir.exists()
    assert open_cache(config, ManualClock()) is not None
    assert config.cache_dir.exists()
