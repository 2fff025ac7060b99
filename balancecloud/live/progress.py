"""Live figures of running jobs: absolute values in Redis that only grow, ids and numbers only.

They make pages livelier between commits and may vanish at any time; the database is the truth.
"""

import logging
import math
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from balancecloud.clock import SYSTEM_CLOCK, Clock

KEPT_SECONDS: Final = 24 * 3600
HALF_LIFE_SECONDS: Final = 10.0  # of rates
RECEIVED: Final = "received"
SEALED: Final = "sealed"
STORED: Final = "stored"
STAGES: Final = (RECEIVED, SEALED, STORED)
MOST_TOLD: Final = 256  # entries of a job's stream: at four a second, what a minute tells
EVENTS_A_SECOND: Final = 4
SAMPLES: Final = 60  # of speed, one in two seconds: the last two minutes
MANY: Final = "*"  # more files moved than one entry names

# Repeats and late messages do no harm: each value is absolute and only a larger one is taken.
# A rate moves towards what came since its last sample; what comes at the same instant waits.
_UPDATE: Final = """
local key, now = KEYS[1], tonumber(ARGV[3])
local run = redis.call('HGET', key, 'run')
local begun = run
if not run then
  run = ARGV[1]
  redis.call('HSET', key, 'run', run, 'user', ARGV[2], 'seq', 0, 'began', ARGV[3])
  redis.call('DEL', KEYS[2], KEYS[3])
end
local moved, changed = {}, not begun
local owed = redis.call('HGET', key, 'owed') or ''
for i = 9, #ARGV, 3 do
  local old = tonumber(redis.call('HGET', key, ARGV[i]) or 0)
  local new = tonumber(ARGV[i + 1])
  if new > old then
    redis.call('HSET', key, ARGV[i], ARGV[i + 1])
    changed = true
    local file = string.match(ARGV[i], ':(.*)')
    if #owed > 2000 then
      owed = '*'
    elseif owed ~= '*' and not string.find(owed, file, 1, true) then
      owed = owed .. file .. ' '
    end
    if begun and ARGV[i + 2] ~= '' then
      moved[ARGV[i + 2]] = (moved[ARGV[i + 2]] or 0) + new - old
    end
  end
end
for name, bytes in pairs(moved) do
  local at = tonumber(redis.call('HGET', key, 'at:' .. name) or redis.call('HGET', key, 'began'))
  local pending = tonumber(redis.call('HGET', key, 'pending:' .. name) or 0) + bytes
  local seconds = (now - at) / 1000
  if seconds > 0 then
    local kept = 0.5 ^ (seconds / tonumber(ARGV[5]))
    local rate = tonumber(redis.call('HGET', key, 'rate:' .. name) or 0)
    rate = rate * kept + pending / seconds * (1 - kept)
    redis.call('HSET', key, 'rate:' .. name, tostring(rate), 'at:' .. name, ARGV[3],
               'pending:' .. name, 0)
  else
    redis.call('HSET', key, 'pending:' .. name, pending)
  end
end
if changed then
  redis.call('HINCRBY', key, 'seq', 1)
end
-- What comes too soon after the last is told with the next.
local second = tostring(math.floor(now / 1000))
local told = redis.call('HMGET', key, 'second', 'told')
local count = told[1] == second and tonumber(told[2]) or 0
if owed ~= '' and count < tonumber(ARGV[7]) then
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[6], redis.call('HGET', key, 'seq') .. '-' .. now,
             'files', owed)
  redis.call('HSET', key, 'second', second, 'told', count + 1)
  owed = ''
end
redis.call('HSET', key, 'owed', owed)
if next(moved) and now - tonumber(redis.call('HGET', key, 'sampled') or 0) >= 2000 then
  local rates = redis.call('HMGET', key, 'rate:in', 'rate:out')
  redis.call('RPUSH', KEYS[3], ARGV[3] .. ' ' .. (rates[1] or 0) .. ' ' .. (rates[2] or 0))
  redis.call('LTRIM', KEYS[3], -tonumber(ARGV[8]), -1)
  redis.call('HSET', key, 'sampled', ARGV[3])
end
for _, each in ipairs(KEYS) do
  redis.call('EXPIRE', each, ARGV[4])
end
return {run, redis.call('HGET', key, 'seq')}
"""

