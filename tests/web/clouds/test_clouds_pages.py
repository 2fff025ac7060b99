"""The pages of cloud accounts, without JavaScript."""

import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from balancecloud.config import Config
from balancecloud.extensions import db
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.people import SessionRow, User
from tests.library.accounts.world import Sim, consent, new_address, store_file
from tests.web.browser import PASSWORD, Browser

pytestmark = [pytest.mark.real, pytest.mark.sim]

CONTINUE = re.compile(r'<a class="button primary" href="([^"]+)"')


def begin(browser: Browser, provider: str) -> str:
    """Press the button of the link page; return where the next page leads."""
    page = browser.submit(f"/clouds/link/{provider}", {})
    assert page.status_code == 200, page.text
    found = CONTINUE.search(page.text)
    assert found
    return unescape(found.group(1))


def come_back(browser: Browser, provider: str, values: dict[str, str]) -> TestResponse:
    return browser.get(f"/clouds/callback/{provider}", query_string=values)


def link(browser: Browser, provider: str, address: str | None = None) -> str:
    """Link an account as a person does; return its id."""
    answer = consent(begin(browser, provider), address or new_address())
    confirm = come_back(browser, provider, answer).headers["Location"]
    assert browser.submit(confirm, {}).headers["Location"] == "/clouds"
    with browser.app.app_context():
        query = select(CloudAccount.id).order_by(CloudAccount.created_at.desc())
        return str(db.session.scalars(query).first())


def accounts(gateway: Gateway) -> list[CloudAccount]:
    with gateway.sessions() as session:
        return list(session.scalars(select(CloudAccount)))


def linker_of(gateway: Gateway) -> Linker:
    with gateway.sessions() as session:
        return Linker(session.scalars(select(User.id)).one(), uuid.uuid4())


def test_without_an_account_the_page_invites_to_connect_one(browser: Browser) -> None:
    browser.register()
    page = browser.get("/clouds").text
    assert "Connect your first account" in page
    for provider in ("google_drive", "onedrive", "folder"):
        assert f"/clouds/link/{provider}" in page


@pytest.mark.parametrize(
    ("provider", "title"), [("google_drive", "Google Drive"), ("onedrive", "OneDrive")]
)
def test_a_person_sees_which_account_it_is_before_it_is_linked(
    browser: Browser, gateway: Gateway, sim: Sim, provider: str, title: str
) -> None:
    browser.register()
    address = new_address()
    answer = consent(begin(browser, provider), address)
    returned = come_back(browser, provider, answer)
    assert returned.status_code == 303
    confirm = returned.headers["Location"]
    assert confirm.startswith("/clouds/confirm/")
    assert address in browser.get(confirm).text
    assert accounts(gateway) == []
    done = browser.submit(confirm, {})
    assert (done.status_code, done.headers["Location"]) == (303, "/clouds")
    page = browser.get("/clouds").text
    assert f"{title} is linked." in page
    assert "Healthy" in page
    assert "Simulated" in page
    assert [account.address for account in accounts(gateway)] == [address]


def test_the_way_to_the_provider_is_a_link_and_no_redirect(
    browser: Browser, config: Config
) -> None:
    browser.register()
    url = begin(browser, "google_drive")
    assert url.startswith(f"{config.simulator_url}/google/o/oauth2/v2/auth?")
    assert "code_challenge=" in url
    assert "redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fclouds%2Fcallback%2Fgoogle_drive" in url


def test_t35_coming_back_twice_is_refused(browser: Browser, gateway: Gateway) -> None:
    browser.register()
    answer = consent(begin(browser, "google_drive"), new_address())
    come_back(browser, "google_drive", answer)
    again = come_back(browser, "google_drive", answer)
    assert again.status_code == 400
    assert "no longer valid" in again.text
    assert accounts(gateway) == []


def test_t35_coming_back_signed_out_is_refused_and_the_code_goes_nowhere(
    browser: Browser, gateway: Gateway
) -> None:
    browser.register()
    answer = consent(begin(browser, "google_drive"), new_address())
    browser.submit("/settings", {}, action="/sign-out")
    refused = come_back(browser, "google_drive", answer)
    assert refused.status_code == 400
    assert "Location" not in refused.headers
    assert answer["code"] not in refused.text
    browser.sign_in()
    assert come_back(browser, "google_drive", answer).status_code == 400
    assert accounts(gateway) == []


def test_t35_the_answer_to_another_person_is_refused(
    app: Flask, browser: Browser, gateway: Gateway
) -> None:
    browser.register("ada@example.org")
    eve = Browser(app)
    eve.register("eve@example.org")
    answer = consent(begin(eve, "google_drive"), new_address())
    assert come_back(browser, "google_drive", answer).status_code == 400
    confirm = come_back(eve, "google_drive", answer).headers["Location"]
    assert browser.get(confirm).status_code == 404
    stolen = browser.post(confirm, {"csrf_token": browser.token("/settings")})
    assert stolen.status_code == 404
    assert accounts(gateway) == []


def test_saying_no_at_the_provider_is_told_in_words(browser: Browser) -> None:
    browser.register()
    url = begin(browser, "onedrive")
    state = re.search(r"state=([^&]+)", url)
    assert state
    page = come_back(browser, "onedrive", {"error": "access_denied", "state": state.group(1)})
    assert page.status_code == 400
    assert "The permission was not given" in page.text


