"""Packs: walked, cut and bound by the headers of their chunks."""

import pytest

from balancecloud.crypto import chunks, packs
from tests.crypto.refusals import refused
from tests.crypto.samples import FILE_KEY, USER_KEY, content, place

SIZES = (600, 0, 1024)
CHUNKS = [chunks.seal(place(size), FILE_KEY, USER_KEY, content(size)) for size in SIZES]
PACK = b"".join(CHUNKS)
DIGEST = packs.digest(packs.header_of(chunk) for chunk in CHUNKS)


def test_a_pack_is_walked_to_its_end() -> None:
    extents = packs.walk(memoryview(PACK))

    assert [length for _, length in extents] == [len(chunk) for chunk in CHUNKS]
    assert [PACK[offset : offset + length] for offset, length in extents] == CHUNKS


def test_a_chunk_is_cut_out_and_opens() -> None:
    offset = len(CHUNKS[0]) + len(CHUNKS[1])

    cut = packs.cut(PACK, offset, place(1024))

    salt = chunks.salt_of(CHUNKS[2])
    assert chunks.open_whole(place(1024), FILE_KEY, USER_KEY, salt, cut) == content(1024)


@pytest.mark.parametrize("offset", [-1, len(PACK) - 1, len(PACK), 2**63])
def test_a_chunk_beyond_the_pack_is_refused(offset: int) -> None:
    with refused("length"):
        packs.cut(PACK, offset, place(0))


@pytest.mark.parametrize("length", [0, 1, 207, len(PACK) - 1, len(CHUNKS[0]) + 15])
def test_a_pack_that_ends_inside_a_chunk_is_refused(length: int) -> None:
    with refused("length"):
        packs.walk(PACK[:length])


def test_bytes_after_the_last_chunk_are_refused() -> None:
    with refused("length"):
        packs.walk(PACK + b"\0")
    with refused("magic"):
        packs.walk(PACK + bytes(16))


def test_a_pack_of_another_size_is_refused_before_it_is_walked() -> None:
    with refused("length"):
        packs.walk(bytes(16_777_217))


def test_more_members_than_a_pack_may_have_are_refused() -> None:
    # The smallest thing with a chunk's common header: nothing but the 192 bytes of a header.
    bare = bytes(CHUNKS[1][:12]) + bytes(4) + bytes(176)
    assert len(packs.walk(bare * 8192)) == 8192

    with refused("length"):
        packs.walk(bare * 8193)


def test_the_digest_binds_members_and_their_order() -> None:
    packs.check_digest(PACK, DIGEST)

    for other in ([2, 1, 0], [0, 1], [0, 1, 2, 1]):
        with refused("digest"):
            packs.check_digest(b"".join(CHUNKS[index] for index in other), DIGEST)
    with refused("digest"):
        packs.check_digest(PACK[:40] + bytes([PACK[40] ^ 1]) + PACK[41:], DIGEST)


def test_a_digest_takes_whole_headers_only() -> None:
    with pytest.raises(ValueError, match="192 bytes"):
        packs.digest([bytes(191)])