_LAST: Final = (1 << 64) - 1  # the greatest second part of a stream's id

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveFile:
    """Plaintext bytes of one version through the three stages, as last told."""

    received: int = 0
    sealed: int = 0
    stored: int = 0


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """What is known of a job just now. Rates are bytes a second, already faded to `now`."""

    run: str
    seq: int
    files: Mapping[uuid.UUID, LiveFile] = field(default_factory=dict)
    rate_in: float = 0.0
    rate_out: float = 0.0
    seconds: float = 0.0  # since the run began
    still_seconds: float = 0.0  # since anything was stored


@dataclass(frozen=True, slots=True)
class Speed:
    """Bytes a second that came in and were stored, at a moment in seconds since the epoch."""

    at: float
    rate_in: float
    rate_out: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Absolute values to tell: plaintext bytes of versions through the stages."""

    received: Mapping[uuid.UUID, int] = field(default_factory=dict)
    sealed: Mapping[uuid.UUID, int] = field(default_factory=dict)
    stored: Mapping[uuid.UUID, int] = field(default_factory=dict)

    def fields(self) -> list[tuple[str, int, str]]:
        """Return each as the hash's field, its value, and the rate that it moves."""
        rows = [(f"{RECEIVED}:{key}", value, "in") for key, value in self.received.items()]
        rows += [(f"{SEALED}:{key}", value, "") for key, value in self.sealed.items()]
        rows += [(f"{STORED}:{key}", value, "out") for key, value in self.stored.items()]
        return rows


