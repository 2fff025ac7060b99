"""The simulator as one application, and ways to run it."""

import fcntl
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from cloudsim.certificates import Certificates, certificates_in, now_utc
from cloudsim.clock import Clock
from cloudsim.control import routes as control
from cloudsim.google import drive
from cloudsim.google.refusals import bad_request, refusal
from cloudsim.hosts import NAMES, by_host
from cloudsim.microsoft import graph
from cloudsim.microsoft.refusals import Problem, graph_refusal
from cloudsim.oauth import google, microsoft
from cloudsim.oauth.consent import BRANDS, size_text
from cloudsim.pages import render, stylesheet
from cloudsim.requestlog import Entry, RequestLog, path_without_secrets
from cloudsim.routing import Call, Hook, Refusal, Route, Router
from cloudsim.settings import Services, Settings, open_services
from cloudsim.wire.listener import Listener
from cloudsim.wire.messages import (
    BadBody,
    Hangup,
    Params,
    Request,
    Response,
    html_response,
    json_response,
    read_params,
)  # fmt: skip

_log = logging.getLogger("cloudsim")


class Simulator:
    """Answers requests; hooks stand around each route in the order they were given."""

    def __init__(self, services: Services, hooks: Sequence[Hook] = ()) -> None:
        self.services = services
        self.log = RequestLog()
        self._hooks = tuple(hooks)
        routes = [
            Route("own", "index", "GET", re.compile(""), index),
            Route("own", "style", "GET", re.compile(r"style\.css"), style),
            Route("own", "health", "GET", re.compile("health"), health),
            *google.routes(), *drive.routes(), *microsoft.routes(), *graph.routes(),
        ]  # fmt: skip
        if services.settings.control:
            routes += control.routes(self.log)
        self._router = Router(routes)

    def __call__(self, request: Request) -> Response:
        found = self._router.find(request.method, request.path, request.query_text)
        if found is None:
            return _no_route(self.services, request)
        route, path = found
        query = read_params(request.query_text)
        call = Call(self.services, request, query, path, None)
        try:
            caller = route.guard(self.services, request, query)
            call = Call(self.services, request, query, path, caller)
            response = self._answer(route, call)
        except Refusal as refused:
            response = refused.response
        except BadBody as error:
            response = _bad_body(route, call, error)
        except Hangup:
            raise
        except Exception:  # noqa: BLE001 - the error page: one fault must not end the server
            _log.exception("%s %s failed", route.provider, route.name)
            response = json_response({"error": "The simulator itself failed."}, 500)
        self._note(route, call, response)
        return response

    def _answer(self, route: Route, call: Call) -> Response:
        if call.caller is not None and call.caller.account.state == "gone":
            return _account_gone(route, call)
        for hook in self._hooks:
            if (instead := hook.before(route, call)) is not None:
                return instead
        response = route.handler(call)
        for hook in reversed(self._hooks):
            response = hook.after(route, call, response)
        return response

    def _note(self, route: Route, call: Call, response: Response) -> None:
        if route.provider == "_sim":
            return
        request = call.request
        self.log.add(
            Entry(
                self.log.next_number(), self.services.clock.now(), route.provider, route.name,
                call.caller.account.person.address if call.caller else "", request.method,
                path_without_secrets(request.path), response.status, request.header("range"),
                request.body.length, response.length,
            )
        )  # fmt: skip


def index(call: Call) -> Response:
    """Say what this is, to a person who opens the address."""
    accounts = [
        {
            "where": BRANDS[account.provider][0],
            "address": account.person.address,
            "used": size_text(account.used),
            "quota": "unlimited" if account.quota is None else size_text(account.quota),
        }
        for account in call.services.accounts.all()
    ]
    people = call.services.accounts.people()
    return html_response(render("index.html", accounts=accounts, people=people))


def style(call: Call) -> Response:
    del call
    headers = (("Content-Type", "text/css; charset=utf-8"), ("Cache-Control", "max-age=3600"))
    return Response(200, stylesheet(), headers)


def health(call: Call) -> Response:
    del call
    return json_response({"status": "ok"})


def _no_route(services: Services, request: Request) -> Response:
    first = request.path.removeprefix("/").partition("/")[0]
    if first == "google":
        return refusal(404, "notFound", "Not Found").response
    if first == "microsoft":
        message = "Resource not found for the segment."
        return graph_refusal(services, request, Problem(400, "BadRequest", message)).response
    return html_response(render("problem.html", name=("This server", "cloudsim"), code="404",
                                sentence="There is nothing at this address."), 404)  # fmt: skip


def _bad_body(route: Route, call: Call, error: BadBody) -> Response:
    if route.provider == "google":
        return bad_request("Parse Error").response
    if route.provider == "microsoft":
        message = "Unable to read JSON request payload."
        return graph_refusal(
            call.services, call.request, Problem(400, "BadRequest", message)
        ).response
    return json_response({"error": str(error)}, 400)


def _account_gone(route: Route, call: Call) -> Response:
    if route.provider == "google":
        return refusal(503, "backendError", "Transient failure").response
    message = "Service unavailable"
    refused = graph_refusal(
        call.services, call.request, Problem(503, "serviceNotAvailable", message)
    )
    return refused.response.with_headers(("Retry-After", "30"))


class DataInUse(Exception):
    """Another simulator keeps its data in this folder."""


@dataclass(frozen=True)
class Running:
    """A simulator that listens."""

    url: str  # as clients see it
    local_url: str  # as it is bound
    address: tuple[str, int]
    certificates: Certificates | None  # by which it answers HTTPS
    simulator: Simulator = field(repr=False)
    stop: Callable[[], None] = field(repr=False)
    serve: Callable[[], None] = field(repr=False)


@contextmanager
def listening(settings: Settings, hooks: Sequence[Hook] = ()) -> Iterator[Running]:
    """Bind a simulator to its port; serve() answers until stop() is called."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataInUse("Another simulator uses this data folder.") from error
        shown = _certificates(settings)
        listener = Listener(settings.host, settings.port, shown.context() if shown else None)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        local_url = f"{'https' if shown else 'http'}://{host}:{listener.port}"
        url = settings.public_url.rstrip("/") or local_url
        services = open_services(settings, url)
        simulator = Simulator(services, hooks)
        try:
            yield Running(
                url, local_url, (settings.host, listener.port), shown, simulator, listener.stop,
                lambda: listener.serve(by_host(simulator)),
            )  # fmt: skip
        finally:
            listener.stop()
            listener.wait(2.0)
            services.database.close()


def _certificates(settings: Settings) -> Certificates | None:
    if not settings.tls:
        return None
    return certificates_in(settings.data / "tls", NAMES, now_utc(Clock().now()))


@contextmanager
def running(settings: Settings, hooks: Sequence[Hook] = ()) -> Iterator[Running]:
    """Serve a simulator by a thread of this process until the block ends."""
    with listening(settings, hooks) as sim:
        thread = threading.Thread(target=sim.serve, name="cloudsim", daemon=True)
        thread.start()
        try:
            yield sim
        finally:
            sim.stop()
            thread.join()


__all__ = ["DataInUse", "Params", "Running", "Settings", "Simulator", "listening", "running"]
