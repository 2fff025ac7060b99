"""The page of the weather, for people who watch how a program bears it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from cloudsim.clock import utc_text
from cloudsim.door import Door, Turned
from cloudsim.pages import render
from cloudsim.routing import Call, Handler, Refusal, Route
from cloudsim.store.accounts import Account
from cloudsim.weather.presets import FAIR_WEATHER, PRESETS, REVOKED, make_fair, set_preset
from cloudsim.weather.reading import conditions_json
from cloudsim.weather.sky import Weather
from cloudsim.weather.state import Standing
from cloudsim.wire.messages import Response, html_response

_BRANDS = {"google": "Google Drive", "microsoft": "OneDrive"}


@dataclass(frozen=True)
class Choice:
    """One button."""

    key: str
    name: str
    sentence: str
    is_now: bool


@dataclass(frozen=True)
class Line:
    """One account on the page: what its weather is, since when, and what else it may be."""

    key: str
    where: str
    address: str
    now: str
    sentence: str
    since: str
    choices: tuple[Choice, ...]


def routes(weather: Weather, door: Door) -> list[Route]:
    """Look, and choose; a page from elsewhere can do neither."""
    show: Handler = lambda call: _show(weather, door, call)  # noqa: E731 - bound to this weather
    choose: Handler = lambda call: _choose(weather, door, call)  # noqa: E731
    return [
        Route("own", "weather", "GET", re.compile("weather"), show),
        Route("own", "weather.choose", "POST", re.compile("weather"), choose),
    ]


def _show(weather: Weather, door: Door, call: Call) -> Response:
    with _turning_away():
        door.check(call.request)
    accounts = call.services.accounts.all()
    lines = [_line(weather, call, account) for account in accounts]
    rules = len(weather.rules())
    page = render("weather.html", lines=lines, rules=rules, token=door.token)
    return _own_referrer(html_response(page))


def _choose(weather: Weather, door: Door, call: Call) -> Response:
    """Take a button's word, then show the page again."""
    with _turning_away():
        door.check(call.request)
        form = call.request.form()
        door.check_token(form.get("token"))
    if form.get("all") == FAIR_WEATHER:
        weather.clear()
        for account in call.services.accounts.all():
            make_fair(weather, call.services, account)
        return _back()
    provider, _, address = form.get("account").partition("/")
    found = call.services.accounts.find(provider, address)
    preset = form.get("preset")
    if found is None or preset not in PRESETS:
        raise _refused(400, "There is no such account or weather.")
    set_preset(weather, call.services, found, preset)
    return _back()


@contextmanager
def _turning_away() -> Iterator[None]:
    try:
        yield
    except Turned as turned:
        raise _refused(turned.status, str(turned)) from turned


def _refused(status: int, sentence: str) -> Refusal:
    name = ("This server", "cloudsim")
    page = render("problem.html", name=name, code=str(status), sentence=sentence)
    return Refusal(html_response(page, status))


def _back() -> Response:
    """Show the page anew, so that loading it again repeats nothing."""
    return Response(303, headers=(("Location", "/weather"), ("Cache-Control", "no-store")))


def _own_referrer(response: Response) -> Response:
    """Let the browser name this page when its form is sent: without, it sends Origin: null."""
    kept = tuple(pair for pair in response.headers if pair[0] != "Referrer-Policy")
    return replace(response, headers=(*kept, ("Referrer-Policy", "same-origin")))


def _line(weather: Weather, call: Call, account: Account) -> Line:
    standing = weather.standing(account.provider, account.person.address)
    if standing.label == REVOKED and call.services.grants.is_linked(account.id):
        standing = Standing()  # somebody has signed in again
    name, sentence, key = _told(account, standing)
    choices = tuple(
        Choice(one, preset.name, preset.sentence, one == key) for one, preset in PRESETS.items()
    )
    return Line(
        f"{account.provider}/{account.person.address}", _BRANDS[account.provider],
        account.person.address, name, sentence, _since(call, standing), choices,
    )  # fmt: skip


def _told(account: Account, standing: Standing) -> tuple[str, str, str]:
    """Name the weather, with its sentence and the button that chose it, if one did."""
    if account.state == "gone":
        return "Gone", "Set by a program: every call answers 503.", ""
    if standing.label in PRESETS:
        preset = PRESETS[standing.label]
        return preset.name, preset.sentence, standing.label
    told = conditions_json(standing.conditions)
    if not told:
        preset = PRESETS[FAIR_WEATHER]
        return preset.name, preset.sentence, FAIR_WEATHER
    words = ", ".join(f"{name} {value}" for name, value in told.items())
    return "Set by a program", f"{words}.", ""


def _since(call: Call, standing: Standing) -> str:
    if not standing.since:
        return ""
    minutes = int((call.services.clock.now() - standing.since) // 60)
    ago = {0: "just now", 1: "a minute ago"}.get(minutes, f"{minutes} minutes ago")
    return f"since {utc_text(standing.since)[11:16]} UTC, {ago}"
