"""/api/cloud-accounts, as a program meets it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from balancecloud.config import Config
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.models.jobs import Work
from balancecloud.models.people import User
from balancecloud.models.states import WorkKind, WorkState
from tests.library.accounts.world import Sim, consent, new_address, store_file
from tests.web.browser import Browser
from tests.web.program import Program

pytestmark = [pytest.mark.real, pytest.mark.sim]

HOME = "/api/cloud-accounts"


def connect(program: Program, provider: str) -> dict[str, str]:
    answer = program.call("POST", f"{HOME}/connect/{provider}")
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def finish(program: Program, provider: str, values: dict[str, str]) -> TestResponse:
    return program.call("GET", f"{HOME}/callback/{provider}", query_string=values)


def link(program: Program, provider: str, address: str | None = None) -> str:
    answer = consent(connect(program, provider)["oauth_url"], address or new_address())
    linked = finish(program, provider, answer)
    assert linked.status_code == 200, linked.text
    return str(linked.get_json()["account_id"])


def accounts(program: Program) -> list[dict[str, Any]]:
    return list(program.call("GET", HOME).get_json()["accounts"])


def linker_of(gateway: Gateway) -> Linker:
    with gateway.sessions() as session:
        return Linker(session.scalars(select(User.id)).one(), uuid.uuid4())


@pytest.mark.parametrize("provider", ["google_drive", "onedrive"])
def test_an_account_is_linked_looked_after_and_unlinked(program: Program, provider: str) -> None:
    program.register()
    begun = connect(program, provider)
    address = new_address()
    answer = consent(begun["oauth_url"], address)
    assert answer["state"] == begun["state"]
    linked = finish(program, provider, answer).get_json()
    assert linked["provider"] == provider
    assert linked["is_connected"] is True
    assert linked["message"].endswith("is linked.")
    account_id = linked["account_id"]
    listed = program.call("GET", HOME).get_json()
    assert (listed["total"], listed["accounts"][0]["id"]) == (1, account_id)
    assert listed["accounts"][0]["provider_account_id"] == linked["provider_account_id"]
    status = program.call("GET", f"{HOME}/{account_id}/status").get_json()
    assert (status["health"], status["state"], status["stored_bytes"]) == ("Healthy", "healthy", 0)
    refreshed = program.call("POST", f"{HOME}/{account_id}/refresh")
    assert refreshed.status_code == 200
    assert refreshed.get_json()["token_expires_at"] >= status["token_expires_at"]
    assert program.call("DELETE", f"{HOME}/{account_id}").status_code == 204
    assert accounts(program) == []
    assert program.call("GET", f"{HOME}/{account_id}/status").status_code == 404


def test_an_account_shows_exactly_what_the_api_promises(program: Program) -> None:
    program.register()
    link(program, "google_drive")
    assert list(accounts(program)[0]) == [
        "id",
        "provider",
        "provider_account_id",
        "label",
        "is_connected",
        "state",
        "state_reason",
        "state_since",
        "paused_until",
        "health",
        "sentence",
        "needs_you",
        "warning",
        "token_expires_at",
        "total_bytes",
        "used_bytes",
        "stored_bytes",
        "room_read_at",
        "created_at",
        "updated_at",
    ]


def test_a_folder_is_linked_by_its_path(program: Program, config: Config) -> None:
    program.register()
    path = str(config.folder_roots[0] / "disk")
    answer = program.call("POST", f"{HOME}/connect/folder", {"path": path})
    assert answer.status_code == 201
    assert (answer.get_json()["provider"], answer.get_json()["label"]) == ("folder", "Folder")
    assert program.call("DELETE", f"{HOME}/{answer.get_json()['id']}").status_code == 204


@pytest.mark.parametrize("body", [{"path": "/etc"}, {"path": ""}, {}, {"path": 5}])
def test_a_folder_that_is_not_allowed_is_refused_by_field(
    program: Program, body: dict[str, object]
) -> None:
    program.register()
    answer = program.call("POST", f"{HOME}/connect/folder", body)
    assert answer.status_code == 422
    assert "path" in answer.get_json()["fields"]


def test_an_unknown_provider_is_refused(program: Program) -> None:
    program.register()
    answer = program.call("POST", f"{HOME}/connect/dropbox")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "link_refused")


def test_t38_a_redirect_uri_of_nobodys_is_refused(program: Program) -> None:
    program.register()
    evil = {"redirect_uri": "https://evil.example/cb"}
    answer = program.call("POST", f"{HOME}/connect/google_drive", query_string=evil)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "link_refused")


def test_t35_every_state_that_is_not_right_gets_the_same_400(app: Flask, program: Program) -> None:
    program.register("ada@example.org")
    other = Program(app)
    other.register("eve@example.org")
    answer = consent(connect(program, "google_drive")["oauth_url"], new_address())
    refusals = [
        finish(other, "google_drive", answer),
        finish(program, "google_drive", {**answer, "state": "x" * 43}),
        finish(program, "google_drive", {"code": answer["code"]}),
        finish(program, "google_drive", {}),
    ]
    assert finish(program, "google_drive", answer).status_code == 200
    refusals.append(finish(program, "google_drive", answer))
    assert {refusal.status_code for refusal in refusals} == {400}
    assert len({refusal.text for refusal in refusals}) == 1
    assert refusals[0].get_json()["code"] == "link_refused"
    assert accounts(other) == []


def test_t35_a_state_does_not_outlive_its_sign_in(program: Program) -> None:
    program.register()
    answer = consent(connect(program, "google_drive")["oauth_url"], new_address())
    program.call("POST", "/api/auth/logout")
    assert finish(program, "google_drive", answer).status_code == 401
    program.login()
    assert finish(program, "google_drive", answer).status_code == 400


def test_a_refreshed_bearer_may_finish_what_it_began(program: Program) -> None:
    program.register()
    answer = consent(connect(program, "google_drive")["oauth_url"], new_address())
    program.token = program.call("POST", "/api/auth/refresh").get_json()["access_token"]
    assert finish(program, "google_drive", answer).status_code == 200


def test_t37_the_code_of_another_provider_is_refused(program: Program) -> None:
    program.register()
    answer = consent(connect(program, "google_drive")["oauth_url"], new_address())
    assert finish(program, "onedrive", answer).status_code == 400


def test_t01_a_browsers_cookie_links_nothing_by_a_get(browser: Browser, program: Program) -> None:
    browser.register("ada@example.org")
    program.login("ada@example.org")
    answer = consent(connect(program, "google_drive")["oauth_url"], new_address())
    refused = browser.get(f"{HOME}/callback/google_drive", query_string=answer)
    assert refused.status_code == 401
    assert accounts(program) == []


def test_a_grant_that_ended_must_be_linked_again(program: Program, sim: Sim) -> None:
    program.register()
    address = new_address()
    account_id = link(program, "onedrive", address)
    sim.revoke("onedrive", address)
    answer = program.call("POST", f"{HOME}/{account_id}/refresh")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "grant_ended")
    listed = accounts(program)[0]
    assert (listed["is_connected"], listed["state"]) == (False, "sign_in_again")
    assert link(program, "onedrive", address) == account_id
    assert accounts(program)[0]["is_connected"] is True


def test_an_account_that_holds_data_says_what_would_be_lost(
    program: Program, gateway: Gateway
) -> None:
    program.register()
    account_id = link(program, "google_drive")
    store_file(gateway, linker_of(gateway), "only-here.txt", [uuid.UUID(account_id)], 1)
    refused = program.call("DELETE", f"{HOME}/{account_id}")
    assert refused.status_code == 409
    body = refused.get_json()
    assert body["code"] == "still_holds_data"
    assert (body["lost_count"], body["lost_files"]) == (1, ["/only-here.txt"])
    for query in ("force=true", "force=true&confirm=wrong", "force=yes"):
        assert program.call("DELETE", f"{HOME}/{account_id}?{query}").status_code == 422
    forced = f"{HOME}/{account_id}?force=true&confirm=Google%20Drive"
    assert program.call("DELETE", forced).status_code == 204
    assert accounts(program) == []


def test_t21_a_strangers_account_is_not_there(app: Flask, program: Program) -> None:
    program.register("ada@example.org")
    account_id = link(program, "google_drive")
    stranger = Program(app)
    stranger.register("eve@example.org")
    for method, path in (("GET", "/status"), ("POST", "/refresh"), ("DELETE", "")):
        answer = stranger.call(method, f"{HOME}/{account_id}{path}")
        absent = stranger.call(method, f"{HOME}/{uuid.uuid4()}{path}")
        assert answer.status_code == 404
        assert answer.text == absent.text
    assert len(accounts(program)) == 1


def test_linking_wakes_what_waits_and_rings_after_the_commit(
    program: Program, gateway: Gateway, redis_url: str
) -> None:
    program.register()
    user_id = linker_of(gateway).user_id
    with gateway.sessions.begin() as session:
        session.add(
            Work(
                id=uuid.uuid4(),
                kind=WorkKind.STORE,
                key=uuid.uuid4(),
                user_id=user_id,
                priority=10,
                state=WorkState.DUE,
                due_at=func.now() + timedelta(hours=1),
            )
        )
    link(program, "google_drive")
    with gateway.sessions() as session:
        assert session.scalar(select(Work.due_at <= func.now())) is True
    with Redis.from_url(redis_url) as client:
        queues = [key for key in client.keys("rq:queue:*") if client.type(key) == b"list"]
        assert [client.llen(key) for key in queues] == [1]
