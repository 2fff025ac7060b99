"""What the services do to files by themselves: empty the bins, and refuse what looks harmful."""

import pytest

from tests.cloudsim.client import Browser, drive_of, onedrive_of

pytestmark = pytest.mark.sim


def test_an_infected_file_is_given_to_its_owner_who_insists(browser: Browser) -> None:
    drive = drive_of(browser, "anna@example.com")
    made = drive.upload({"name": "a"}, b"hello").json["id"]
    browser.control("POST", f"accounts/google/anna@example.com/objects/{made}/infect")
    path = f"drive/v3/files/{made}"
    assert drive.send("GET", f"{path}?alt=media").reason == "cannotDownloadAbusiveFile"
    assert drive.send("GET", f"{path}?alt=media&acknowledgeAbuse=true").data == b"hello"
    assert "_infected" not in drive.send("GET", f"{path}?fields=*").json


def test_an_infected_item_is_refused_with_a_header(browser: Browser) -> None:
    onedrive = onedrive_of(browser, "anna@example.com")
    made = onedrive.put("a", b"hello").json["id"]
    browser.control("POST", f"accounts/microsoft/anna@example.com/objects/{made}/infect")
    where = onedrive.send("GET", f"me/drive/items/{made}/content").location
    answer = browser.send("GET", where)
    assert (answer.status, answer.headers["X-Virus-Infected"]) == (403, "simulated")


@pytest.mark.parametrize(
    ("person", "days"), [("anna@example.com", 30), ("work.anna@example.com", 93)]
)
def test_the_bin_is_emptied_of_what_is_old(browser: Browser, person: str, days: int) -> None:
    made = onedrive_of(browser, person).put("a", b"hello").json["id"]
    onedrive_of(browser, person).send("DELETE", f"me/drive/items/{made}")
    browser.control("POST", "clock", {"seconds": days * 86_400 - 60})
    assert onedrive_of(browser, person).quota()["used"] == 5
    browser.control("POST", "clock", {"seconds": 120})
    assert onedrive_of(browser, person).quota()["used"] == 0


def test_the_bin_of_a_drive_is_emptied_after_30_days(browser: Browser) -> None:
    drive = drive_of(browser, "anna@example.com")
    made = drive.upload({"name": "a"}, b"hello").json["id"]
    drive.send("PATCH", f"drive/v3/files/{made}", json={"trashed": True})
    browser.control("POST", "clock", {"seconds": 30 * 86_400 + 60})
    later = drive_of(browser, "anna@example.com")
    assert later.quota() == {**later.quota(), "usage": "0", "usageInDriveTrash": "0"}
    assert later.send("GET", f"drive/v3/files/{made}").status == 404
