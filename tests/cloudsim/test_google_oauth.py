"""Google's sign-in."""

import base64
from urllib.parse import urlencode

import pytest

from tests.cloudsim.client import (
    CLIENT,
    DRIVE,
    DRIVE_FILE,
    GOOGLE_TOKEN,
    REDIRECT,
    Browser,
    Drive,
    challenge_of,
    code_fields,
    google_query,
    google_tokens,
    refresh_fields,
)

pytestmark = pytest.mark.sim
REVOKE = "/google/revoke"


def code_for(browser: Browser, **more: str) -> str:
    return browser.send("GET", google_query(sim_person="anna@example.com", **more)).location_query[
        "code"
    ]


def test_a_program_consents_at_once_and_is_sent_back_with_code_state_and_scope(
    browser: Browser,
) -> None:
    answer = browser.send("GET", google_query(sim_person="anna@example.com"))
    assert answer.status == 302
    assert answer.location.startswith(REDIRECT + "?")
    assert answer.location_query.keys() == {"state", "code", "scope"}
    assert answer.location_query["state"] == "abc"


def test_the_token_answer_has_the_documented_shape(browser: Browser) -> None:
    tokens = google_tokens(browser, "anna@example.com")
    expected = {"access_token", "expires_in", "refresh_token", "scope", "token_type"}
    assert tokens.keys() == expected
    assert (tokens["expires_in"], tokens["token_type"]) == (3599, "Bearer")
    assert tokens["scope"] == DRIVE_FILE


def test_a_code_works_once(browser: Browser) -> None:
    code = code_for(browser)
    assert browser.post_form(GOOGLE_TOKEN, code_fields(code)).status == 200
    again = browser.post_form(GOOGLE_TOKEN, code_fields(code))
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


def test_what_is_no_code_is_malformed(browser: Browser) -> None:
    answer = browser.post_form(GOOGLE_TOKEN, code_fields("nonsense"))
    assert (answer.status, answer.json["error_description"]) == (400, "Malformed auth code.")


def test_a_code_dies_after_ten_minutes(browser: Browser) -> None:
    code = code_for(browser)
    browser.control("POST", "clock", {"seconds": 601})
    answer = browser.post_form(GOOGLE_TOKEN, code_fields(code))
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_another_redirect_address_at_the_token_endpoint_is_refused(browser: Browser) -> None:
    fields = code_fields(code_for(browser), redirect_uri=REDIRECT + "/")
    answer = browser.post_form(GOOGLE_TOKEN, fields)
    assert (answer.status, answer.json["error"]) == (400, "redirect_uri_mismatch")


def test_a_wrong_secret_is_401_invalid_client(browser: Browser) -> None:
    fields = code_fields(code_for(browser), client_secret="wrong")
    answer = browser.post_form(GOOGLE_TOKEN, fields)
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


def test_basic_authentication_is_as_good_as_the_body(browser: Browser) -> None:
    fields = code_fields(code_for(browser))
    del fields["client_id"], fields["client_secret"]
    coded = base64.b64encode(":".join(CLIENT).encode()).decode()
    answer = browser.post_form(GOOGLE_TOKEN, fields, headers={"Authorization": f"Basic {coded}"})
    assert answer.status == 200


def test_parameters_may_all_stand_in_the_query(browser: Browser) -> None:
    query = urlencode(code_fields(code_for(browser)))
    assert browser.send("POST", f"{GOOGLE_TOKEN}?{query}", body=b"").status == 200


@pytest.mark.parametrize("verifier", ["", "another-verifier-of-the-right-length-0123456789"])
def test_pkce_needs_the_very_verifier(browser: Browser, verifier: str) -> None:
    challenge = challenge_of("the-verifier-that-was-made-for-this-0123456789")
    code = code_for(browser, code_challenge=challenge, code_challenge_method="S256")
    fields = code_fields(code, **({"code_verifier": verifier} if verifier else {}))
    answer = browser.post_form(GOOGLE_TOKEN, fields)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_pkce_with_the_right_verifier_succeeds(browser: Browser) -> None:
    verifier = "the-verifier-that-was-made-for-this-0123456789"
    code = code_for(browser, code_challenge=challenge_of(verifier), code_challenge_method="S256")
    fields = code_fields(code, code_verifier=verifier)
    assert browser.post_form(GOOGLE_TOKEN, fields).status == 200


@pytest.mark.parametrize("method", ["plain", ""])
def test_plain_pkce_is_refused_on_a_page(browser: Browser, method: str) -> None:
    more = {"code_challenge_method": method} if method else {}
    answer = browser.send("GET", google_query(code_challenge="x" * 43, **more))
    assert answer.status == 400
    assert b"S256" in answer.data


@pytest.mark.parametrize(
    "redirect",
    ["http://evil.example/back", "ftp://localhost/", "http://localhost:1/#x", "", "javascript:1"],
)
def test_a_forbidden_redirect_address_gets_a_page_and_no_redirect(
    browser: Browser, redirect: str
) -> None:
    query = google_query(redirect_uri=redirect, sim_person="anna@example.com")
    answer = browser.send("GET", query)
    assert answer.status == 400
    assert "Location" not in answer.headers


