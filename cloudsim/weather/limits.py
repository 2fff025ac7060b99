"""What an account's conditions refuse: outages, rates, a full drive, the day's wall."""

from dataclasses import dataclass

from cloudsim.conditions import Conditions
from cloudsim.routing import Call, Route
from cloudsim.weather.effects import Answer
from cloudsim.weather.errors import WALL, error_response
from cloudsim.weather.routes import brings_content, creates
from cloudsim.weather.state import AccountState
from cloudsim.wire.messages import Response


@dataclass(frozen=True)
class Load:
    """What the account bears when a request comes."""

    state: AccountState
    in_flight: int
    now: float
    is_early: bool  # it came before a told wait was over


@dataclass(frozen=True)
class Stop:
    """A condition that refuses the request, and what it answers."""

    name: str
    answer: Response


def limit(route: Route, call: Call, load: Load) -> Stop | None:
    """Find what refuses this request, if anything does."""
    conditions = load.state.standing.conditions
    if name := _exceeded(route, conditions, load):
        return Stop(name, error_response(route, call, _throttled(route, conditions, load)))
    if brings_content(route, call):
        if conditions.full:
            return Stop("full", error_response(route, call, _full(route)))
        wall = conditions.daily_upload_bytes
        if wall is not None and load.state.uploaded_today(load.now) >= wall:
            return Stop("daily_upload_bytes", error_response(route, call, _wall(route, load)))
    if conditions.app_folder_fault and _only_app_folder(route, call):
        fault = Answer(403, "accessDenied", "Database Is Read Only", "serviceReadOnly")
        return Stop("app_folder_fault", error_response(route, call, fault))
    return None


def _exceeded(route: Route, conditions: Conditions, load: Load) -> str:
    """Name the limit that is exceeded."""
    state = load.state
    if conditions.in_flight is not None and load.in_flight > conditions.in_flight:
        return "in_flight"
    if conditions.requests_s is not None and not state.requests.allows(
        conditions.requests_s, load.now
    ):
        return "requests_s"
    is_limited = conditions.creations_s is not None and creates(route)
    if is_limited and not state.creations.allows(conditions.creations_s or 0.0, load.now):
        return "creations_s"
    return ""


def _throttled(route: Route, conditions: Conditions, load: Load) -> Answer:
    first_s = conditions.retry_after_s
    if first_s is None and route.provider == "microsoft":
        first_s = 1.0
    if first_s is not None:
        grows = conditions.retry_after_grows and load.is_early
        first_s = load.state.retry_after(first_s, grows=grows)
    if route.provider == "google":
        return Answer(403, conditions.throttle_reason, retry_after_s=first_s)
    return Answer(429, inner="throttledRequest", retry_after_s=first_s)


def _full(route: Route) -> Answer:
    if route.provider == "google":
        return Answer(403, "storageQuotaExceeded")
    return Answer(507, "quotaLimitReached")


def _wall(route: Route, load: Load) -> Answer:
    if route.provider == "google":
        return Answer(403, "userRateLimitExceeded", WALL)
    left_s = max(1.0, load.state.day_ends() - load.now)
    return Answer(509, "bandwidthLimitExceeded", "Bandwidth Limit Exceeded", retry_after_s=left_s)


def _only_app_folder(route: Route, call: Call) -> bool:
    """Whether a personal account meets Microsoft's fault of 2026 with this grant."""
    caller = call.caller
    if route.provider != "microsoft" or caller is None or caller.account.is_work:
        return False
    files = {scope for scope in caller.scopes if scope.startswith("Files.")}
    return files == {"Files.ReadWrite.AppFolder"}


def unavailable(route: Route, call: Call) -> Response:
    """Answer for an account that is away."""
    wait_s = 30.0 if route.provider == "microsoft" else None
    return error_response(route, call, Answer(503, retry_after_s=wait_s))
