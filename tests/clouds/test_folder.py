"""A folder as a cloud account."""

import errno
import os
from pathlib import Path

import pytest

from balancecloud.clouds.folder import INCOMING, MARKER, Folder, failure_domain
from balancecloud.clouds.provider import ObjectId, Shard
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    DamagedInTransit,
    LinkRefused,
    ObjectDiffers,
    ObjectMissing,
    ProviderError,
    Unreachable,
)
from tests.clouds.provider_suite import new_name, new_shard, store


def linked_folder(path: Path, *roots: Path) -> Folder:
    folder = Folder(path, roots or (path.parent,))
    folder.ensure_place()
    return folder


def test_the_place_is_made_once(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    subject = folder.identity().subject
    assert folder.ensure_place() == str(tmp_path / "a")
    assert folder.identity().subject == subject


def test_two_folders_are_two_accounts(tmp_path: Path) -> None:
    first, second = linked_folder(tmp_path / "a"), linked_folder(tmp_path / "b")
    assert first.identity().subject != second.identity().subject


@pytest.mark.parametrize(
    "place", ["outside", "allowed/../outside", "allowed/link", "/", "relative"]
)
def test_a_folder_outside_the_allowed_roots_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "outside")
    path = Path(place) if place == "relative" else tmp_path / place
    with pytest.raises(AccessRefused):
        Folder(path, (tmp_path / "allowed",)).ensure_place()
    assert list((tmp_path / "outside").iterdir()) == []


def test_without_allowed_roots_every_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AccessRefused):
        Folder(tmp_path, ()).ensure_place()


def test_a_link_put_in_place_later_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    folder = linked_folder(tmp_path / "allowed" / "a", tmp_path / "allowed")
    (tmp_path / "allowed" / "a").rename(tmp_path / "moved")
    (tmp_path / "allowed" / "a").symlink_to(tmp_path / "moved")
    with pytest.raises(AccessRefused):
        store(folder, new_shard(5))


def test_an_unmounted_folder_is_away_and_its_shards_are_not_lost(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "disk")
    _, stored = store(folder, new_shard(5))
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    (tmp_path / "disk").mkdir()
    with pytest.raises(Unreachable):
        folder.stat(stored.object_id)
    with pytest.raises(Unreachable):
        store(folder, new_shard(5))
    with pytest.raises(Unreachable):
        folder.delete(stored.object_id)
    with pytest.raises(Unreachable):
        list(folder.listing())


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "", ".", "..", "a/b", "ab\0c", MARKER, "Ab34"]
)
def test_an_id_that_is_no_name_is_missing(tmp_path: Path, name: str) -> None:
    folder = linked_folder(tmp_path / "a")
    with pytest.raises(ObjectMissing):
        folder.get(ObjectId(name), 0, 1)


def test_a_link_in_place_of_an_object_is_not_followed(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    name, stored = store(folder, new_shard(5))
    (tmp_path / "secret").write_bytes(b"canary")
    (tmp_path / "a" / name[:2] / name).unlink()
    (tmp_path / "a" / name[:2] / name).symlink_to(tmp_path / "secret")
    with pytest.raises(ObjectMissing):
        folder.get(stored.object_id, 0, 5)


def test_a_pipe_in_place_of_an_object_does_not_hang(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    name, stored = store(folder, new_shard(5))
    (tmp_path / "a" / name[:2] / name).unlink()
    os.mkfifo(tmp_path / "a" / name[:2] / name)
    with pytest.raises(ObjectMissing):
        folder.stat(stored.object_id)


def test_c16_bytes_that_are_not_those_of_their_hash_are_not_stored(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    with pytest.raises(DamagedInTransit):
        folder.put(new_name(), Shard(b"other", new_shard(5).sha256), None)
    assert list(folder.listing()) == []


def test_a_put_leaves_nothing_beside(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    store(folder, new_shard(5))
    assert list((tmp_path / "a" / INCOMING).iterdir()) == []


def test_what_a_killed_writer_left_is_removed_by_a_later_put(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    left = tmp_path / "a" / INCOMING / "0123456789abcdef.part"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    store(folder, new_shard(5))
    assert not left.exists()


def test_the_parts_of_running_writers_are_left_alone(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    running = tmp_path / "a" / INCOMING / "0123456789abcdef.part"
    running.write_bytes(b"half")
    store(folder, new_shard(5))
    assert running.exists()


def test_a_strangers_file_is_not_listed(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    (tmp_path / "a" / "zz").mkdir()
    (tmp_path / "a" / "zz" / "Holiday.jpg").write_bytes(b"mine")
    (tmp_path / "a" / "zz" / "elsewhere").write_bytes(b"mine")
    assert list(folder.listing()) == []


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    name, _ = store(folder, new_shard(5))
    assert (tmp_path / "a" / name[:2] / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_the_failure_domain_is_the_device(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert failure_domain(tmp_path / "a") == failure_domain(tmp_path / "b")
    assert failure_domain(tmp_path / "a") != failure_domain(Path("/proc"))


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, AccountFull),
        (errno.EDQUOT, AccountFull),
        (errno.EROFS, AccessRefused),
        (errno.EACCES, AccessRefused),
        (errno.EIO, Unreachable),
    ],
)
def test_f17_f19_a_disk_that_fails_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[ProviderError]
) -> None:
    folder = linked_folder(tmp_path / "a")

    def fail(_: int) -> None:
        raise OSError(number, "the disk says no")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(error):
            store(folder, new_shard(5))
    assert list(folder.listing()) == []
    assert list((tmp_path / "a" / INCOMING).iterdir()) == []


def test_a_file_system_without_hard_links_is_not_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(LinkRefused):
        Folder(tmp_path / "a", (tmp_path,)).ensure_place()


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(AccessRefused):
        Folder(tmp_path / "a", (tmp_path,)).ensure_place()


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 32, b"A" * 32])
def test_a_marker_that_is_not_ours_keeps_the_account_away(tmp_path: Path, content: bytes) -> None:
    folder = linked_folder(tmp_path / "a")
    (tmp_path / "a" / MARKER).write_bytes(content)
    with pytest.raises(Unreachable):
        store(folder, new_shard(5))


def test_a_folder_that_is_gone_has_no_failure_domain(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        failure_domain(tmp_path / "gone")


def test_f33_a_shard_that_rotted_is_not_taken_for_the_one_to_store(tmp_path: Path) -> None:
    folder = linked_folder(tmp_path / "a")
    shard = new_shard(5)
    name, stored = store(folder, shard)
    (tmp_path / "a" / name[:2] / name).write_bytes(b"other")
    assert folder.stat(stored.object_id).checksum != shard.sha256
    with pytest.raises(ObjectDiffers):
        folder.put(name, shard, None)
