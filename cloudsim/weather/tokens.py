"""What the conditions make of refresh tokens: how long one lives, and what replaces the old."""

from dataclasses import dataclass

from cloudsim.routing import Call, Route
from cloudsim.store.accounts import Account
from cloudsim.store.grants import BadToken
from cloudsim.weather.errors import read_object
from cloudsim.weather.sky import Weather
from cloudsim.wire.messages import Response


@dataclass(frozen=True)
class SignIn:
    """An answered call of a token endpoint, and the refresh token it brought, if any."""

    route: Route
    call: Call
    brought: str
    response: Response


def after_sign_in(weather: Weather, sign_in: SignIn) -> None:
    """Let refresh tokens die early, and Microsoft's old ones after they were replaced."""
    if sign_in.response.status != 200:
        return
    new = str((read_object(sign_in.response) or {}).get("refresh_token", ""))
    account = _owner(sign_in, new or sign_in.brought)
    if account is None:
        return
    grants, provider = sign_in.call.services.grants, sign_in.route.provider
    conditions = weather.standing(provider, account.person.address).conditions
    if conditions.refresh_lifetime_s is not None:
        grants.limit_life(new or sign_in.brought, conditions.refresh_lifetime_s)
    if new and sign_in.brought and provider == "microsoft" and conditions.refresh != "keep":
        grace_s = conditions.refresh_grace_s if conditions.refresh == "grace" else 0.0
        grants.retire(sign_in.brought, weather.clock.now() + grace_s)


def _owner(sign_in: SignIn, token: str) -> Account | None:
    services = sign_in.call.services
    try:
        return services.accounts.by_id(services.grants.by_token(token, refresh=True).account)
    except BadToken:
        return None
