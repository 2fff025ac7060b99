"""What every spool promises; a subclass with a `spool` is the whole test of one."""

import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from balancecloud.errors import BrokenUpload, NoSpoolSpace, Unavailable
from balancecloud.storage.spool import Spool

# Small enough to be quick; longer than several segments of the spools under test.
SEGMENT_BYTES = 64
CONTENT = bytes(itertools.islice(itertools.cycle(range(251)), 5 * SEGMENT_BYTES + 7))


def write(spool: Spool, upload: uuid.UUID, number: int, sealed: bytes) -> None:
    part = spool.create(upload, number)
    part.append(sealed)
    part.sync()
    part.close()


class SpoolSuite:
    """Every promise of the port."""

    @pytest.mark.parametrize("step", [1, 63, 64, 65, len(CONTENT)])
    def test_what_was_appended_in_any_pieces_is_read_back(self, spool: Spool, step: int) -> None:
        upload = uuid.uuid4()
        part = spool.create(upload, 0)
        for begin in range(0, len(CONTENT), step):
            part.append(memoryview(CONTENT)[begin : begin + step])
        part.sync()
        part.close()

        assert spool.read(upload, 0, 0, len(CONTENT)) == CONTENT

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, 1), (3, 4), (63, 2), (64, 64), (60, 140), (320, 7), (326, 1), (5, 0)],
    )
    def test_a_range_is_read_exactly(self, spool: Spool, start: int, length: int) -> None:
        upload = uuid.uuid4()
        write(spool, upload, 0, CONTENT)

        assert spool.read(upload, 0, start, length) == CONTENT[start : start + length]

    @pytest.mark.parametrize(
        ("number", "start", "length"),
        [(1, 0, 1), (0, 0, 328), (0, 320, 8), (0, 327, 1), (0, 5000, 1)],
    )
    def test_what_is_not_there_is_unavailable(
        self, spool: Spool, number: int, start: int, length: int
    ) -> None:
        upload = uuid.uuid4()
        write(spool, upload, 0, CONTENT)

        with pytest.raises(Unavailable):
            spool.read(upload, number, start, length)

    def test_what_was_synced_survives_a_writer_that_is_cut(self, spool: Spool) -> None:
        upload = uuid.uuid4()
        part = spool.create(upload, 0)
        part.append(CONTENT[:100])
        part.sync()
        part.append(CONTENT[100:])

        assert spool.read(upload, 0, 0, 100) == CONTENT[:100]

    def test_a_part_grows_after_it_was_synced(self, spool: Spool) -> None:
        upload = uuid.uuid4()
        part = spool.create(upload, 0)
        for begin in range(0, len(CONTENT), 50):
            part.append(CONTENT[begin : begin + 50])
            part.sync()
            part.sync()
        part.close()

        assert spool.read(upload, 0, 0, len(CONTENT)) == CONTENT

    @pytest.mark.parametrize("kept", [1, 64, 100, 300])
    def test_a_cut_writer_leaves_nothing_that_a_sweep_does_not_find(
        self, spool: Spool, kept: int
    ) -> None:
        upload = uuid.uuid4()
        part = spool.create(upload, 0)
        part.append(CONTENT[:kept])
        part.close()
        for found in list(spool.uploads()):
            spool.remove(found)

        assert list(spool.uploads()) == []
        with pytest.raises(Unavailable):
            spool.read(upload, 0, 0, 1)

    def test_a_part_is_never_written_twice(self, spool: Spool) -> None:
        upload = uuid.uuid4()
        write(spool, upload, 0, CONTENT)

        with pytest.raises(NoSpoolSpace):
            write(spool, upload, 0, bytes(len(CONTENT)))
        assert spool.read(upload, 0, 0, len(CONTENT)) == CONTENT

    def test_removing_takes_every_part_of_one_upload_and_may_be_repeated(
        self, spool: Spool
    ) -> None:
        kept, gone = uuid.uuid4(), uuid.uuid4()
        for upload in (kept, gone):
            write(spool, upload, 0, CONTENT)
            write(spool, upload, 1, b"y")
        spool.remove(gone)
        spool.remove(gone)
        spool.remove(uuid.uuid4())

        assert list(spool.uploads()) == [kept]
        assert spool.read(kept, 0, 0, len(CONTENT)) == CONTENT
        with pytest.raises(Unavailable):
            spool.read(gone, 1, 0, 1)

    def test_a_part_whose_upload_was_removed_is_not_said_to_be_durable(self, spool: Spool) -> None:
        upload = uuid.uuid4()
        part = spool.create(upload, 0)
        part.append(CONTENT)
        spool.remove(upload)

        with pytest.raises(BrokenUpload):
            part.sync()
        part.close()

    def test_there_is_room_and_it_can_be_written(self, spool: Spool) -> None:
        spool.check()

        assert spool.free_bytes() > 0

    def test_readers_and_writers_at_once_do_not_disturb_each_other(self, spool: Spool) -> None:
        uploads = [uuid.uuid4() for _ in range(8)]

        def go(upload: uuid.UUID) -> bytes:
            write(spool, upload, 0, CONTENT + upload.bytes)
            return b"".join(spool.read(upload, 0, at, 49) for at in range(0, 343, 49))

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(go, uploads))
        assert found == [CONTENT + upload.bytes for upload in uploads]
        assert set(spool.uploads()) == set(uploads)
