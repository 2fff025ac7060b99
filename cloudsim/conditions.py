"""What stands over an account until it is changed: how slow, how narrow, how full its cloud is."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Conditions:
    """The weather over one account; the defaults are fair."""

    latency_s: float = 0.0  # before each answer begins
    jitter_s: float = 0.0  # as much again at most, by the seed
    up_bytes_s: float | None = None  # shared by all connections of the account
    down_bytes_s: float | None = None
    requests_s: float | None = None  # above it: throttled
    in_flight: int | None = None
    creations_s: float | None = None
    throttle_reason: Literal["rateLimitExceeded", "userRateLimitExceeded"] = "rateLimitExceeded"
    retry_after_s: float | None = None  # None: not told at Google, 1 s at Microsoft
    retry_after_grows: bool = False  # doubles for a caller that does not wait
    outage: Literal["", "hangup", "unavailable", "silence"] = ""
    full: bool = False
    daily_upload_bytes: int | None = None  # a wall for a day of the simulated clock
    list_lag_s: float = 0.0  # so long new objects are missing from lists, not by id
    hashes_missing_s: float = 0.0
    quota_lag_s: float = 0.0  # so long the room that new objects take is not told
    drive_ids: Literal["plain", "upper", "changing", "short"] = "plain"
    refresh: Literal["keep", "grace", "strict"] = "keep"  # what a refresh does to the old token
    refresh_grace_s: float = 60.0
    refresh_lifetime_s: float | None = None  # of new refresh tokens; Google's Testing: 7 days
    app_folder_fault: bool = False


FAIR = Conditions()
