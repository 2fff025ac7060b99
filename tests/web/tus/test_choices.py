"""What a sender chooses at creation: folder, name, job. And the list of what can go on."""

import pytest
from flask import Flask
from sqlalchemy import text

from balancecloud.extensions import db
from tests.web.tus.sender import Sender

pytestmark = pytest.mark.real

CONTENT = b"0123456789"


def test_folders_are_made_and_the_parent_must_be_ours(sender: Sender) -> None:
    parent = sender.program.call("POST", "/api/files/folders", {"name": "Travel"}).get_json()["id"]
    path = sender.begin(10, "x", relativePath="Rome/day 1/a.jpg", parentId=parent)
    sender.patch(path, 0, CONTENT)

    [rome] = sender.files(parent_id=parent)
    [day] = sender.files(parent_id=rome["id"])
    [file] = sender.files(parent_id=day["id"])
    assert file["path"] == "/Travel/Rome/day 1/a.jpg"
    strange = sender.create(10, told={"parentId": "11111111-2222-3333-4444-555555555555"})
    assert strange.status_code == 404
    assert sender.create(10, told={"parentId": "x"}).status_code == 422


def test_a_name_clash_is_decided_at_creation(sender: Sender) -> None:
    sender.patch(sender.begin(10, "a.txt"), 0, CONTENT)

    refused = sender.create(10, "a.txt", told={"conflict": "fail"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "name_taken")
    sender.patch(sender.begin(10, "a.txt", conflict="keep_both"), 0, CONTENT)
    sender.patch(sender.begin(10, "a.txt", conflict="version"), 0, CONTENT)
    assert [file["name"] for file in sender.files()] == ["a (2).txt", "a.txt"]
    assert sender.create(10, "a.txt", told={"conflict": "perhaps"}).status_code == 422


def test_uploads_of_one_batch_are_one_job_and_others_another(sender: Sender) -> None:
    batch = "0b2f6c1e-0000-4000-8000-000000000001"
    first = sender.begin(10, "a", batch=batch)
    sender.begin(10, "b", batch=batch)
    sender.begin(10, "c", batch=batch.replace("1", "2"))

    sender.patch(first, 0, b"0123")
    jobs = sender.jobs()
    assert [job["progress"]["files"]["total"] for job in jobs] == [1, 2]
    assert [job["state"] for job in jobs] == ["running", "running"]
    assert jobs[1]["progress"]["bytes"] == {"total": 20, "received": 4, "sealed": 0, "stored": 0}
    assert sender.create(1, told={"batch": "mine"}).status_code == 422


def test_uploads_without_a_batch_join_the_fresh_job_of_their_folder(
    app: Flask, sender: Sender
) -> None:
    travel = sender.program.call("POST", "/api/files/folders", {"name": "T"}).get_json()["id"]
    sender.begin(10, "a")
    sender.begin(10, "b")
    sender.begin(10, "c", parentId=travel)
    with app.app_context():
        db.session.execute(text("UPDATE jobs SET created_at = now() - interval '61 seconds'"))
        db.session.commit()
    sender.begin(10, "d")

    assert sorted(job["progress"]["files"]["total"] for job in sender.jobs()) == [1, 1, 2]


def test_a_cancelled_batch_takes_no_more(sender: Sender) -> None:
    batch = "0b2f6c1e-0000-4000-8000-000000000001"
    path = sender.begin(10, "a", batch=batch)
    [job] = sender.jobs()

    assert sender.program.call("POST", f"/api/jobs/{job['id']}/cancel").status_code == 202

    assert sender.jobs()[0]["state"] == "cancelled"
    assert sender.call("HEAD", path).status_code == 410
    refused = sender.create(10, "b", told={"batch": batch})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "cancelled")
    assert (sender.reserved(), sender.files()) == (0, [])


def test_the_list_says_what_can_be_carried_on(sender: Sender) -> None:
    sender.patch(sender.begin(10, "whole"), 0, CONTENT)
    told = {"relativePath": "Rome/a.jpg", "lastModified": "1700000000123"}
    path = sender.begin(10, "a.jpg", **told)
    sender.patch(path, 0, b"0123")

    [found] = sender.listed()
    assert found["id"] == path.rpartition("/")[2]
    assert (found["name"], found["path"], found["size"], found["offset"]) == (
        "a.jpg",
        "Rome/a.jpg",
        10,
        4,
    )
    assert found["last_modified"] == "2023-11-14T22:13:20.123000Z"
    assert found["expires_at"] > found["created_at"]
    assert found["job_id"] in {job["id"] for job in sender.jobs()}
