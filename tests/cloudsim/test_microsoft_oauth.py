"""Microsoft's sign-in."""

import pytest

from tests.cloudsim.client import (
    CLIENT,
    MICROSOFT_TOKEN,
    REDIRECT,
    Browser,
    OneDrive,
    challenge_of,
    code_fields,
    microsoft_query,
    microsoft_tokens,
    onedrive_of,
    refresh_fields,
)

pytestmark = pytest.mark.sim


def code_for(browser: Browser, **more: str) -> str:
    query = microsoft_query(sim_person="anna@example.com", **more)
    return browser.send("GET", query).location_query["code"]


def test_the_token_answer_names_the_scopes_without_offline_access(browser: Browser) -> None:
    tokens = microsoft_tokens(browser, "anna@example.com")
    assert tokens["scope"] == "Files.ReadWrite User.Read"
    assert (tokens["expires_in"], tokens["ext_expires_in"]) == (3599, 3599)
    assert tokens["refresh_token"]


def test_without_offline_access_there_is_no_refresh_token(browser: Browser) -> None:
    tokens = microsoft_tokens(browser, "anna@example.com", scope="Files.ReadWrite")
    assert "refresh_token" not in tokens


def test_each_refresh_brings_a_new_refresh_token_and_the_old_one_lives_on(
    browser: Browser,
) -> None:
    first = microsoft_tokens(browser, "anna@example.com")["refresh_token"]
    second = browser.post_form(MICROSOFT_TOKEN, refresh_fields(first)).json["refresh_token"]
    assert second != first
    assert browser.post_form(MICROSOFT_TOKEN, refresh_fields(first)).status == 200
    assert browser.post_form(MICROSOFT_TOKEN, refresh_fields(second)).status == 200


def test_a_dead_refresh_token_is_refused_with_its_code_and_ids(browser: Browser) -> None:
    answer = browser.post_form(MICROSOFT_TOKEN, refresh_fields("nonsense"))
    assert answer.status == 400
    assert answer.json["error"] == "invalid_grant"
    assert answer.json["error_codes"] == [70000]
    assert answer.json["suberror"] == "bad_token"
    assert {"timestamp", "trace_id", "correlation_id", "error_uri"} <= answer.json.keys()


def test_a_refresh_token_that_was_never_used_expires(browser: Browser) -> None:
    token = microsoft_tokens(browser, "anna@example.com")["refresh_token"]
    browser.control("POST", "clock", {"seconds": 90 * 86400 + 1})
    answer = browser.post_form(MICROSOFT_TOKEN, refresh_fields(token)).json
    assert (answer["error_codes"], answer["suberror"]) == ([700082], "token_expired")


@pytest.mark.parametrize(
    ("fields", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": "stranger"}, 400, "unauthorized_client", 700016),
        ({"redirect_uri": REDIRECT + "/"}, 400, "invalid_grant", 500112),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_a_wrong_token_request_has_its_own_error(
    browser: Browser, fields: dict[str, str], status: int, error: str, number: int
) -> None:
    answer = browser.post_form(MICROSOFT_TOKEN, code_fields(code_for(browser), **fields))
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.json["error_codes"] == [number]


def test_a_code_works_once(browser: Browser) -> None:
    code = code_for(browser)
    assert browser.post_form(MICROSOFT_TOKEN, code_fields(code)).status == 200
    again = browser.post_form(MICROSOFT_TOKEN, code_fields(code))
    assert (again.status, again.json["error_codes"]) == (400, [54005])


def test_pkce_needs_the_very_verifier(browser: Browser) -> None:
    verifier = "the-verifier-that-was-made-for-this-0123456789"
    challenge = {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
    wrong = code_fields(code_for(browser, **challenge), code_verifier="wrong")
    assert browser.post_form(MICROSOFT_TOKEN, wrong).json["error_codes"] == [501481]
    right = code_fields(code_for(browser, **challenge), code_verifier=verifier)
    assert browser.post_form(MICROSOFT_TOKEN, right).status == 200


def test_plain_pkce_is_refused(browser: Browser) -> None:
    query = microsoft_query(code_challenge="x" * 43, code_challenge_method="plain")
    assert browser.send("GET", query).location_query["error"] == "invalid_request"


def test_an_unknown_scope_is_told_to_the_client(browser: Browser) -> None:
    answer = browser.send("GET", microsoft_query(scope="Everything.ReadWrite"))
    assert answer.location_query["error"] == "invalid_scope"
    assert answer.location_query["state"] == "abc"


def test_an_unknown_client_gets_a_page(browser: Browser) -> None:
    answer = browser.send("GET", microsoft_query(client_id="stranger"))
    assert answer.status == 400
    assert "Location" not in answer.headers


def test_scopes_are_read_in_any_case_and_with_their_resource(browser: Browser) -> None:
    tokens = microsoft_tokens(
        browser, "anna@example.com", scope="https://graph.microsoft.com/files.readwrite"
    )
    assert tokens["scope"] == "Files.ReadWrite"


@pytest.mark.parametrize(
    ("tenant", "person", "status"),
    [
        ("organizations", "anna@example.com", 400),
        ("organizations", "work.anna@example.com", 302),
        ("consumers", "work.anna@example.com", 400),
        ("consumers", "anna@example.com", 302),
    ],
)
def test_a_tenant_lets_in_its_kind_of_account_only(
    browser: Browser, tenant: str, person: str, status: int
) -> None:
    assert browser.send("GET", microsoft_query(tenant, sim_person=person)).status == status


def test_the_consent_page_of_a_tenant_without_people_is_still_drawn(browser: Browser) -> None:
    assert browser.send("GET", microsoft_query("organizations")).status == 200


def test_the_granted_scope_decides_what_the_api_allows(browser: Browser) -> None:
    reader = onedrive_of(browser, "ben@example.com", scope="Files.Read")
    assert reader.send("GET", "me/drive").status == 200
    denied = reader.put("a.bin", b"x")
    assert (denied.status, denied.reason) == (403, "accessDenied")
    assert reader.send("GET", "me").status == 403


def test_an_empty_or_foreign_token_is_401(browser: Browser) -> None:
    for token in ("", "EwBnonsense"):
        answer = OneDrive(browser, token).send("GET", "me/drive")
        assert (answer.status, answer.reason) == (401, "InvalidAuthenticationToken")


def test_refreshing_cannot_widen_the_scopes(browser: Browser) -> None:
    token = microsoft_tokens(browser, "anna@example.com")["refresh_token"]
    wider = refresh_fields(token, scope="Files.ReadWrite.All")
    answer = browser.post_form(MICROSOFT_TOKEN, wider)
    assert (answer.status, answer.json["suberror"]) == (400, "consent_required")


def test_basic_authentication_is_as_good_as_the_body(browser: Browser) -> None:
    fields = code_fields(code_for(browser))
    del fields["client_id"], fields["client_secret"]
    headers = {"Authorization": "Basic YmFsYW5jZWNsb3VkLWRlbW86c2ltdWxhdGVkLW5vdC1zZWNyZXQ="}
    assert CLIENT == ("balancecloud-demo", "simulated-not-secret")
    assert browser.post_form(MICROSOFT_TOKEN, fields, headers=headers).status == 200
