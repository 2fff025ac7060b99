"""An HTTP client that goes nowhere: it answers what was planned and notes what was asked."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.http import Answer, HostRules, HttpClient, Request, origin_of
from balancecloud.errors import ProviderError

Plan = Answer | ProviderError


def canned(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer as the client would have read it."""
    named = dict(headers or {})
    retry_after = named.get("retry-after")
    return Answer(status, named, body, float(retry_after) if retry_after else None)


class CannedWay(HttpClient):
    """Plans are used one after another; the last one is repeated. Host rules hold as ever."""

    def __init__(self, rules: HostRules, *plans: Plan) -> None:
        super().__init__(rules, SYSTEM_CLOCK)
        self.rules = rules
        self.plans = list(plans)
        self.sent: list[Request] = []

    def send(self, request: Request) -> Answer:
        self.rules.check(origin_of(request.url))
        self.sent.append(request)
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        if isinstance(plan, ProviderError):
            raise plan
        if plan.is_success and len(plan.body) > request.largest_answer and not request.is_cut:
            raise AssertionError("the real client refuses this one")
        return plan

    @property
    def asked(self) -> list[str]:
        """Methods and paths, in order."""
        return [f"{one.method} {urlsplit(one.url).path}" for one in self.sent]
