"""/api/openapi.json: every call of /api, described from the declarations on the views."""

import functools
import hashlib
import re
import typing
from collections.abc import Iterator
from typing import Any, Final

from flask import Flask, Response, make_response, request
from werkzeug.routing import Rule

from balancecloud import __version__, errors
from balancecloud.errors import BalanceCloudError
from balancecloud.web import security
from balancecloud.web.api.calls import Call, Content, Error, answers, call_of
from balancecloud.web.api.schemas import Schema, Schemas, required_of

Refusals = tuple[type[BalanceCloudError], ...]

PATH: Final = "/api/openapi.json"
# What any call may be refused with, whatever it does. A fault of ours (500) is no promise.
ALWAYS: Final[Refusals] = (errors.TooMany, errors.NotReady)
FRAMEWORK: Final = {400: "bad_request", 413: "too_large", 415: "unsupported_media_type"}
CONVERTERS: Final[dict[str, Schema]] = {
    "UUIDConverter": {"type": "string", "format": "uuid"},
    "IntegerConverter": {"type": "integer", "minimum": 0},
    "UnicodeConverter": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
}
VARIABLE: Final = re.compile(r"<(?:[a-z]+(?:\([^)]*\))?:)?([a-z_]+)>")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def register(app: Flask) -> None:
    """Answer `PATH` with what the application's routes declare."""

    @functools.cache
    def document() -> tuple[str, str]:
        text = app.json.dumps(describe(app))
        return text, hashlib.sha256(text.encode()).hexdigest()[:24]

    @security.public
    @answers({200: Content("application/json"), 304: None}, headers=("ETag",))
    def show() -> Response:
        text, tag = document()
        response = make_response(text, 200)
        response.mimetype = "application/json"
        response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
        response.set_etag(tag)
        response.make_conditional(request)
        return response

    app.add_url_rule(PATH, "api_openapi.show", show)


def described(app: Flask) -> Iterator[tuple[Rule, str, Call]]:
    """Yield each rule of /api with each of its methods that is declared."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if not rule.rule.startswith("/api/"):
            continue
        for method in sorted(rule.methods or set()):
            call = call_of(app.view_functions[rule.endpoint], method)
            if call:
                yield rule, method, call


def describe(app: Flask) -> Schema:
    """Return the OpenAPI document of the application."""
    schemas = Schemas()
    schemas.of(Error)
    paths: dict[str, Schema] = {}
    for rule, method, call in described(app):
        is_public = bool(getattr(app.view_functions[rule.endpoint], "is_public", False))
        operation = _operation(schemas, rule, call, method)
        name = f"{rule.endpoint.removeprefix('api_')}.{method.lower()}"
        operation |= {"operationId": name}
        operation |= {"security": [] if is_public else [{"bearer": []}]}
        operation["responses"] |= _refusals(rule, call, method, is_public=is_public)
        paths.setdefault(VARIABLE.sub(r"{\1}", rule.rule), {})[method.lower()] = operation
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "BalanceCloud", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas.named, "securitySchemes": {"bearer": bearer}},
    }


def _operation(schemas: Schemas, rule: Rule, call: Call, method: str) -> Schema:
    parameters = [*_path(rule), *_query(schemas, call), *_headers(call)]
    found: Schema = {"parameters": parameters, "responses": {}}
    if call.body is not None and method not in SAFE:
        content = _body(schemas, call.body)
        found["requestBody"] = {"required": call.is_body_needed, "content": content}
    for status, kind in call.answers.items():
        answer: Schema = {"description": "Done" if status < 400 else "Refused"}
        if kind is not None:
            answer["content"] = _content(schemas, kind)
        if call.headers and status < 400:
            answer["headers"] = {name: {"schema": {"type": "string"}} for name in call.headers}
        found["responses"][str(status)] = answer
    return found


def _body(schemas: Schemas, kind: Any) -> Schema:
    if isinstance(kind, Content):
        return _content(schemas, kind)
    return {"application/json": {"schema": schemas.of_body(kind)}}


def _content(schemas: Schemas, kind: Any) -> Schema:
    if isinstance(kind, Content):
        return {kind.mime_type: {"schema": dict(kind.schema)}}
    return {"application/json": {"schema": schemas.of(kind)}}


def _path(rule: Rule) -> Iterator[Schema]:
    for name, converter in rule._converters.items():  # noqa: SLF001 # werkzeug tells it nowhere else
        schema = CONVERTERS[type(converter).__name__]
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query(schemas: Schemas, call: Call) -> Iterator[Schema]:
    if call.query is None:
        return
    needed = required_of(call.query)
    for name, hint in typing.get_type_hints(call.query, include_extras=True).items():
        inner = [one for one in typing.get_args(hint) if one is not type(None)]
        is_optional = type(None) in typing.get_args(hint)
        schema = schemas.of(inner[0] if is_optional else hint)
        yield {"name": name, "in": "query", "required": name in needed, "schema": schema}


def _headers(call: Call) -> Iterator[Schema]:
    for one in call.takes:
        schema = dict(one.schema)
        yield {"name": one.name, "in": "header", "required": one.is_needed, "schema": schema}


def _refusals(rule: Rule, call: Call, method: str, *, is_public: bool) -> Schema:
    """Return the refusals by status, each with the codes that it may carry."""
    codes: dict[int, set[str]] = {status: {code} for status, code in FRAMEWORK.items()}
    for kind in (*ALWAYS, *_implied(rule, call, method, is_public=is_public), *call.refusals):
        for one in _with_kinds_of(kind):
            codes.setdefault(one.status, set()).add(one.code)
    return {
        str(status): _refusal(found)
        for status, found in sorted(codes.items())
        if status not in call.answers
    }


def _with_kinds_of(kind: type[BalanceCloudError]) -> Iterator[type[BalanceCloudError]]:
    """Yield an error and all those that are caught with it: each has a code of its own."""
    yield kind
    for one in kind.__subclasses__():
        yield from _with_kinds_of(one)


def _implied(rule: Rule, call: Call, method: str, *, is_public: bool) -> Refusals:
    implied: list[type[BalanceCloudError]] = [] if is_public else [errors.NotSignedIn]
    if rule.arguments:
        implied.append(errors.NotFound)
    if call.query is not None or call.body is not None:
        implied.append(errors.Invalid)
    if method not in SAFE:
        implied.append(errors.BadCsrf)
    return tuple(implied)


def _refusal(codes: set[str]) -> Schema:
    error = {"$ref": "#/components/schemas/Error"}
    narrowed = {"allOf": [error, {"properties": {"code": {"enum": sorted(codes)}}}]}
    return {"description": "Refused", "content": {"application/json": {"schema": narrowed}}}
