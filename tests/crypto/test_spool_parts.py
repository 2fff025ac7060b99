"""Spool parts: sealed as bytes arrive, opened by what the row says and by nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancecloud.crypto import spool_parts
from balancecloud.crypto.spool_parts import PartPlace, PartRecord, PartSealer, PartState
from tests.crypto.refusals import refused
from tests.crypto.samples import FILE, OTHER_FILE, OTHER_USER, USER, content

UPLOAD_KEY, OTHER_KEY = bytes([5]) * 32, bytes([6]) * 32
PLACE = PartPlace(USER, FILE, 2, 1000)
FRAME = 65_536
SEALED_FRAME = FRAME + 16


def sealed_part(plaintext: bytes) -> tuple[PartRecord, bytes]:
    sealer = PartSealer.fresh(UPLOAD_KEY, PLACE)
    stored = sealer.header + sealer.update(plaintext) + sealer.close()
    return sealer.record(), stored


def cut_part(frames: int) -> tuple[PartRecord, bytes]:
    """A part whose writer died after so many frames were recorded."""
    sealer = PartSealer.fresh(UPLOAD_KEY, PLACE)
    stored = sealer.header + sealer.update(content(frames * FRAME + 1))
    return replace(sealer.record(), state=PartState.CUT), stored


SHORT, SHORT_STORED = sealed_part(content(300))
LONG, LONG_STORED = sealed_part(content(3 * FRAME + 5))
CUT, CUT_STORED = cut_part(2)


@settings(deadline=None, max_examples=30)
@given(steps=st.lists(st.integers(0, 3 * FRAME), min_size=1, max_size=6), closes=st.booleans())
def test_what_arrives_in_any_steps_opens(steps: list[int], *, closes: bool) -> None:
    plaintext = content(sum(steps) + 1)
    sealer = PartSealer.fresh(UPLOAD_KEY, PLACE)
    stored, taken = bytearray(sealer.header), 0
    for step in [*steps, 1]:
        stored += sealer.update(memoryview(plaintext)[taken : taken + step])
        taken += step
        assert sealer.received == taken
        assert sealer.recorded % FRAME == 0
        assert taken - FRAME <= sealer.recorded < max(taken, 1)
    if closes:
        stored += sealer.close()

    record = sealer.record()

    assert record.length == (len(plaintext) if closes else sealer.recorded)
    assert len(stored) == record.sealed_length
    assert spool_parts.open_part(UPLOAD_KEY, record, stored) == plaintext[: record.length]


@settings(deadline=None, max_examples=50)
@given(data=st.data(), part=st.sampled_from([(LONG, LONG_STORED), (CUT, CUT_STORED)]))
def test_a_range_equals_the_slice(data: st.DataObject, part: tuple[PartRecord, bytes]) -> None:
    record, stored = part
    begin = data.draw(st.integers(0, record.length - 1))
    end = data.draw(st.integers(begin + 1, record.length))

    span = spool_parts.part_span(record, begin, end)
    opened = spool_parts.open_part_span(
        UPLOAD_KEY, record, span, stored[span.start : span.start + span.length]
    )

    assert opened == content(record.length)[begin:end]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 3), (1, 2), (2, 3)])
def test_whole_frames_open_into_a_buffer(first: int, last: int) -> None:
    begin, end = first * FRAME, min((last + 1) * FRAME, LONG.length)
    span = spool_parts.part_span(LONG, begin, end)
    target = bytearray(end - begin)

    sealed = LONG_STORED[span.start : span.start + span.length]
    spool_parts.open_part_into(UPLOAD_KEY, LONG, span, sealed, memoryview(target))

    assert target == content(LONG.length)[begin:end]


@pytest.mark.parametrize(("begin", "end"), [(1, FRAME), (0, FRAME - 1)])
def test_parts_of_frames_do_not(begin: int, end: int) -> None:
    span = spool_parts.part_span(LONG, begin, end)
    sealed = LONG_STORED[span.start : span.start + span.length]

    with refused("range"):
        spool_parts.open_part_into(
            UPLOAD_KEY, LONG, span, sealed, memoryview(bytearray(end - begin))
        )


def test_a_full_frame_is_held_back_until_another_byte_comes() -> None:
    sealer = PartSealer.fresh(UPLOAD_KEY, PLACE)

    assert sealer.update(bytes(FRAME)) == b""
    assert sealer.recorded == 0
    assert len(sealer.update(b"x")) == SEALED_FRAME
    assert sealer.recorded == FRAME
    assert len(sealer.close()) == 17
    assert sealer.recorded == FRAME + 1


def test_two_parts_of_equal_bytes_share_no_block() -> None:
    one, other = sealed_part(bytes(300))[1], sealed_part(bytes(300))[1]
    blocks = [part[start : start + 16] for part in (one, other) for start in range(17, 349)]

    assert len(set(blocks)) == len(blocks)


def test_a_part_takes_no_more_than_its_limit() -> None:
    sealer = PartSealer.fresh(UPLOAD_KEY, PLACE)
    sealer.update(bytes(67_108_863))
    assert sealer.room == 1

    with pytest.raises(ValueError, match="full"):
        sealer.update(b"xy")

    sealer.update(b"x")
    sealer.close()
    assert sealer.record().length == 67_108_864


def test_there_are_no_empty_parts_and_none_goes_on_after_its_end() -> None:
    sealer = PartSealer.fresh(UPLOAD_KEY, PLACE)
    with pytest.raises(ValueError, match="empty"):
        sealer.close()
    sealer.update(b"x")
    sealer.close()

    with pytest.raises(ValueError, match="closed"):
        sealer.update(b"y")
    with pytest.raises(ValueError, match="closed"):
        sealer.close()


@pytest.mark.parametrize("mask", [1, 0x80])
def test_c_07_each_changed_byte_is_refused(mask: int) -> None:
    for offset in range(len(SHORT_STORED)):
        changed = bytearray(SHORT_STORED)
        changed[offset] ^= mask
        with refused("header", "salt", "frame"):
            spool_parts.open_part(UPLOAD_KEY, SHORT, changed)


def test_c_08_each_other_length_of_a_closed_part_is_refused() -> None:
    for length in range(len(SHORT_STORED)):
        with refused("length"):
            spool_parts.open_part(UPLOAD_KEY, SHORT, SHORT_STORED[:length])
    with refused("length"):
        spool_parts.open_part(UPLOAD_KEY, SHORT, SHORT_STORED + b"\0")


def test_what_lies_beyond_the_recorded_bytes_of_a_cut_part_is_not_read() -> None:
    longer = CUT_STORED + b"half a frame that was never recorded"

    assert spool_parts.open_part(UPLOAD_KEY, CUT, longer) == content(2 * FRAME)
    assert spool_parts.open_part(UPLOAD_KEY, replace(CUT, length=FRAME), longer) == content(FRAME)
    with refused("length"):
        spool_parts.open_part(UPLOAD_KEY, CUT, CUT_STORED[:-1])


def test_a_part_of_which_nothing_was_recorded_has_no_bytes() -> None:
    empty = replace(CUT, length=0)

    assert empty.sealed_length == 48
    assert spool_parts.open_part(UPLOAD_KEY, empty, CUT_STORED) == b""
    with refused("range"):
        spool_parts.part_span(empty, 0, 1)


def test_the_last_flag_comes_from_the_state() -> None:
    whole, whole_stored = sealed_part(content(2 * FRAME))

    with refused("frame"):
        spool_parts.open_part(UPLOAD_KEY, replace(whole, state=PartState.CUT), whole_stored)
    with refused("frame"):
        spool_parts.open_part(UPLOAD_KEY, replace(CUT, state=PartState.CLOSED), CUT_STORED)


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, user=OTHER_USER),
        replace(PLACE, upload=OTHER_FILE),
        replace(PLACE, number=3),
        replace(PLACE, offset=1001),
    ],
    ids=["user", "upload", "number", "offset"],
)
def test_a_part_of_another_place_is_refused(place: PartPlace) -> None:
    other = replace(SHORT, place=place)
    span = spool_parts.part_span(other, 0, 1)

    with refused("header", "frame"):
        spool_parts.open_part(UPLOAD_KEY, other, SHORT_STORED)
    with refused("frame"):
        spool_parts.open_part_span(UPLOAD_KEY, other, span, SHORT_STORED[48:])


def test_another_key_or_salt_is_refused() -> None:
    with refused("frame"):
        spool_parts.open_part(OTHER_KEY, SHORT, SHORT_STORED)
    with refused("salt"):
        spool_parts.open_part(UPLOAD_KEY, replace(SHORT, salt=bytes(32)), SHORT_STORED)


@pytest.mark.parametrize(("begin", "end"), [(-1, 1), (0, 0), (2, 1), (0, 301), (300, 301)])
def test_a_range_outside_the_part_is_refused(begin: int, end: int) -> None:
    with refused("range"):
        spool_parts.part_span(SHORT, begin, end)


def test_a_span_of_another_length_or_record_is_refused() -> None:
    span = spool_parts.part_span(SHORT, 0, 300)

    with refused("length"):
        spool_parts.open_part_span(UPLOAD_KEY, SHORT, span, SHORT_STORED[48:-1])
    with refused("range"):
        spool_parts.open_part_span(UPLOAD_KEY, LONG, span, SHORT_STORED[48:])


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"salt": bytes(31)}, "salt"),
        ({"length": 0}, "length"),
        ({"length": -1}, "length"),
        ({"length": 67_108_865}, "length"),
        ({"length": 300, "state": PartState.CUT}, "length"),
        ({"length": 300, "state": PartState.OPEN}, "length"),
        ({"length": -FRAME, "state": PartState.CUT}, "length"),
    ],
    ids=str,
)
def test_c_28_an_impossible_record_is_refused(change: dict[str, int], cause: str) -> None:
    with refused(cause):
        replace(SHORT, **change)  # type: ignore[arg-type] # one field of several types


@pytest.mark.parametrize(
    "change",
    [
        {"user": bytes(15)},
        {"upload": bytes(17)},
        {"number": -1},
        {"number": 2**32},
        {"offset": -1},
        {"offset": 2**63},
    ],
    ids=str,
)
def test_c_28_an_impossible_place_is_refused(change: dict[str, int]) -> None:
    with refused("context"):
        replace(PLACE, **change)  # type: ignore[arg-type] # one field of several types


@pytest.mark.parametrize(("key", "salt"), [(bytes(31), bytes(32)), (bytes(32), bytes(31))])
def test_a_key_or_salt_of_another_length_is_not_used(key: bytes, salt: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PartSealer(key, PLACE, salt)
