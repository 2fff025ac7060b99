"""The consent pages, as a person uses them."""

import pytest

from tests.cloudsim.client import (
    DRIVE_FILE,
    GOOGLE_TOKEN,
    Browser,
    code_fields,
    drive_of,
    google_query,
    microsoft_query,
)

pytestmark = pytest.mark.sim


def test_the_page_says_that_it_is_simulated_and_lists_people_with_their_usage(
    browser: Browser,
) -> None:
    drive_of(browser, "dora@example.com").upload({"name": "a"}, b"x" * 2048)
    page = browser.send("GET", google_query()).data.decode()
    assert "Simulated Google Drive" in page
    assert "This is not Google" in page
    assert "anna.silva@example.com" in page
    assert "2.0 KB used of 15.0 GB" in page


def test_the_page_runs_no_script_and_is_not_framed(browser: Browser) -> None:
    answer = browser.send("GET", microsoft_query())
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert b"<script" not in answer.data


def test_what_is_in_the_address_is_escaped_on_the_page(browser: Browser) -> None:
    page = browser.send("GET", google_query(state='"><script>alert(1)</script>')).data
    assert b"<script" not in page


def test_approving_as_the_picked_person_leads_back_with_a_code(browser: Browser) -> None:
    fields = {"person": "ben.okoro@example.com", "scope": DRIVE_FILE, "decision": "approve"}
    answer = browser.post_form(google_query(), fields)
    tokens = browser.post_form(GOOGLE_TOKEN, code_fields(answer.location_query["code"]))
    assert tokens.status == 200


def test_a_typed_address_comes_before_the_picked_one_and_makes_the_person(
    browser: Browser,
) -> None:
    fields = {
        "person": "ben.okoro@example.com",
        "new_person": " Eva@Example.com ",
        "scope": DRIVE_FILE,
        "decision": "approve",
    }
    assert browser.post_form(google_query(), fields).status == 302
    accounts = browser.control("GET", "accounts")["accounts"]
    assert [one["address"] for one in accounts] == ["eva@example.com"]


def test_nonsense_for_an_address_is_shown_on_the_page_again(browser: Browser) -> None:
    fields = {"new_person": "nobody", "scope": DRIVE_FILE, "decision": "approve"}
    answer = browser.post_form(google_query(), fields)
    assert answer.status == 400
    assert b"not an address" in answer.data


def test_an_unticked_scope_is_missing_from_the_grant(browser: Browser) -> None:
    fields = {"person": "ben.okoro@example.com", "scope": "openid", "decision": "approve"}
    answer = browser.post_form(google_query(scope=f"openid {DRIVE_FILE}"), fields)
    assert answer.location_query["scope"] == "openid"
    tokens = browser.post_form(GOOGLE_TOKEN, code_fields(answer.location_query["code"])).json
    assert tokens["scope"] == "openid"


def test_a_scope_that_was_not_asked_for_cannot_be_slipped_in(browser: Browser) -> None:
    fields = [
        ("person", "ben.okoro@example.com"),
        ("scope", "https://www.googleapis.com/auth/drive"),
        ("scope", DRIVE_FILE),
        ("decision", "approve"),
    ]
    answer = browser.post_form(google_query(), fields)
    assert answer.location_query["scope"] == DRIVE_FILE


@pytest.mark.parametrize("query", [google_query(), microsoft_query()])
def test_denying_leads_back_with_access_denied(browser: Browser, query: str) -> None:
    fields = {"person": "ben.okoro@example.com", "scope": DRIVE_FILE, "decision": "deny"}
    answer = browser.post_form(query, fields)
    assert answer.status == 302
    assert answer.location_query["error"] == "access_denied"
    assert answer.location_query["state"] == "abc"
    assert "code" not in answer.location_query


def test_the_hinted_person_is_picked(browser: Browser) -> None:
    page = browser.send("GET", google_query(login_hint="chiara.rossi@example.com")).data.decode()
    assert 'value="chiara.rossi@example.com" checked' in page


def test_the_index_says_what_this_is(browser: Browser) -> None:
    page = browser.send("GET", "/").data.decode()
    assert "Neither Google nor Microsoft is involved" in page
    assert browser.send("GET", "/style.css").status == 200
    assert browser.send("GET", "/nothing/here").status == 404
