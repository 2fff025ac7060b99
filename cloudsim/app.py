"""The simulator as one application, and ways to run it."""

import fcntl
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from cloudsim.control import routes as control
from cloudsim.door import Door, own_hosts
from cloudsim.google import drive
from cloudsim.google.refusals import bad_request, refusal
from cloudsim.microsoft import graph
from cloudsim.microsoft.refusals import Problem, graph_refusal
from cloudsim.oauth import google, microsoft
from cloudsim.oauth.consent import BRANDS, size_text
from cloudsim.pages import render, stylesheet
from cloudsim.requestlog import Entry, RequestLog, path_without_secrets
from cloudsim.routing import Call, Hook, Refusal, Route, Router
from cloudsim.settings import Services, Settings, open_services
from cloudsim.weather import page as weather_page
from cloudsim.weather.passage import Passage
from cloudsim.weather.sky import Weather
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

    def __init__(
        self,
        services: Services,
        hooks: Sequence[Hook] = (),
        own_hosts: frozenset[str] = frozenset(),
    ) -> None:
        self.services = services
        self.log = RequestLog()
        self.weather = Weather(services.clock, watching=services.settings.control)
        self._hooks = tuple(hooks)
        door = Door(own_hosts)
        routes = [
            Route("own", "index", "GET", re.compile(""), index),
            Route("own", "style", "GET", re.compile(r"style\.css"), style),
            Route("own", "health", "GET", re.compile("health"), health),
            *weather_page.routes(self.weather, door),
            *google.routes(), *drive.routes(), *microsoft.routes(), *graph.routes(),
        ]  # fmt: skip
        if services.settings.control:
            routes += control.routes(self.log, self.weather, door)
        self._router = Router(routes)

    def __call__(self, request: Request) -> Response:
        found = self._router.find(request.method, request.path, request.query_text)
        if found is None:
            return _no_route(self.services, request)
        route, path = found
        call = Call(self.services, request, read_params(request.query_text), path, None)
        visit = _Visit(route, call, self.services.clock.now())
        if self.weather.watching and route.provider in _WEATHERED:
            visit.passage = Passage(self.weather, route, call)
        try:
            response = self._weathered(visit)
        except BaseException:  # a hangup, as a rule: there is no answer
            if visit.passage:
                visit.passage.end()
            self._note(visit, 0, 0)
            raise
        self._note(visit, response.status, response.length)
        return response

    def _weathered(self, visit: "_Visit") -> Response:
        response = self._answered(visit)
        return visit.passage.answered(response) if visit.passage else response

    def _answered(self, visit: "_Visit") -> Response:
        route = visit.route
        try:
            visit.call = visit.passage.enter() if visit.passage else _guarded(route, visit.call)
            return self._answer(route, visit.call)
        except Refusal as refused:
            return refused.response
        except BadBody as error:
            return _bad_body(route, visit.call, error)
        except Hangup:
            raise
        except Exception:  # noqa: BLE001 - the error page: one fault must not end the server
            _log.exception("%s %s failed", route.provider, route.name)
            return json_response({"error": "The simulator itself failed."}, 500)

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

    def _note(self, visit: "_Visit", status: int, length: int) -> None:
        route, request = visit.route, visit.call.request
        if route.provider == "_sim":
            return
        self.log.add(
            Entry(
                self.log.next_number(), self.services.clock.now(), route.provider, route.name,
                visit.address, request.method, path_without_secrets(request.path), status,
                request.header("range"), request.body.length, length, visit.began,
                visit.passage.hit_by if visit.passage else "",
            )
        )  # fmt: skip


_WEATHERED = frozenset({"google", "microsoft"})


@dataclass
class _Visit:
    """One request while it is answered."""

    route: Route
    call: Call
    began: float
    passage: Passage | None = None

    @property
    def address(self) -> str:
        """Whose account it is about, as far as that is known."""
        if self.passage:
            return self.passage.address
        return self.call.caller.account.person.address if self.call.caller else ""


def _guarded(route: Route, call: Call) -> Call:
    return replace(call, caller=route.guard(call.services, call.request, call.query))


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
        listener = Listener(settings.host, settings.port)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        local_url = f"http://{host}:{listener.port}"
        url = settings.public_url.rstrip("/") or local_url
        services = open_services(settings, url)
        simulator = Simulator(services, hooks, own_hosts(url, listener.port))
        try:
            yield Running(
                url, local_url, simulator, listener.stop, lambda: listener.serve(simulator)
            )
        finally:
            simulator.weather.close()
            listener.stop()
            listener.wait(2.0)
            services.database.close()


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
