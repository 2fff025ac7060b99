"""Signing an account in again, on the pages and without JavaScript."""

import re
import uuid
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from balancecloud.library.gateway import Gateway
from balancecloud.models.clouds import CloudAccount, LinkAttempt
from tests.library.accounts.test_signing_in_again import waiting_work
from tests.library.accounts.world import Sim, consent, new_address
from tests.web.browser import Browser
from tests.web.clouds.test_clouds_pages import (
    CONTINUE,
    accounts,
    come_back,
    link,
    linker_of,
)

pytestmark = [pytest.mark.real, pytest.mark.sim]


def begin_again(browser: Browser, account_id: str) -> str:
    """Press the button of the page; return where the next page leads."""
    page = browser.submit(f"/clouds/{account_id}/sign-in", {})
    assert page.status_code == 200, page.text
    found = CONTINUE.search(page.text)
    assert found
    return unescape(found.group(1))


def revoked(browser: Browser, sim: Sim, address: str) -> str:
    account_id = link(browser, "google_drive", address)
    sim.revoke("google_drive", address)
    browser.submit("/clouds", {}, action=f"/clouds/{account_id}/refresh")
    browser.get("/clouds")  # takes the notice
    return account_id


def wrong_account(browser: Browser, account_id: str, address: str) -> TestResponse:
    answer = consent(begin_again(browser, account_id), address)
    return come_back(browser, "google_drive", answer)


def test_the_page_says_why_and_leads_back_to_the_same_account(browser: Browser, sim: Sim) -> None:
    browser.register()
    address = new_address()
    account_id = revoked(browser, sim, address)
    listed = browser.get("/clouds").text
    assert "it was revoked, or it expired" in listed
    assert f'href="/clouds/{account_id}/sign-in"' in listed
    page = browser.get(f"/clouds/{account_id}/sign-in").text
    assert address in page
    assert "Another account is refused" in page
    query = parse_qs(urlsplit(begin_again(browser, account_id)).query)
    assert query["login_hint"] == [address]


def test_f28_signing_in_to_the_same_account_resumes_with_one_notice(
    browser: Browser, gateway: Gateway, sim: Sim, redis_url: str
) -> None:
    browser.register()
    address = new_address()
    account_id = revoked(browser, sim, address)
    waiting_work(gateway, linker_of(gateway))
    with Redis.from_url(redis_url) as client:
        before = rings(client)
        confirm = wrong_account(browser, account_id, address).headers["Location"]
        assert "It is the same account" in browser.get(confirm).text
        assert accounts(gateway)[0].state.value == "sign_in_again"
        done = browser.submit(confirm, {})
        assert (done.status_code, done.headers["Location"]) == (303, "/clouds")
        assert rings(client) == before + 1
    page = browser.get("/clouds").text
    assert page.count("is signed in again. What waited for it goes on by itself.") == 1
    assert "Healthy" in page
    assert "account needs you" not in page
    assert "is signed in again" not in browser.get("/clouds").text
    assert len(accounts(gateway)) == 1


def rings(client: Redis) -> int:
    queues = [key for key in client.keys("rq:queue:*") if client.type(key) == b"list"]
    return sum(client.llen(key) for key in queues)


def test_f29_another_account_is_refused_with_both_names_and_may_be_added(
    browser: Browser, gateway: Gateway, sim: Sim
) -> None:
    browser.register()
    address, other = new_address(), new_address()
    account_id = revoked(browser, sim, address)
    refused = wrong_account(browser, account_id, other)
    assert refused.status_code == 400
    text = re.sub(r"<[^>]+>", "", refused.text)
    assert f"You signed in as {other}; this account is {address}." in text
    assert "Nothing was changed" in text
    assert 'action="/clouds/link/google_drive"' in refused.text
    assert f'href="/clouds/{account_id}/sign-in"' in refused.text
    added = link(browser, "google_drive", other)
    assert added != account_id
    assert {one.address for one in accounts(gateway)} == {address, other}


def test_f29_an_account_that_is_linked_already_is_not_offered_again(
    browser: Browser, sim: Sim
) -> None:
    browser.register()
    other = new_address()
    link(browser, "google_drive", other)
    account_id = revoked(browser, sim, new_address())
    refused = wrong_account(browser, account_id, other)
    assert "is linked as “Google Drive”" in refused.text
    assert 'action="/clouds/link/google_drive"' not in refused.text


def test_what_a_provider_says_of_a_person_is_text_on_the_page(
    browser: Browser, gateway: Gateway, sim: Sim
) -> None:
    browser.register()
    account_id = revoked(browser, sim, new_address())
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(address="<b>x</b>@example.com"))
    hostile = "&lt;b&gt;x&lt;/b&gt;@example.com"
    assert hostile in browser.get(f"/clouds/{account_id}/sign-in").text
    page = wrong_account(browser, account_id, new_address()).text
    assert hostile in page
    assert "<b>x</b>" not in page


NO_GOOD: tuple[dict[str, str], ...] = (
    {"error": "access_denied"},
    {"error": "<script>alert(1)</script>"},
    {"code": "not-a-code"},
    {"code": ""},
    {"code": "x" * 5000},
)


def test_an_answer_that_means_no_good_changes_nothing(
    browser: Browser, gateway: Gateway, sim: Sim
) -> None:
    browser.register()
    account_id = revoked(browser, sim, new_address())
    for answer in NO_GOOD:
        state = parse_qs(urlsplit(begin_again(browser, account_id)).query)["state"][0]
        page = come_back(browser, "google_drive", {**answer, "state": state})
        assert page.status_code == 400, answer
        assert "<script>alert" not in page.text
    assert accounts(gateway)[0].state.value == "sign_in_again"
    with gateway.sessions() as session:
        assert session.scalars(select(LinkAttempt.id)).all() == []


def test_a_stranger_finds_no_such_account_and_a_folder_has_no_such_page(
    app: Flask, browser: Browser, gateway: Gateway, sim: Sim
) -> None:
    browser.register("ada@example.org")
    account_id = link(browser, "google_drive")
    browser.submit("/clouds/link/folder", {"path": "nas"})
    folder = next(one.id for one in accounts(gateway) if one.provider == "folder")
    eve = Browser(app)
    eve.register("eve@example.org")
    for who, wanted in ((eve, account_id), (browser, folder), (browser, uuid.uuid4())):
        path = f"/clouds/{wanted}/sign-in"
        assert who.get(path).status_code == 404
        assert who.post(path, {"csrf_token": who.token("/settings")}).status_code == 404
    with gateway.sessions() as session:
        assert session.scalars(select(LinkAttempt.id)).all() == []


def test_the_side_column_counts_who_needs_somebody(browser: Browser, sim: Sim) -> None:
    browser.register()
    link(browser, "google_drive")
    assert "account needs you" not in browser.get("/files").text
    revoked(browser, sim, new_address())
    page = browser.get("/files").text
    assert "1 account needs you" in page
    assert page.count('aria-label="1 needs you"') == 2  # beside the pages, and below on a phone


def test_simulated_clouds_lead_to_their_weather(browser: Browser, sim: Sim) -> None:
    browser.register()
    assert f'href="{sim.url}/weather"' in browser.get("/clouds").text