def test_t39_too_little_permission_is_told_in_words(browser: Browser, gateway: Gateway) -> None:
    browser.register()
    less = begin(browser, "google_drive").replace("auth%2Fdrive.file", "auth%2Fdrive.appdata")
    page = come_back(browser, "google_drive", consent(less, new_address()))
    assert page.status_code == 400
    assert "permission to store files was not given" in page.text
    assert accounts(gateway) == []


def test_an_account_that_is_full_is_not_linked_and_says_so(
    app: Flask, browser: Browser, gateway: Gateway, sim: Sim
) -> None:
    browser.register("ada@example.org")
    address = new_address()
    other = Browser(app)
    other.register("eve@example.org")
    link(other, "google_drive", address)
    sim.set_quota("google_drive", address, 0)
    confirm = come_back(
        browser, "google_drive", consent(begin(browser, "google_drive"), address)
    ).headers["Location"]
    page = browser.submit(confirm, {})
    assert page.status_code == 400
    assert "The cloud account is full." in page.text
    assert len(accounts(gateway)) == 1


def test_a_folder_is_linked_by_typing_its_path(
    browser: Browser, config: Config, gateway: Gateway
) -> None:
    browser.register()
    root = str(config.folder_roots[0])
    page = browser.get("/clouds/link/folder").text
    assert config.folder_roots[0].name in page
    assert root not in page
    done = browser.submit("/clouds/link/folder", {"path": root})
    assert (done.status_code, done.headers["Location"]) == (303, "/clouds")
    assert [account.provider for account in accounts(gateway)] == ["folder"]


def test_a_folder_elsewhere_is_refused_at_its_field(browser: Browser) -> None:
    browser.register()
    page = browser.submit("/clouds/link/folder", {"path": "/etc"})
    assert page.status_code == 422
    assert "has not allowed that folder" in page.text
    assert 'value="/etc"' in page.text


def test_a_provider_that_does_not_exist_is_not_there(browser: Browser) -> None:
    browser.register()
    assert browser.get("/clouds/link/dropbox").status_code == 404


def test_looking_again_reads_the_room(browser: Browser, gateway: Gateway, sim: Sim) -> None:
    browser.register()
    address = new_address()
    account_id = link(browser, "google_drive", address)
    sim.set_quota("google_drive", address, 6 * 1024**3)
    browser.submit("/clouds", {}, action=f"/clouds/{account_id}/refresh")
    assert accounts(gateway)[0].total_bytes == 6 * 1024**3


def test_looking_again_at_a_dead_grant_asks_to_link_again(browser: Browser, sim: Sim) -> None:
    browser.register()
    address = new_address()
    account_id = link(browser, "google_drive", address)
    sim.revoke("google_drive", address)
    browser.submit("/clouds", {}, action=f"/clouds/{account_id}/refresh")
    page = browser.get("/clouds").text
    assert "Link this account again." in page
    assert "Sign in again" in page
    assert "sign_in_again" not in page


def test_an_empty_account_is_unlinked_with_one_button(browser: Browser, gateway: Gateway) -> None:
    browser.register()
    account_id = link(browser, "google_drive")
    done = browser.submit(f"/clouds/{account_id}/unlink", {})
    assert (done.status_code, done.headers["Location"]) == (303, "/clouds")
    assert accounts(gateway) == []


def test_t47_unlinking_asks_for_a_recent_password(browser: Browser, gateway: Gateway) -> None:
    browser.register()
    account_id = link(browser, "google_drive")
    path = f"/clouds/{account_id}/unlink"
    token = browser.token(path)
    with gateway.sessions.begin() as session:
        session.execute(update(SessionRow).values(auth_time=func.now() - timedelta(minutes=6)))
    for answer in (browser.get(path), browser.post(path, {"csrf_token": token})):
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"/confirm-password?next={path}"
    assert len(accounts(gateway)) == 1
    browser.submit(f"/confirm-password?next={path}", {"password": PASSWORD, "next": path})
    assert browser.submit(path, {}).headers["Location"] == "/clouds"
    assert accounts(gateway) == []


def test_t47_the_api_asks_a_browser_for_the_same(browser: Browser, gateway: Gateway) -> None:
    browser.register()
    account_id = link(browser, "google_drive")
    headers = {"Origin": "http://localhost", "X-CSRF-Token": browser.token("/settings")}
    with gateway.sessions.begin() as session:
        session.execute(update(SessionRow).values(auth_time=func.now() - timedelta(minutes=6)))
    answer = browser.client.delete(f"/api/cloud-accounts/{account_id}", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "sign_in_again_first")
    assert len(accounts(gateway)) == 1


def test_an_account_that_holds_data_wants_its_name_typed(
    browser: Browser, gateway: Gateway
) -> None:
    browser.register()
    account_id = link(browser, "google_drive")
    store_file(gateway, linker_of(gateway), "only <here>.txt", [uuid.UUID(account_id)], 1)
    path = f"/clouds/{account_id}/unlink"
    assert "/only &lt;here&gt;.txt" in browser.get(path).text
    for typed, status in (("", 409), ("Google", 422)):
        refused = browser.submit(path, {"confirm": typed})
        assert refused.status_code == status
        assert "/only &lt;here&gt;.txt" in refused.text
    assert accounts(gateway)[0].state.value == "healthy"
    assert browser.submit(path, {"confirm": "Google Drive"}).status_code == 303
    assert "Connect your first account" in browser.get("/clouds").text
