"""The spool knows sealed bytes and places: exact reads, its owner's alone, whole removals."""

import uuid
from pathlib import Path

import pytest

from balancecloud.errors import BrokenUpload, ConfigError, NoSpoolSpace, Unavailable
from balancecloud.storage.spool import LocalSpool


@pytest.fixture
def spool(tmp_path: Path) -> LocalSpool:
    return LocalSpool(tmp_path / "spool", 0)


def write(spool: LocalSpool, upload: uuid.UUID, number: int, sealed: bytes) -> None:
    part = spool.create(upload, number)
    part.append(sealed)
    part.sync()
    part.close()


def test_what_was_written_is_read_in_exact_ranges(spool: LocalSpool) -> None:
    upload = uuid.uuid4()
    write(spool, upload, 0, b"0123456789")

    assert spool.read(upload, 0, 0, 10) == b"0123456789"
    assert spool.read(upload, 0, 3, 4) == b"3456"


@pytest.mark.parametrize(("number", "start", "length"), [(0, 0, 11), (0, 10, 1), (1, 0, 1)])
def test_what_is_not_there_is_unavailable_and_never_short(
    spool: LocalSpool, number: int, start: int, length: int
) -> None:
    upload = uuid.uuid4()
    write(spool, upload, 0, b"0123456789")

    with pytest.raises(Unavailable):
        spool.read(upload, number, start, length)


def test_a_part_is_never_written_twice(spool: LocalSpool) -> None:
    upload = uuid.uuid4()
    write(spool, upload, 0, b"first")

    with pytest.raises(NoSpoolSpace):
        spool.create(upload, 0)
    assert spool.read(upload, 0, 0, 5) == b"first"


def test_removing_takes_every_part_and_may_be_repeated(spool: LocalSpool, tmp_path: Path) -> None:
    gone, kept = uuid.uuid4(), uuid.uuid4()
    for upload in (gone, kept):
        write(spool, upload, 0, b"x")
        write(spool, upload, 1, b"y")
    spool.remove(gone)
    spool.remove(gone)

    assert list(spool.uploads()) == [kept]
    assert len(list(tmp_path.rglob("*.part"))) == 2


def test_a_part_whose_upload_was_removed_is_not_said_to_be_durable(spool: LocalSpool) -> None:
    upload = uuid.uuid4()
    part = spool.create(upload, 0)
    part.append(b"x")
    spool.remove(upload)

    with pytest.raises(BrokenUpload):
        part.sync()
    part.close()


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    root.mkdir(mode=0o755)
    root.chmod(0o755)

    with pytest.raises(ConfigError):
        LocalSpool(root, 0)


def test_what_is_kept_free_is_not_offered(tmp_path: Path) -> None:
    assert LocalSpool(tmp_path / "spool", 1 << 60).free_bytes() == 0
    assert LocalSpool(tmp_path / "spool", 0).free_bytes() > 0


def test_what_does_not_look_like_an_upload_is_left_alone(spool: LocalSpool, tmp_path: Path) -> None:
    (tmp_path / "spool" / "ab" / "notes").mkdir(parents=True)

    assert list(spool.uploads()) == []
