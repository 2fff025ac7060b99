"""The weather as JSON under /_sim/weather."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from cloudsim.clock import utc_text
from cloudsim.control.refusals import refused
from cloudsim.routing import Call, Handler
from cloudsim.weather.presets import PRESETS, set_preset
from cloudsim.weather.reading import (
    BadWeather,
    conditions_json,
    read_conditions,
    read_rule,
    rule_json,
)
from cloudsim.weather.sky import NameInUse, NoSuchRule, Weather
from cloudsim.wire.messages import Response, json_response

_WHERE = "(?P<provider>google|microsoft)/(?P<address>[^/]+)"
_Lever = Callable[[Weather, Call], Response]


def table(weather: Weather) -> list[tuple[str, str, Handler]]:
    """Name the calls; each works on this weather."""
    levers: list[tuple[str, str, _Lever]] = [
        ("GET", "weather", show),
        ("DELETE", "weather", clear),
        ("PUT", "weather/seed", set_seed),
        ("PUT", "weather/conditions/" + _WHERE, set_conditions),
        ("DELETE", "weather/conditions/" + _WHERE, clear_conditions),
        ("PUT", "weather/presets/" + _WHERE, choose_preset),
        ("POST", "weather/rules", add_rule),
        ("DELETE", "weather/rules/(?P<name>[^/]+)", remove_rule),
        ("GET", "weather/marks", show_marks),
        ("DELETE", "weather/marks", forget_marks),
    ]
    return [(method, path, _bound(lever, weather)) for method, path, lever in levers]


def _bound(lever: _Lever, weather: Weather) -> Handler:
    return lambda call: lever(weather, call)


def show(weather: Weather, call: Call) -> Response:
    """All that is set, and how often each rule has hit."""
    del call
    return json_response(
        {
            "seed": weather.seed,
            "conditions": [
                {
                    "provider": provider,
                    "account": address,
                    "since": utc_text(standing.since),
                    "conditions": conditions_json(standing.conditions),
                }
                for (provider, address), standing in weather.conditions().items()
            ],
            "rules": [
                {**rule_json(one.rule), "calls": one.calls, "hits": one.hits}
                for one in weather.rules()
            ],
        }
    )


def clear(weather: Weather, call: Call) -> Response:
    weather.clear()
    return show(weather, call)


def set_seed(weather: Weather, call: Call) -> Response:
    """{"seed": n}: what is drawn from now on; the rules count anew."""
    seed = call.request.json().get("seed")
    if type(seed) is not int:
        raise refused(400, "seed is a whole number.")
    weather.reseed(seed)
    return show(weather, call)


def set_conditions(weather: Weather, call: Call) -> Response:
    """Conditions by their names; those that are not named are fair."""
    try:
        conditions = read_conditions(call.request.json())
    except BadWeather as error:
        raise refused(400, str(error)) from error
    weather.set_conditions(call.path["provider"], call.path["address"], conditions)
    return show(weather, call)


def clear_conditions(weather: Weather, call: Call) -> Response:
    weather.clear_conditions(call.path["provider"], call.path["address"])
    return show(weather, call)


def choose_preset(weather: Weather, call: Call) -> Response:
    """{"preset": name}: what the page's buttons do."""
    name = call.request.json().get("preset")
    account = call.services.accounts.find(call.path["provider"], call.path["address"])
    if account is None:
        raise refused(404, "No such account.")
    if not isinstance(name, str) or name not in PRESETS:
        raise refused(400, f"preset is one of: {', '.join(PRESETS)}.")
    set_preset(weather, call.services, account, name)
    return show(weather, call)


def add_rule(weather: Weather, call: Call) -> Response:
    sent = call.request.json()
    try:
        rule = read_rule(sent, f"rule-{len(weather.rules()) + 1}")
        weather.add_rule(rule)
    except BadWeather as error:
        raise refused(400, str(error)) from error
    except NameInUse as error:
        raise refused(409, "A rule of this name is there.") from error
    return json_response(rule_json(rule), 201)


def remove_rule(weather: Weather, call: Call) -> Response:
    try:
        weather.remove_rule(call.path["name"])
    except NoSuchRule as error:
        raise refused(404, "No such rule.") from error
    return show(weather, call)


def show_marks(weather: Weather, call: Call) -> Response:
    del call
    marks: list[dict[str, Any]] = [
        {"provider": provider, "account": address, **asdict(one)}
        for (provider, address), one in weather.all_marks().items()
    ]
    return json_response({"marks": marks})


def forget_marks(weather: Weather, call: Call) -> Response:
    del call
    weather.forget_marks()
    return Response(204)