class ProgressStore:
    """Keeps live figures in Redis; without Redis it keeps nothing and says so with None."""

    def __init__(self, redis: Redis, clock: Clock = SYSTEM_CLOCK) -> None:
        self._redis = redis
        self._clock = clock
        self._script = redis.register_script(_UPDATE)

    def update(self, job_id: uuid.UUID, user_id: uuid.UUID, figures: Figures) -> str | None:
        """Take over what is larger than before and return `run.seq`; None when Redis is away."""
        arguments: list[str | int | float] = [
            secrets.token_hex(4),
            str(user_id),
            self._milliseconds(),
            KEPT_SECONDS,
            HALF_LIFE_SECONDS,
            MOST_TOLD,
            EVENTS_A_SECOND,
            SAMPLES,
        ]
        for row in figures.fields():
            arguments.extend(row)
        try:
            run, seq = self._script(keys=_keys(job_id), args=arguments)
        except RedisError as problem:
            logger.debug("Progress could not be told: %s.", type(problem).__name__)
            return None
        return f"{_text(run)}.{_text(seq)}"

    def start(self, job_id: uuid.UUID, user_id: uuid.UUID, figures: Figures) -> LiveSnapshot | None:
        """Take over what the database knows, as a new run unless one is under way; return all."""
        if self.update(job_id, user_id, figures) is None:
            return None
        return self.snapshot(job_id)

    def snapshot(self, job_id: uuid.UUID) -> LiveSnapshot | None:
        """Return what is known of the job; None when that is nothing."""
        return self.snapshots([job_id]).get(job_id)

    def snapshots(self, job_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, LiveSnapshot]:
        """Return what is known of these jobs, in one round trip."""
        wanted = list(job_ids)
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in wanted:
                    pipeline.hgetall(_key(job_id))
                answers = pipeline.execute() if wanted else []
        except RedisError:
            return {}
        now = self._milliseconds()
        return {
            job_id: _snapshot({_text(name): _text(value) for name, value in raw.items()}, now)
            for job_id, raw in zip(wanted, answers, strict=True)
            if raw
        }

    def wait(self, job_id: uuid.UUID, seq: int, seconds: float) -> bool:
        """Return as soon as something newer than `seq` is told, or after these seconds.

        False when Redis is away: then nothing was waited for.
        """
        after = {_events(job_id): f"{seq}-{_LAST}"}
        try:
            self._redis.xread(after, count=1, block=max(1, int(seconds * 1000)))  # type: ignore[arg-type] # invariant dict
        except RedisError:
            return False
        return True

    def moved_since(self, job_id: uuid.UUID, run: str, seq: int) -> set[uuid.UUID] | None:
        """Return the versions that moved since `run.seq`; None when that is not known any more."""
        try:
            now = self._redis.hmget(_key(job_id), ["run", "seq"])
            entries = self._redis.xrange(_events(job_id)) or []
        except RedisError:
            return None
        if now[0] is None or _text(now[0]) != run or seq > int(now[1] or 0):
            return None
        if seq == int(now[1] or 0):
            return set()
        told = [(int(_text(key).partition("-")[0]), values) for key, values in entries]
        if not told or told[0][0] > seq:
            return None
        words = [
            word
            for at, values in told
            if at > seq
            for word in " ".join(map(_text, (values or {}).values())).split()
        ]
        return None if MANY in words else {uuid.UUID(word) for word in words}

    def speeds(self, job_id: uuid.UUID) -> tuple[Speed, ...]:
        """Return the samples of the last two minutes, the oldest first; none without Redis."""
        try:
            rows = [_text(row).split() for row in self._redis.lrange(_speeds(job_id), 0, -1)]
        except RedisError:
            return ()
        since = self._milliseconds() - SAMPLES * 2000
        return tuple(
            Speed(int(at) / 1000, float(come), float(gone))
            for at, come, gone in rows
            if int(at) >= since
        )

    def forget_file(self, job_id: uuid.UUID, version_id: uuid.UUID) -> None:
        """Drop a version's figures once the database holds its final ones."""
        try:
            self._redis.hdel(_key(job_id), *(f"{stage}:{version_id}" for stage in STAGES))
        except RedisError as problem:
            logger.debug("Progress could not be dropped: %s.", type(problem).__name__)

    def _milliseconds(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _snapshot(raw: Mapping[str, str], now: int) -> LiveSnapshot:
    began = int(raw.get("began", now))
    stages: dict[uuid.UUID, dict[str, int]] = {}
    for name, value in raw.items():
        kind, _, rest = name.partition(":")
        if kind in STAGES:
            stages.setdefault(uuid.UUID(rest), {})[kind] = int(value)
    return LiveSnapshot(
        run=raw.get("run", ""),
        seq=int(raw.get("seq", 0)),
        files={version: LiveFile(**values) for version, values in stages.items()},
        rate_in=_rate(raw, "in", now),
        rate_out=_rate(raw, "out", now),
        seconds=max(0.0, (now - began) / 1000),
        still_seconds=max(0.0, (now - int(raw.get("at:out", began))) / 1000),
    )


def _rate(raw: Mapping[str, str], name: str, now: int) -> float:
    silent = max(0, now - int(raw.get(f"at:{name}", now))) / 1000
    return float(raw.get(f"rate:{name}", 0.0)) * math.pow(0.5, silent / HALF_LIFE_SECONDS)


def _key(job_id: uuid.UUID) -> str:
    return f"balancecloud:progress:{job_id}"


def _events(job_id: uuid.UUID) -> str:
    return f"{_key(job_id)}:events"


def _speeds(job_id: uuid.UUID) -> str:
    return f"{_key(job_id)}:speed"


def _keys(job_id: uuid.UUID) -> list[str]:
    return [_key(job_id), _events(job_id), _speeds(job_id)]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