def test_refreshing_keeps_the_refresh_token_and_gives_none_back(browser: Browser) -> None:
    token = google_tokens(browser, "anna@example.com")["refresh_token"]
    for _ in range(2):
        answer = browser.post_form(GOOGLE_TOKEN, refresh_fields(token))
        assert answer.status == 200
        assert "refresh_token" not in answer.json


def test_a_second_consent_gives_no_refresh_token(browser: Browser) -> None:
    assert "refresh_token" in google_tokens(browser, "anna@example.com")
    assert "refresh_token" not in google_tokens(browser, "anna@example.com")


def test_prompt_consent_gives_a_refresh_token_again(browser: Browser) -> None:
    google_tokens(browser, "anna@example.com")
    assert "refresh_token" in google_tokens(browser, "anna@example.com", prompt="consent")


def test_online_access_has_no_refresh_token(browser: Browser) -> None:
    tokens = google_tokens(browser, "anna@example.com", access_type="online")
    assert "refresh_token" not in tokens


def test_the_hundred_and_first_refresh_token_silently_ends_the_oldest(browser: Browser) -> None:
    first = google_tokens(browser, "anna@example.com", prompt="consent")["refresh_token"]
    for _ in range(100):
        browser.control("POST", "clock", {"seconds": 1})
        google_tokens(browser, "anna@example.com", prompt="consent")
    answer = browser.post_form(GOOGLE_TOKEN, refresh_fields(first))
    assert answer.json["error"] == "invalid_grant"


def test_revoking_ends_access_and_refresh_at_once(browser: Browser) -> None:
    tokens = google_tokens(browser, "anna@example.com")
    assert browser.post_form(REVOKE, {"token": tokens["refresh_token"]}).status == 200
    about = Drive(browser, tokens["access_token"]).send("GET", "drive/v3/about?fields=user")
    assert (about.status, about.reason) == (401, "authError")
    refreshed = browser.post_form(GOOGLE_TOKEN, refresh_fields(tokens["refresh_token"]))
    assert refreshed.json == {
        "error": "invalid_grant",
        "error_description": "Token has been expired or revoked.",
    }


def test_revoking_twice_is_invalid_token(browser: Browser) -> None:
    token = google_tokens(browser, "anna@example.com")["refresh_token"]
    browser.post_form(REVOKE, {"token": token})
    again = browser.post_form(REVOKE, {"token": token})
    assert (again.status, again.json["error"]) == (400, "invalid_token")


def test_an_access_token_dies_after_an_hour(browser: Browser) -> None:
    drive = Drive(browser, google_tokens(browser, "anna@example.com")["access_token"])
    browser.control("POST", "clock", {"seconds": 3600})
    answer = drive.send("GET", "drive/v3/about?fields=user")
    assert (answer.status, answer.reason) == (401, "authError")
    assert answer.json["error"]["status"] == "UNAUTHENTICATED"


def test_a_refresh_token_dies_of_half_a_year_of_disuse(browser: Browser) -> None:
    token = google_tokens(browser, "anna@example.com")["refresh_token"]
    browser.control("POST", "clock", {"seconds": 181 * 86400})
    answer = browser.post_form(GOOGLE_TOKEN, refresh_fields(token))
    assert answer.json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("kind", "error"),
    [("password", "unsupported_grant_type"), ("", "invalid_request")],
)
def test_other_grant_types_are_refused(browser: Browser, kind: str, error: str) -> None:
    answer = browser.post_form(GOOGLE_TOKEN, refresh_fields("x", grant_type=kind))
    assert (answer.status, answer.json["error"]) == (400, error)


def test_the_granted_scope_decides_what_the_api_allows(browser: Browser) -> None:
    tokens = google_tokens(browser, "anna@example.com", scope="openid email")
    answer = Drive(browser, tokens["access_token"]).send("GET", "drive/v3/about?fields=user")
    assert (answer.status, answer.reason) == (403, "insufficientPermissions")
    assert answer.json["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


def test_a_reading_scope_does_not_write(browser: Browser) -> None:
    tokens = google_tokens(browser, "anna@example.com", scope=DRIVE + ".readonly")
    answer = Drive(browser, tokens["access_token"]).send("POST", "drive/v3/files", json={})
    assert (answer.status, answer.reason) == (403, "insufficientPermissions")


def test_an_unknown_scope_gets_a_page(browser: Browser) -> None:
    answer = browser.send("GET", google_query(scope="https://example.com/auth/everything"))
    assert answer.status == 400
    assert b"invalid_scope" in answer.data


def test_include_granted_scopes_keeps_the_earlier_ones(browser: Browser) -> None:
    google_tokens(browser, "anna@example.com", scope="openid")
    tokens = google_tokens(browser, "anna@example.com", include_granted_scopes="true")
    assert set(tokens["scope"].split()) == {"openid", DRIVE_FILE}
