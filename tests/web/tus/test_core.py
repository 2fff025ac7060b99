"""The core of tus 1.0.0; `musts.py` says which sentence of it each test answers for."""

import hashlib

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.web.browser import Browser
from tests.web.tus.sender import BODY, Sender, encoded, metadata, new_program, some_id

pytestmark = pytest.mark.real

CONTENT = b"0123456789"


def test_every_answer_but_that_of_options_says_its_version(sender: Sender) -> None:
    path = sender.begin(10)
    answers = [
        sender.create(5, "b.bin"),
        sender.create(None),
        sender.call("HEAD", path),
        sender.patch(path, 0, b"0123"),
        sender.patch(path, 0, b"0123"),
        sender.call("DELETE", path),
        sender.call("HEAD", path),
        sender.create(5, Authorization=None),
    ]

    assert [answer.headers["Tus-Resumable"] for answer in answers] == ["1.0.0"] * 8
    assert "Tus-Resumable" not in sender.call("OPTIONS", "/api/uploads").headers


def test_another_version_is_refused_and_nothing_is_done(sender: Sender) -> None:
    path = sender.begin(10)
    answers = [
        answer
        for version in ("0.2.2", "1.0", "2.0.0", "", None)
        for answer in calls_of_version(sender, path, version)
    ]

    assert [answer.status_code for answer in answers] == [412] * 20
    assert {answer.headers["Tus-Version"] for answer in answers} == {"1.0.0"}
    assert sender.offset(path) == 0
    assert len(sender.listed()) == 1


def calls_of_version(sender: Sender, path: str, version: str | None) -> list[TestResponse]:
    return [
        sender.create(5, "b.bin", Tus_Resumable=version),
        sender.patch(path, 0, CONTENT, Tus_Resumable=version),
        sender.call("DELETE", path, Tus_Resumable=version),
        sender.call("HEAD", path, Tus_Resumable=version),
    ]


def test_options_says_what_is_spoken_to_anybody(sender: Sender) -> None:
    path = sender.begin(10)
    for target in ("/api/uploads", path):
        answer = sender.call("OPTIONS", target, Authorization=None, Tus_Resumable="9.9.9")

        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert answer.headers["Tus-Extension"] == (
            "creation,creation-with-upload,termination,expiration,checksum"
        )
        assert answer.headers["Tus-Max-Size"] == str(1 << 40)
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1"


def test_head_says_offset_and_length_from_the_first_byte_to_after_the_last(sender: Sender) -> None:
    path = sender.begin(10)
    seen = []
    for sent in (b"", b"0123", b"456789"):
        if sent:
            sender.patch(path, sender.offset(path), sent)
        answer = sender.call("HEAD", path)
        seen.append((answer.headers["Upload-Offset"], answer.headers["Upload-Length"]))

    assert seen == [("0", "10"), ("4", "10"), ("10", "10")]


def test_head_is_never_kept_by_a_cache(sender: Sender) -> None:
    assert "no-store" in sender.call("HEAD", sender.begin(10)).headers["Cache-Control"]


def test_what_is_not_there_has_no_offset(sender: Sender) -> None:
    answer = sender.call("HEAD", f"/api/uploads/{some_id()}")

    assert answer.status_code == 404
    assert "Upload-Offset" not in answer.headers
    assert sender.patch(f"/api/uploads/{some_id()}", 0, CONTENT).status_code == 404


def test_a_patch_is_answered_by_204_and_the_new_offset(sender: Sender) -> None:
    path = sender.begin(10)
    first, rest = sender.patch(path, 0, b"0123"), sender.patch(path, 4, b"456789")

    assert [(a.status_code, a.headers["Upload-Offset"]) for a in (first, rest)] == [
        (204, "4"),
        (204, "10"),
    ]


def test_another_offset_is_a_conflict_and_changes_nothing(sender: Sender) -> None:
    path = sender.begin(10)
    sender.patch(path, 0, b"0123")

    answers = [sender.patch(path, offset, b"x") for offset in (0, 3, 5, 9)]
    beyond = [sender.patch(path, offset, b"x") for offset in (10, (1 << 63) - 1)]

    assert {(a.status_code, a.get_json()["code"]) for a in answers} == {(409, "offset_conflict")}
    assert {answer.status_code for answer in beyond} <= {409, 413}
    assert sender.offset(path) == 4


def test_an_offset_that_is_no_number_is_refused(sender: Sender) -> None:
    path = sender.begin(10)
    wrong = (None, "", "-1", "+4", "4.0", "0x0", "x", "1" * 30, 1 << 63)

    answers = [sender.patch(path, offset, CONTENT) for offset in wrong]

    assert [answer.status_code for answer in answers] == [400] * len(wrong)
    assert sender.offset(path) == 0


