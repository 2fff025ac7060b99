"""Names and places through /api."""

import io
import uuid

import pytest
from flask import Flask
from sqlalchemy import event, select

from balancecloud.extensions import db
from balancecloud.models.library import Node
from balancecloud.models.people import User
from balancecloud.models.states import NodeKind
from tests.web.program import Program

pytestmark = pytest.mark.real


@pytest.fixture
def owner(program: Program) -> Program:
    program.register()
    return program


def make_folder(owner: Program, name: str, parent: str | None = None) -> str:
    made = owner.call("POST", "/api/files/folders", {"name": name, "parent_id": parent})
    assert made.status_code == 201, made.text
    return str(made.get_json()["id"])


def upload(owner: Program, name: str, content: bytes = b"x") -> str:
    answer = owner.client.post(
        "/api/files/upload",
        data={"file": (io.BytesIO(content), name)},
        headers={"Authorization": f"Bearer {owner.token}"},
    )
    return str(answer.get_json()["id"])


def change(owner: Program, node: str, **body: object) -> tuple[int, str]:
    answer = owner.call("PATCH", f"/api/files/{node}", body)
    found = answer.get_json()
    return answer.status_code, found.get("path") or found["code"]


def test_a_node_is_renamed_moved_and_both(owner: Program) -> None:
    photos, node = make_folder(owner, "Photos"), upload(owner, "a.txt")

    assert change(owner, node, name="b.txt") == (200, "/b.txt")
    assert change(owner, node, parent_id=photos) == (200, "/Photos/b.txt")
    assert change(owner, node, name="c.txt", parent_id=None) == (200, "/c.txt")
    assert owner.call("GET", f"/api/files/{node}/download").data == b"x"


def test_what_cannot_be_is_told_by_its_code(owner: Program) -> None:
    photos, node = make_folder(owner, "Photos"), upload(owner, "a.txt")
    inner = make_folder(owner, "Inner", photos)

    assert change(owner, node, name="Photos") == (409, "name_taken")
    assert change(owner, photos, parent_id=inner) == (409, "into_itself")
    assert change(owner, node, parent_id=node) == (409, "into_itself")
    assert change(owner, node, parent_id=str(uuid.uuid4())) == (404, "not_found")
    assert change(owner, str(uuid.uuid4()), name="x") == (404, "not_found")
    for body in ({}, {"name": ""}, {"name": 1}, {"parent_id": "x"}, {"colour": "red"}):
        assert change(owner, node, **body) == (422, "invalid"), body


def test_a_file_is_no_place_for_a_file(owner: Program) -> None:
    one, two = upload(owner, "a.txt"), upload(owner, "b.txt")

    assert change(owner, one, parent_id=two) == (404, "not_found")


def test_deleting_is_taken_back_from_the_trash(owner: Program) -> None:
    photos = make_folder(owner, "Photos")
    node = upload(owner, "a.txt")
    change(owner, node, parent_id=photos)

    assert owner.call("DELETE", f"/api/files/{node}").status_code == 204
    assert owner.call("GET", f"/api/files/{node}").status_code == 404
    [entry] = owner.call("GET", "/api/trash").get_json()["files"]
    assert (entry["id"], entry["name"], entry["folder"], entry["size"]) == (
        node,
        "a.txt",
        "/Photos",
        1,
    )
    back = owner.call("POST", f"/api/trash/{node}/restore")
    assert (back.status_code, back.get_json()["path"]) == (200, "/Photos/a.txt")
    assert owner.call("POST", f"/api/trash/{node}/restore").status_code == 404
    assert owner.call("GET", "/api/trash").get_json()["total"] == 0


def test_the_trash_is_emptied_and_one_of_it_deleted(owner: Program) -> None:
    one, two, three = (upload(owner, name) for name in ("1", "2", "3"))
    for node in (one, two):
        owner.call("DELETE", f"/api/files/{node}")

    assert owner.call("DELETE", f"/api/files/{one}?permanent=true").status_code == 204
    assert owner.call("GET", "/api/trash").get_json()["total"] == 1
    assert owner.call("DELETE", "/api/trash").status_code == 204
    assert owner.call("GET", "/api/trash").get_json()["total"] == 0
    assert owner.call("GET", f"/api/files/{three}").status_code == 200
    assert owner.call("GET", "/api/files/storage/usage").get_json()["used_bytes"] == 0


def test_a_search_counts_every_hit_however_many_there_are(app: Flask, owner: Program) -> None:
    with app.app_context():
        person = db.session.scalars(select(User.id)).one()
        db.session.add_all(
            Node(id=uuid.uuid4(), user_id=person, kind=NodeKind.FOLDER, name=f"Trip {number}")
            for number in range(1003)
        )
        db.session.commit()

    for page, shown in ((1, 500), (2, 500), (3, 3), (4, 0)):
        found = owner.call("GET", f"/api/files?q=trip&per_page=500&page={page}").get_json()
        assert (found["total"], len(found["files"])) == (1003, shown)


def test_a_page_that_no_list_has_is_refused(owner: Program) -> None:
    for query in ("page=0", "per_page=501", "page=x"):
        assert owner.call("GET", f"/api/trash?{query}").status_code == 422


def test_versions_are_listed_and_told_apart(owner: Program) -> None:
    node = upload(owner, "a.txt", b"one")
    assert upload(owner, "a.txt", b"three") == node

    found = owner.call("GET", f"/api/files/{node}/versions").get_json()

    assert [(one["version"], one["size"]) for one in found["versions"]] == [(2, 5), (1, 3)]
    assert found["total"] == 2
    refused = owner.call("POST", f"/api/files/{node}/versions/1/restore")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "state_conflict")
    refused = owner.call("DELETE", f"/api/files/{node}/versions/1")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "state_conflict")
    assert owner.call("DELETE", f"/api/files/{node}/versions/9").status_code == 404


def test_a_small_file_costs_few_statements(app: Flask, owner: Program) -> None:
    upload(owner, "before.txt")
    asked: list[str] = []
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    upload(owner, "small.txt")

    # Who is it; the name, the person's key, all rows, the work of forming packs with the quota.
    assert len(asked) == 5, asked
