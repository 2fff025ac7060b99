"""Weather that a person chooses by one word."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloudsim.conditions import FAIR, Conditions
from cloudsim.settings import Services
from cloudsim.store.accounts import Account
from cloudsim.weather.sky import Weather


@dataclass(frozen=True)
class Preset:
    """A word for the button, what it does in a sentence, and the conditions behind it."""

    name: str
    sentence: str
    conditions: Conditions = FAIR


FAIR_WEATHER, REVOKED = "fair", "revoked"
PRESETS: Mapping[str, Preset] = {
    FAIR_WEATHER: Preset("Fair", "Answers at once."),
    "slow": Preset(
        "Slow", "Half a second for each answer, 1 MB a second each way.",
        Conditions(latency_s=0.4, jitter_s=0.2, up_bytes_s=1e6, down_bytes_s=1e6),
    ),
    "full": Preset(
        "Full", "Takes no more bytes. Reading and deleting go on.", Conditions(full=True)
    ),
    "throttling": Preset(
        "Throttling", "One new file in 2 seconds and 3 requests a second; refuses what is beyond.",
        Conditions(requests_s=3, creations_s=0.5, retry_after_s=5),
    ),
    "unreachable": Preset(
        "Unreachable", "Hangs up on every request.", Conditions(outage="hangup")
    ),
    REVOKED: Preset(
        "Sign-in revoked", "Access was taken back. Fair weather will not mend it: sign in again."
    ),
}  # fmt: skip


def set_preset(weather: Weather, services: Services, account: Account, name: str) -> None:
    """Let this weather stand over the account; KeyError for a word that is none."""
    preset = PRESETS[name]
    address = account.person.address
    if name == FAIR_WEATHER:
        make_fair(weather, services, account)
        return
    if name == REVOKED:
        services.grants.revoke_all(account.id)
    weather.set_conditions(account.provider, address, preset.conditions, name)


def make_fair(weather: Weather, services: Services, account: Account) -> None:
    """Let nothing stand in this account's way but a sign-in that was revoked."""
    weather.clear_conditions(account.provider, account.person.address)
    services.accounts.set_state(account.id, "on")
