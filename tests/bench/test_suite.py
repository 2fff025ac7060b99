"""Two cheap rows run through, without the peer."""

import json
import shutil
from pathlib import Path

import pytest

from bench.__main__ import write
from bench.content import Content
from bench.figures import NOT_INSTALLED, Figure
from bench.run import Run
from bench.suite import keep_logs, measured, run_rows

pytestmark = [pytest.mark.real, pytest.mark.sim]


@pytest.mark.long
def test_two_rows_run_and_are_written_down_without_the_peer(tmp_path: Path) -> None:
    said: list[str] = []

    outcomes = run_rows(["seal", "cpu"], lambda at: Run(at, True, None), said.append)

    assert [one.failure for one in outcomes] == ["", ""]
    write(outcomes, tmp_path, is_small=True)
    document = json.loads((tmp_path / "engine.json").read_text())
    seal, cpu = (row["figures"] for row in document["rows"])
    assert all(figure["ours"] > 0 for figure in (*seal, *cpu))
    assert seal[3]["of_limit"] == pytest.approx(seal[3]["ours"] / seal[3]["limit"])
    assert {figure["peer"] for figure in cpu} == {NOT_INSTALLED}
    assert cpu[0]["reached"] is None
    assert NOT_INSTALLED in (tmp_path / "engine.md").read_text()


def test_a_row_that_fails_tells_it_in_a_sentence(tmp_path: Path) -> None:
    def fail(_run: Run) -> list[Figure]:
        raise RuntimeError("The file | was not stored.\nMore of it.")

    outcome = measured("store", fail, Run(tmp_path, True, None))

    assert outcome.failure == "RuntimeError: The file / was not stored."
    assert outcome.figures == ()


def test_what_the_house_of_a_failed_row_logged_is_kept(tmp_path: Path) -> None:
    logs = tmp_path / "world" / "data" / "logs"
    logs.mkdir(parents=True)
    (logs / "web.log").write_text("ERROR what went wrong\n")

    kept = keep_logs(tmp_path)

    assert (kept / "web.log").read_text() == "ERROR what went wrong\n"
    shutil.rmtree(kept)


def test_a_stretch_of_the_content_is_what_was_sent() -> None:
    content = Content((3 << 20) + 77)
    whole = b"".join(content)

    assert len(whole) == content.size
    for begin, length in ((0, 10), ((1 << 20) - 5, 10), ((1 << 20) + 3, 2 << 20), (3 << 20, 77)):
        assert content.range(begin, length) == whole[begin : begin + length]
