"""Lane maps: nothing is drawn that is not so, and the table says the same."""

from balancecloud.web import lanes
from tests.web.pages import account_samples as states
from tests.web.pages import samples, where_samples


def test_each_account_has_a_row_with_its_counts() -> None:
    chunks = where_samples.placed(states.ACCOUNTS[:3], 22).chunk_map
    assert chunks
    drawn = lanes.draw_chunk_map(chunks)
    assert [row.account.letter for row in drawn] == ["G", "O", "W"]
    assert [(row.stored_count, row.total) for row in drawn] == [(22, 22)] * 3
    assert all(row.stored.count("M") == 22 and not row.wrong for row in drawn)


def test_what_fails_is_crossed_out_and_not_counted() -> None:
    chunks = where_samples.placed(states.ACCOUNTS[:3], 300, missing=12).chunk_map
    assert chunks
    drawn = lanes.draw_chunk_map(chunks)
    assert all(row.total <= 28 for row in drawn)
    assert [row.wrong.count("M") for row in drawn] == [1, 0, 0]
    assert [row.stored_count for row in drawn] == [chunks.columns - 1, *[chunks.columns] * 2]


def test_a_job_s_map_draws_each_cell_once() -> None:
    chunks = samples.chunk_map(73, 146, 58)
    for lane, row in zip(chunks.lanes, lanes.draw_chunk_map(chunks), strict=True):
        states = [cell.state for cell in lane.cells]
        assert row.stored.count("M") == states.count("stored") == row.stored_count
        assert row.waiting.count("M") == states.count("sealed")
        assert row.absent.count("M") == states.count("planned") + states.count("failed")
        assert row.wrong.count("M") == states.count("failed")