def test_a_patch_of_another_type_is_refused(sender: Sender) -> None:
    path = sender.begin(10)
    others = (None, "application/octet-stream", "text/plain", f"{BODY}; a=b")

    answers = [sender.patch(path, 0, CONTENT, **{"Content-Type": kind}) for kind in others]

    assert [answer.status_code for answer in answers] == [415] * len(others)
    assert sender.offset(path) == 0


def test_an_override_is_the_method_whatever_carries_it(sender: Sender) -> None:
    path = sender.begin(10)
    patched = sender.patch(path, 0, b"0123")
    posted = sender.call(
        "POST", path, b"4567", Content_Type=BODY, Upload_Offset=4, X_HTTP_Method_Override="PATCH"
    )
    looked = sender.call("POST", path, X_HTTP_Method_Override="HEAD")
    ignored = sender.call("DELETE", path, X_HTTP_Method_Override="HEAD")
    options = sender.call("POST", path, X_HTTP_Method_Override="OPTIONS")
    through_head = sender.call("HEAD", path, X_HTTP_Method_Override="DELETE")

    assert (patched.status_code, posted.status_code) == (204, 204)
    assert looked.headers["Upload-Offset"] == ignored.headers["Upload-Offset"] == "8"
    assert options.headers["Tus-Version"] == "1.0.0"
    assert through_head.status_code == 204
    assert sender.call("HEAD", path).status_code in {404, 410}


def test_a_whole_upload_is_a_file_with_the_right_hash(sender: Sender) -> None:
    path = sender.begin(10, "whole.txt", filetype="text/plain")
    for offset in range(0, 10, 2):
        sender.patch(path, offset, CONTENT[offset : offset + 2])

    [file] = sender.files()
    assert (file["name"], file["size"]) == ("whole.txt", 10)
    assert file["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert file["state"] == "queued"
    assert sender.program.call("GET", f"/api/files/{file['id']}/download").data == CONTENT


def test_nothing_is_added_to_a_whole_upload(sender: Sender) -> None:
    path = sender.begin(10)
    sender.patch(path, 0, CONTENT)

    assert sender.patch(path, 10, b"").status_code == 204
    assert sender.patch(path, 10, b"x").status_code == 409
    assert sender.patch(path, 0, CONTENT).status_code == 409


def test_more_than_was_declared_is_refused_and_not_kept(sender: Sender) -> None:
    path = sender.begin(10)

    answer = sender.patch(path, 0, CONTENT + b"x")

    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
    assert sender.offset(path) == 0
    assert sender.patch(path, 0, CONTENT).status_code == 204


def test_a_browser_needs_its_csrf_token_also_behind_an_override(app: Flask, sender: Sender) -> None:
    browser = Browser(app)
    browser.register(f"{some_id()}@example.org")
    token = browser.token("/settings")
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Origin": browser.base_url}
    headers["Upload-Metadata"] = metadata(filename="a")

    refused = browser.client.post("/api/uploads", headers=headers)
    made = browser.client.post("/api/uploads", headers={**headers, "X-CSRF-Token": token})
    hidden = browser.client.head(
        made.headers["Location"], headers={**headers, "X-HTTP-Method-Override": "DELETE"}
    )

    assert (refused.status_code, made.status_code, hidden.status_code) == (403, 201, 403)


def test_nobody_is_told_in_json(sender: Sender) -> None:
    answer = sender.create(10, Authorization=None)

    assert (answer.status_code, answer.get_json()["code"]) == (401, "not_signed_in")


def test_another_persons_upload_is_not_there(app: Flask, sender: Sender) -> None:
    path = sender.begin(10)
    stranger = Sender(new_program(app))

    assert stranger.call("HEAD", path).status_code == 404
    assert stranger.patch(path, 0, CONTENT).status_code == 404
    assert stranger.call("DELETE", path).status_code == 404
    assert stranger.listed() == []
    assert sender.offset(path) == 0


def test_the_location_is_a_path_below_the_prefix_of_a_proxy(sender: Sender) -> None:
    answer = sender.program.client.post(
        "/api/uploads",
        headers={
            "Tus-Resumable": "1.0.0",
            "Authorization": f"Bearer {sender.program.token}",
            "Upload-Length": "1",
            "Upload-Metadata": f"filename {encoded('a')}",
        },
        environ_overrides={"SCRIPT_NAME": "/drive"},
    )

    assert answer.headers["Location"].startswith("/drive/api/uploads/")
