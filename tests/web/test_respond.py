"""A body of /api as a value, or what is wrong with each of its fields."""

import uuid
from dataclasses import dataclass

import pytest
from flask import Flask

from balancecloud.errors import Invalid, TooLarge
from balancecloud.web.api.respond import LARGEST_BODY, body
from balancecloud.web.json_values import ApiJson

ID = "0b6d2f0e-5a3f-4e63-9c53-0e9ad0d0a001"


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    count: int = 0
    is_new: bool = False
    parent_id: uuid.UUID | None = None


@pytest.fixture
def bare() -> Flask:
    """An application with nothing but our JSON."""
    app = Flask(__name__)
    app.json = ApiJson(app)
    return app


def read(app: Flask, given: object) -> Thing:
    with app.test_request_context(method="POST", json=given):
        return body(Thing)


def test_a_right_body_is_the_value(bare: Flask) -> None:
    given = {"name": "a", "count": 2, "is_new": True, "parent_id": ID}
    assert read(bare, given) == Thing("a", 2, True, uuid.UUID(ID))


def test_what_is_absent_has_its_default(bare: Flask) -> None:
    assert read(bare, {"name": "a"}) == Thing("a")
    assert read(bare, {"name": "a", "parent_id": None}) == Thing("a")


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, ["name"]),
        ({"name": None}, ["name"]),
        ({"name": 7}, ["name"]),
        ({"name": "a", "count": "2"}, ["count"]),
        ({"name": "a", "count": True}, ["count"]),
        ({"name": "a", "count": 1.0}, ["count"]),
        ({"name": "a", "is_new": 1}, ["is_new"]),
        ({"name": "a", "parent_id": "root"}, ["parent_id"]),
        ({"name": "a", "parent_id": 7}, ["parent_id"]),
        ({"name": "a", "owner_id": ID}, ["owner_id"]),
        ({"nam": "a"}, ["nam", "name"]),
    ],
)
def test_each_wrong_field_is_named(bare: Flask, given: object, fields: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        read(bare, given)
    assert sorted(refused.value.fields) == fields


@pytest.mark.parametrize("given", [None, [], "a", 7])
def test_only_an_object_is_a_body(bare: Flask, given: object) -> None:
    with pytest.raises(Invalid, match="JSON object"):
        read(bare, given)


def test_a_body_of_another_type_is_refused(bare: Flask) -> None:
    with (
        bare.test_request_context(method="POST", data={"name": "a"}),
        pytest.raises(Invalid, match="JSON object"),
    ):
        body(Thing)


def test_a_body_has_a_bound(bare: Flask) -> None:
    with pytest.raises(TooLarge):
        read(bare, {"name": "x" * LARGEST_BODY})
