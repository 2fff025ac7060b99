"""A backup opens with its passphrase, whole and unchanged, or not at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancecloud.crypto import backup_file
from balancecloud.crypto.backup_file import RUN_LENGTH, BackupOpener, BackupSealer
from balancecloud.errors import IntegrityError

SALT = bytes(range(32))
PASSPHRASE = b"correct horse battery staple"


@pytest.fixture(autouse=True)
def cheap_stretching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_file, "_SCRYPT", {"n": 2, "r": 1, "p": 1})


def sealed(*runs: bytes, rest: bytes = b"") -> tuple[bytes, list[bytes]]:
    sealer = BackupSealer(PASSPHRASE, SALT)
    return sealer.header, [*(sealer.seal(run) for run in runs), sealer.finish(rest)]


def opened(header: bytes, runs: list[bytes], passphrase: bytes = PASSPHRASE) -> bytes:
    opener = BackupOpener(passphrase, header)
    last = len(runs) - 1
    return b"".join(opener.open(run, ends=number == last) for number, run in enumerate(runs))


@pytest.mark.parametrize("rest", [b"", b"x", bytes(65536), bytes(RUN_LENGTH - 1)])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_what_was_sealed_opens(count: int, rest: bytes) -> None:
    runs = [bytes([number]) * RUN_LENGTH for number in range(count)]

    assert opened(*sealed(*runs, rest=rest)) == b"".join(runs) + rest


def test_another_passphrase_is_told_from_damage() -> None:
    header, runs = sealed(rest=b"content")

    with pytest.raises(IntegrityError) as refused:
        opened(header, runs, b"another passphrase")

    assert refused.value.cause == "passphrase"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_each_changed_bit_is_refused(data: st.DataObject) -> None:
    header, runs = sealed(rest=b"some content")
    whole = bytearray(header + runs[0])
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8

    with pytest.raises(IntegrityError):
        opened(bytes(whole[: len(header)]), [bytes(whole[len(header) :])])


def test_a_backup_without_its_end_is_refused() -> None:
    header, runs = sealed(bytes(RUN_LENGTH), rest=b"end")

    with pytest.raises(IntegrityError):
        opened(header, runs[:1])


def test_runs_in_another_order_are_refused() -> None:
    header, runs = sealed(b"a" * RUN_LENGTH, b"b" * RUN_LENGTH, rest=b"end")

    with pytest.raises(IntegrityError):
        opened(header, [runs[1], runs[0], runs[2]])


def test_runs_of_another_backup_are_refused() -> None:
    header, runs = sealed(rest=b"mine")
    other = BackupSealer(PASSPHRASE, SALT[::-1])

    with pytest.raises(IntegrityError):
        opened(other.header, runs)
    assert header != other.header


@pytest.mark.parametrize("header", [b"", b"BALCBACK\2" + bytes(64), bytes(73), b"BALCBACK\1"])
def test_what_is_no_backup_is_refused(header: bytes) -> None:
    with pytest.raises(IntegrityError) as refused:
        BackupOpener(PASSPHRASE, header)

    assert refused.value.cause == "not a backup"


def test_wrong_lengths_are_a_mistake_of_ours() -> None:
    sealer = BackupSealer(PASSPHRASE, SALT)

    with pytest.raises(ValueError, match="last run"):
        sealer.seal(b"short")
    with pytest.raises(ValueError, match="shorter"):
        sealer.finish(bytes(RUN_LENGTH))
    with pytest.raises(ValueError, match="salt"):
        BackupSealer(PASSPHRASE, b"short")
