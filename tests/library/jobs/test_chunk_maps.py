"""The chunk map: which account holds what of a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from balancecloud.errors import Unreachable
from balancecloud.library import chunk_maps
from balancecloud.live.progress import ProgressStore
from balancecloud.models.library import Version
from tests.library.jobs.looking import detail_of
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real


def test_the_chunk_map_shows_which_account_holds_what(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(bytes(5 * CHUNK))
    person.work()

    chunk_map = detail_of(person, progress, arrived.job_id).chunk_map

    assert chunk_map is not None
    assert (chunk_map.chunks, chunk_map.columns, chunk_map.chunks_per_column) == (5, 5, 1)
    held = {
        (lane.account.id, cell.column): cell.state
        for lane in chunk_map.lanes
        for cell in lane.cells
    }
    assert set(held.values()) == {"stored"}
    assert len(held) == 5 * (chunk_map.k + chunk_map.m)
    shards = person.shards(person.version(arrived).id)
    assert sorted(account for account, _ in held) == sorted(row.account_id for row in shards)


def test_before_anything_is_stored_the_map_is_outlines(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(bytes(2 * CHUNK))

    chunk_map = detail_of(person, progress, arrived.job_id).chunk_map

    assert chunk_map is not None
    assert len(chunk_map.lanes) == 3
    assert {cell.state for lane in chunk_map.lanes for cell in lane.cells} == {"planned"}


def test_a_column_of_a_long_file_says_the_worst_of_its_chunks(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(bytes(98 * CHUNK))
    claim = person.claim()

    def stop() -> None:
        with person.tools.sessions() as session:
            if (
                session.scalars(select(Version.stored_bytes)).one() >= 9 * CHUNK
            ):  # so one column has both of its chunks
                raise Unreachable

    with pytest.raises(Unreachable):
        person.store(claim, stop)
    half = detail_of(person, progress, arrived.job_id).chunk_map
    person.lose_lease(claim)
    person.work()
    whole = detail_of(person, progress, arrived.job_id).chunk_map

    assert half is not None
    assert whole is not None
    assert (half.chunks, half.chunks_per_column, half.columns) == (98, 2, 49)
    states = [{cell.column: cell.state for cell in lane.cells} for lane in half.lanes]
    assert all(lane.get(48) == "planned" for lane in states)
    assert any("stored" in lane.values() for lane in states)
    assert {cell.state for lane in whole.lanes for cell in lane.cells} == {"stored"}


@given(st.integers(0, 1 << 50), st.sampled_from([4096, 10 << 20]))
def test_a_map_has_at_most_96_columns_and_room_for_every_chunk(size: int, chunk: int) -> None:
    form = chunk_maps.shape(size, chunk)

    assert 1 <= form.columns <= chunk_maps.MOST_COLUMNS
    assert (form.columns - 1) * form.per_column < form.chunks <= form.columns * form.per_column
