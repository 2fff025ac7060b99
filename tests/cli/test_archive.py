"""Parts go into a sealed file and come out, or the file does not exist."""

import contextlib
from pathlib import Path

import pytest

from balancecloud.cli.archive import PIECE_LENGTH, BackupRefused, read_parts, writing

PASSPHRASE = b"correct horse battery staple"


def test_parts_come_back_in_order_with_their_bytes(tmp_path: Path) -> None:
    big = [bytes([number]) * PIECE_LENGTH for number in range(3)]
    with writing(tmp_path / "b", PASSPHRASE) as archive:
        archive.add("first", [b"one"])
        archive.add("empty", [])
        archive.add("big", big)

    parts = [(name, b"".join(pieces)) for name, pieces in read_parts(tmp_path / "b", PASSPHRASE)]

    assert parts == [("first", b"one"), ("empty", b""), ("big", b"".join(big))]


def test_f_44_a_backup_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with contextlib.suppress(RuntimeError), writing(tmp_path / "b", PASSPHRASE) as archive:
        archive.add("first", [b"one"])
        raise RuntimeError

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK\3\4 something else", bytes(4096)])
def test_another_file_is_told_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)

    with pytest.raises(BackupRefused, match="not a backup"):
        list(read_parts(tmp_path / "b", PASSPHRASE))


def test_f_44_damage_behind_the_first_megabytes_is_told_by_the_pieces(tmp_path: Path) -> None:
    with writing(tmp_path / "b", PASSPHRASE) as archive:
        archive.add("big", [bytes(PIECE_LENGTH)] * 4)
    whole = bytearray((tmp_path / "b").read_bytes())
    whole[-100] ^= 1
    (tmp_path / "b").write_bytes(whole)

    parts = read_parts(tmp_path / "b", PASSPHRASE)
    _, pieces = next(parts)

    with pytest.raises(BackupRefused, match="damaged"):
        list(pieces)
