"""One request on its way through the weather: what it meets before its handler, and after."""

import threading
from dataclasses import replace
from email.utils import parsedate_to_datetime

from cloudsim.conditions import Conditions
from cloudsim.routing import Call, Refusal, Route
from cloudsim.store.accounts import Account
from cloudsim.store.grants import BadToken
from cloudsim.weather import acts, limits
from cloudsim.weather.aftermath import after_conditions, after_effect
from cloudsim.weather.bodies import CutBody, WatchedBody
from cloudsim.weather.deliveries import delivered
from cloudsim.weather.effects import Act, Answer, CutUpload, Delay, Drop, Effect, Pages
from cloudsim.weather.errors import error_response
from cloudsim.weather.lies import without_loop
from cloudsim.weather.routes import brings_content, creates, is_sign_in, tells_quota
from cloudsim.weather.rules import Rule, draw
from cloudsim.weather.sky import Weather
from cloudsim.weather.tokens import SignIn, after_sign_in
from cloudsim.wire.bodies import HeldBody
from cloudsim.wire.delivery import Delivery
from cloudsim.wire.messages import BadBody, Body, Hangup, Params, Response, read_params


class Passage:
    """From the arrival of a request to the end of its answer."""

    def __init__(self, weather: Weather, route: Route, call: Call) -> None:
        self.call = call
        self.account: Account | None = None
        self.hit_by = ""  # the rule or condition that made the answer another
        self.rule: Rule | None = None
        self._weather = weather
        self._route = route
        self._refused: Refusal | None = None
        self._refresh_token = ""
        self._identify()
        self._state = weather.state(route.provider, self.address)
        self._number = self._state.next_number()
        self._now = weather.clock.now()
        self._in_flight, self._is_early = self._state.gauge.arrive(
            self._now, creates=creates(route)
        )
        self._turn = self._state.turn
        self.conditions = self._state.standing.conditions
        self._silence: threading.Event | None = None
        self._has_left = False

    @property
    def address(self) -> str:
        """Whose request it is; empty when nobody can be told."""
        return self.account.person.address if self.account else ""

    def enter(self) -> Call:
        """Let the conditions, then a rule, stop or delay it; Refusal and Hangup are answers too."""
        self._meet_conditions()
        self._meet_rule()
        if self._refused is not None:
            raise self._refused
        return self.call

    def answered(self, response: Response) -> Response:
        """Change the answer as conditions and rule say, and how it leaves; Hangup drops it."""
        if not self.hit_by or self.rule is not None:
            response = after_conditions(
                self._route, self.call, self.conditions, self._number, response
            )
            if is_sign_in(self._route):
                brought = self._refresh_token
                after_sign_in(self._weather, SignIn(self._route, self.call, brought, response))
        if self.rule is not None:
            response = after_effect(self._route, self.call, self.rule.effect, response)
        self._note_wait(response)
        narrow = self._state.down if self.conditions.down_bytes_s else None
        effect = self.rule.effect if self.rule else None
        way = Delivery(self.end, self._weather.pause, narrow, silence=self._silence)
        return delivered(response, effect, way)

    def end(self) -> None:
        """Note that the answer has left, or never will; twice is fine."""
        if not self._has_left:
            self._has_left = True
            self._state.gauge.leave()

    def _identify(self) -> None:
        """Find whose request it is, and keep a refusal for when its turn comes."""
        services, request = self.call.services, self.call.request
        try:
            caller = self._route.guard(services, request, self.call.query)
        except Refusal as refused:
            self._refused = refused
            return
        if caller is not None:
            self.account = caller.account
            self.call = replace(self.call, caller=caller)
        elif is_sign_in(self._route) and request.method == "POST":
            self._identify_by_refresh()

    def _identify_by_refresh(self) -> None:
        """Read the form ahead, and put it back for the handler."""
        services, request = self.call.services, self.call.request
        try:
            content = request.whole_body()
        except BadBody:
            content = b""  # too long for any form: the handler refuses it
        held = replace(request, body=HeldBody(content))
        self.call = replace(self.call, request=held)
        sent = read_params(content.decode("utf-8", "replace"))
        token = _brought(sent) or _brought(self.call.query)
        try:
            granted = services.grants.by_token(token, refresh=True)
        except BadToken:
            return
        self._refresh_token = token
        self.account = services.accounts.by_id(granted.account)

    def _meet_conditions(self) -> None:
        conditions = self.conditions
        self.call = replace(self.call, conditions=conditions)
        if conditions.outage:
            self._be_away(conditions.outage)
        self._be_late(conditions)
        stop = limits.limit(self._route, self.call, limits.Load(
            self._state, self._in_flight, self._weather.clock.now(), is_early=self._is_early,
        ))  # fmt: skip
        if stop is not None:
            self._stop(stop.name, stop.answer)
        self._watch_body(conditions)
        self._show_quota(conditions)

    def _show_quota(self, conditions: Conditions) -> None:
        """Let the handler see the account as full, or as it was a while ago."""
        account, caller = self.account, self.call.caller
        if account is None or caller is None:
            return
        if conditions.quota_lag_s and tells_quota(self._route):
            moment = self._weather.clock.now() - conditions.quota_lag_s
            young = self.call.services.objects.size_made_after(account.id, moment)
            account = replace(account, used=account.used - young)
        if conditions.full:
            account = replace(account, quota=account.used)
        self.call = replace(self.call, caller=replace(caller, account=account))

    def _be_away(self, kind: str) -> None:
        self.hit_by = "outage"
        if kind == "hangup":
            raise Hangup("The account is away.")
        if kind == "silence":
            self._silence = self._turn
        raise Refusal(limits.unavailable(self._route, self.call))

    def _be_late(self, conditions: Conditions) -> None:
        if not (conditions.latency_s or conditions.jitter_s):
            return
        number = str(self._number)
        share = draw(self._weather.seed, "jitter", self._route.provider, self.address, number)
        self._weather.pause(conditions.latency_s + conditions.jitter_s * share)

    def _watch_body(self, conditions: Conditions) -> None:
        """Let the body arrive as slowly as the account's link is, and count its bytes."""
        if not (conditions.up_bytes_s or conditions.daily_upload_bytes is not None):
            return
        counted = self._state if brings_content(self._route, self.call) else None
        body = WatchedBody(self.call.request.body, self._state.up, counted, self._now)
        self.call = replace(self.call, request=replace(self.call.request, body=body))

    def _meet_rule(self) -> None:
        route, method = self._route, self.call.request.method
        self.rule = self._weather.hit(route.provider, self.address, route.name, method)
        if self.rule is None:
            return
        self.hit_by = self.rule.name
        self._let_stop(self.rule)
        self._let_change(self.rule.effect)

    def _let_stop(self, rule: Rule) -> None:
        """Wait, drop or refuse, where that is the effect."""
        effect = rule.effect
        if isinstance(effect, Delay):
            number = str(self._number)
            share = draw(self._weather.seed, "delay", rule.name, self.address, number)
            self._weather.pause(effect.seconds + effect.jitter_s * share)
        elif isinstance(effect, Drop) and effect.when != "after":
            if effect.when == "before":
                _swallow(self.call.request.body)
            raise Hangup("Dropped by the weather.")
        elif isinstance(effect, Answer) and effect.when == "before":
            raise Refusal(error_response(self._route, self.call, effect))

    def _let_change(self, effect: Effect) -> None:
        """Change what the handler is going to see."""
        if isinstance(effect, CutUpload):
            body = CutBody(self.call.request.body, effect.at)
            self.call = replace(self.call, request=replace(self.call.request, body=body))
        elif isinstance(effect, Pages):
            self.call = without_loop(self.call)
        elif isinstance(effect, Act):
            self._act(effect)

    def _act(self, act: Act) -> None:
        acts.happen(act, self._route, self.call, self.account)
        self._refused = None
        try:
            caller = self._route.guard(self.call.services, self.call.request, self.call.query)
        except Refusal as refused:
            self._refused = refused
            return
        self.call = replace(self.call, caller=caller)

    def _stop(self, name: str, answer: Response) -> None:
        self.hit_by = name
        raise Refusal(answer)

    def _note_wait(self, response: Response) -> None:
        """Remember what the caller was told, to see whether it keeps to it."""
        told = dict(response.headers).get("Retry-After", "")
        if told.isdigit():
            self._state.gauge.wait_until(self._weather.clock.now() + int(told))
        elif told:
            self._state.gauge.wait_until(parsedate_to_datetime(told).timestamp())


def _brought(params: Params) -> str:
    return params.get("refresh_token") or params.get("token")


def _swallow(body: Body) -> None:
    """Read all of a body, to nobody's use."""
    buffer = memoryview(bytearray(65536))
    while body.readinto(buffer):
        pass
