"""The job page in a real browser: live, quiet, one stream for all tabs, steered by its buttons."""

import os
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.journey.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# Notes each sentence that assistive technology would be told.
LISTEN = """() => {
  window.told = [];
  const note = () => window.told.push(document.querySelector("#status").textContent);
  new MutationObserver(note).observe(document.querySelector("#status"), { childList: true });
}"""


def upload(visitor: Visitor, tmp_path: Path, size: int) -> None:
    path = tmp_path / "tour.bin"
    path.write_bytes(os.urandom(size))
    visitor.upload(path)


@pytest.mark.every_page
def test_a_paused_job_says_so_and_goes_on_when_it_is_resumed(
    visitor: Visitor, house: House, tmp_path: Path
) -> None:
    upload(visitor, tmp_path, 1 << 20)  # waits for an account
    visitor.click("Pause")
    visitor.wait_for_chip("Paused")
    expect(visitor.page.locator("main")).to_contain_text("This job is paused.")
    address = visitor.page.url
    visitor.link_folder(house.data_dir / "folders" / secrets.token_hex(4))
    visitor.page.goto(address)
    expect(visitor.page.locator("#job-body .head .chip").first).to_have_text("Paused")

    visitor.click("Resume")
    visitor.wait_for_chip("Done")
    with visitor.page.expect_download() as waiting:
        visitor.click("Download log")

    log = Path(waiting.value.path()).read_text()
    assert "Paused at your request." in log
    assert log.rstrip().endswith("1 file stored.")
    assert visitor.complaints == []


@pytest.mark.every_page
def test_check_9_a_job_speaks_at_most_eight_times_and_of_its_end_once(
    visitor: Visitor, house: House, tmp_path: Path
) -> None:
    if not visitor.has_scripts:
        pytest.skip("Without scripts nothing speaks by itself.")
    upload(visitor, tmp_path, 1 << 20)
    visitor.page.evaluate(LISTEN)
    other = visitor.page.context.new_page()
    other.goto(visitor.page.url)
    visitor_link = Visitor(visitor.page.context.new_page(), house.base, has_scripts=True)
    visitor_link.link_folder(house.data_dir / "folders" / secrets.token_hex(4))

    visitor.wait_for_chip("Done")
    # The other tab has no stream and no poll of its own: it hears of it from the first.
    expect(other.locator("#job-body .head .chip").first).to_have_text("Done")
    told = visitor.page.evaluate("window.told")

    assert len(told) <= 8
    assert [sentence for sentence in told if "Done" in sentence] == told[-1:]
    assert len(told) == len(set(told))


@pytest.mark.every_page
def test_a_stream_that_is_refused_leaves_a_page_that_polls(
    visitor: Visitor, house: House, tmp_path: Path
) -> None:
    if not visitor.has_scripts:
        pytest.skip("Without scripts there is no stream.")
    refused: list[str] = []

    def refuse(route: object) -> None:
        refused.append("")
        route.fulfill(status=204)  # type: ignore[attr-defined]

    visitor.page.route("**/events", refuse)
    upload(visitor, tmp_path, 1000)
    second = Visitor(visitor.page.context.new_page(), house.base, has_scripts=True)
    second.link_folder(house.data_dir / "folders" / secrets.token_hex(4))

    visitor.wait_for_chip("Done")
    assert refused == [""]


@pytest.mark.every_page
def test_check_16_without_scripts_nothing_refreshes_unasked(
    visitor: Visitor, tmp_path: Path
) -> None:
    if visitor.has_scripts:
        pytest.skip("With scripts the page is live.")
    upload(visitor, tmp_path, 1000)
    assert visitor.page.locator("meta[http-equiv=refresh]").count() == 0
    visitor.click("Update by itself every 5 seconds")
    assert visitor.page.locator("meta[http-equiv=refresh]").get_attribute("content") == "5"
