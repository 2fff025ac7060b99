"""Settings: one frozen Config, and the only reader of the environment.

Secrets are read from files; `from_environment` refuses to build a Config whose secrets are missing,
short, an example, readable by others, or equal to one another.
"""

import base64
import binascii
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from balancecloud.buckets import SpoolBucket, parse_spool_url
from balancecloud.errors import ConfigError

MIB: Final = 1 << 20
SECRET_BYTES: Final = 32
# What people leave in place when they copy an example: refused whatever its length.
EXAMPLES: Final = (b"change", b"example", b"secret", b"password", b"insecure", b"00000000")
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Secret:
    """Bytes that never show themselves: `reveal` is the only way to them."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class OAuthClientConfig:
    """One OAuth client of ours at a provider; an empty id means this provider is not offered."""

    client_id: str = ""
    client_secret: Secret = field(default_factory=lambda: Secret(b""))


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting. Sizes in bytes, times in seconds."""

    secret_key: Secret
    token_key: Secret
    queue_key: Secret
    pepper: Secret
    master_keys: Mapping[int, Secret]  # number -> key; the highest number writes, all read
    database_url: str = field(repr=False)  # both may hold a password
    redis_url: str = field(repr=False)
    data_dir: Path
    public_url: str = "http://localhost:8080"
    trusted_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    setup_code: Secret = field(default_factory=lambda: Secret(b""))
    secret_key_fallbacks: tuple[Secret, ...] = ()  # former keys, still read after a rotation
    token_key_fallbacks: tuple[Secret, ...] = ()
    registration_open: bool = True
    simulator_url: str = ""  # set: the clouds are simulated there, and every page says so
    google: OAuthClientConfig = field(default_factory=OAuthClientConfig)
    microsoft: OAuthClientConfig = field(default_factory=OAuthClientConfig)
    microsoft_tenant: str = "common"
    folder_roots: tuple[Path, ...] = ()  # folders below which `folder` accounts may lie
    default_quota_bytes: int | None = None
    largest_file_bytes: int = 1 << 40
    spool_reserve_bytes: int = 1 << 30
    spool_bucket: SpoolBucket | None = None  # None: the spool lies below the data folder
    cache_bytes: int = 2 << 30  # of what was read; 0: nothing is kept
    chunk_size: int = 10 * MIB
    frame_log2: int = 16
    largest_shared_chunk: int = 5 * MIB  # a last chunk up to this shares a pack with others
    pack_quiet_seconds: float = 2.0  # a pack that is not full goes after so long without company
    # A file over that is stored while it arrives, a run of whole chunks of about so much at a time.
    early_bytes: int = 64 * MIB
    store_budget_bytes: int = 96 * MIB  # what a worker process holds of files it stores
    lease_seconds: float = 45.0
    heartbeat_seconds: float = 15.0
    tick_seconds: float = 15.0
    attempts: int = 20  # tries of one piece of work before it is dead; waiting is not trying
    session_idle_seconds: int = 30 * 60
    session_absolute_seconds: int = 12 * 3600
    token_seconds: int = 30 * 60
    upload_idle_seconds: float = 30.0
    rate_limits: bool = True
    log_level: str = "INFO"

    @property
    def spool_dir(self) -> Path:
        """Where sealed parts of what arrives are kept, 0700."""
        return self.data_dir / "spool"

    @property
    def cache_dir(self) -> Path:
        """Where sealed bytes that were read are kept for a while, 0700."""
        return self.data_dir / "cache"

    @property
    def is_local(self) -> bool:
        """Whether the public address is this computer itself."""
        return urlsplit(self.public_url).hostname in LOCAL_HOSTS

    @property
    def is_https(self) -> bool:
        """Whether people reach us over TLS."""
        return urlsplit(self.public_url).scheme == "https"


@dataclass(frozen=True, slots=True)
class LaunchConfig:
    """What `balancecloud up` is asked for; it makes the rest itself."""

    data_dir: Path
    port: int
    public_url: str
    is_demo: bool  # with simulated clouds
    has_database: bool  # DATABASE_URL and REDIS_URL name servers that exist
    has_redis: bool
    environment: Mapping[str, str] = field(repr=False)  # what children inherit

    @property
    def is_local(self) -> bool:
        """Whether the public address is this computer itself."""
        return urlsplit(self.public_url).hostname in LOCAL_HOSTS


def from_environment(environ: Mapping[str, str] | None = None) -> Config:
    """Build the Config from variables and secret files; ConfigError with one sentence if unsafe."""
    env = os.environ if environ is None else environ
    _refuse_debug(env)
    config = Config(
        secret_key=_secret_file(env, "SECRET_KEY_FILE"),
        token_key=_secret_file(env, "TOKEN_KEY_FILE"),
        queue_key=_secret_file(env, "QUEUE_KEY_FILE"),
        pepper=_secret_file(env, "PEPPER_FILE"),
        master_keys=_master_keys(env),
        database_url=database_from_environment(env),
        redis_url=_with_password(env, "REDIS"),
        data_dir=Path(_required(env, "DATA_DIR")),
        public_url=env.get("PUBLIC_URL", "http://localhost:8080").rstrip("/"),
        trusted_hosts=_words(env, "TRUSTED_HOSTS") or _default_hosts(env),
        trusted_proxies=_words(env, "TRUSTED_PROXIES"),
        cors_origins=_words(env, "CORS_ORIGINS"),
        redirect_uris=_words(env, "REDIRECT_URIS"),
        setup_code=_optional_secret(env, "SETUP_CODE_FILE"),
        secret_key_fallbacks=_former_secrets(env, "SECRET_KEY_FALLBACK_FILE"),
        token_key_fallbacks=_former_secrets(env, "TOKEN_KEY_FALLBACK_FILE"),
        registration_open=_flag(env, "REGISTRATION_OPEN", default=True),
        simulator_url=env.get("SIMULATOR_URL", "").rstrip("/"),
        google=_oauth_client(env, "GOOGLE"),
        microsoft=_oauth_client(env, "MICROSOFT"),
        microsoft_tenant=env.get("MICROSOFT_TENANT", "common"),
        folder_roots=tuple(Path(word) for word in _words(env, "FOLDER_ROOTS")),
        default_quota_bytes=_number(env, "DEFAULT_QUOTA_BYTES", 0) or None,
        largest_file_bytes=_number(env, "LARGEST_FILE_BYTES", 1 << 40),
        spool_reserve_bytes=_number(env, "SPOOL_RESERVE_BYTES", 1 << 30),
        spool_bucket=_spool_bucket(env),
        cache_bytes=_number(env, "CACHE_BYTES", 2 << 30),
        pack_quiet_seconds=float(_number(env, "PACK_QUIET_SECONDS", 2)),
        store_budget_bytes=_number(env, "STORE_BUDGET_BYTES", 96 * MIB),
        lease_seconds=float(_number(env, "LEASE_SECONDS", 45)),
        heartbeat_seconds=float(_number(env, "HEARTBEAT_SECONDS", 15)),
        tick_seconds=float(_number(env, "TICK_SECONDS", 15)),
        upload_idle_seconds=float(_number(env, "UPLOAD_IDLE_SECONDS", 30)),
        rate_limits=_flag(env, "RATE_LIMITS", default=True),
        log_level=env.get("LOG_LEVEL", "INFO").upper(),
    )
    refuse_unsafe(config)
    return config


def refuse_unsafe(config: Config) -> None:
    """Raise ConfigError when secrets or addresses do not allow a safe start."""
    named = {
        "SECRET_KEY": config.secret_key,
        "TOKEN_KEY": config.token_key,
        "QUEUE_KEY": config.queue_key,
        "PEPPER": config.pepper,
        **{f"MASTER_KEY {n}": key for n, key in config.master_keys.items()},
        **{f"SECRET_KEY_FALLBACK {n}": key for n, key in enumerate(config.secret_key_fallbacks)},
        **{f"TOKEN_KEY_FALLBACK {n}": key for n, key in enumerate(config.token_key_fallbacks)},
    }
    seen: dict[bytes, str] = {}
    for name, secret in named.items():
        _refuse_weak(name, secret.reveal())
        if secret.reveal() in seen:
            raise ConfigError(
                f"{name} equals {seen[secret.reveal()]}: each secret must be its own."
            )
        seen[secret.reveal()] = name
    if not config.is_https and not config.is_local:
        raise ConfigError("PUBLIC_URL must begin with https:// unless it is localhost.")
    _refuse_open_redis(config.redis_url)


def _refuse_weak(name: str, value: bytes) -> None:
    if len(value) < SECRET_BYTES:
        raise ConfigError(f"{name} is shorter than {SECRET_BYTES} bytes.")
    lowered = value.lower()
    if len(set(value)) < 8 or any(example in lowered for example in EXAMPLES):
        raise ConfigError(f"{name} is an example or has too little variety. Make a random one.")


def _refuse_open_redis(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"unix", "redis", "rediss"}:
        raise ConfigError("REDIS_URL must begin with redis://, rediss:// or unix://.")
    if parts.scheme != "unix" and not parts.password:
        raise ConfigError("REDIS_URL reaches Redis over TCP without a password.")


def launch_from_environment(environ: Mapping[str, str] | None = None) -> LaunchConfig:
    """Build what `balancecloud up` needs; ConfigError with one sentence if it makes no sense."""
    env = dict(os.environ if environ is None else environ)
    port = _number(env, "PORT", 8080)
    if not 1 <= port <= 65535:
        raise ConfigError("PORT must be between 1 and 65535.")
    return LaunchConfig(
        data_dir=Path(env.get("DATA_DIR") or "data"),
        port=port,
        public_url=(env.get("PUBLIC_URL") or f"http://localhost:{port}").rstrip("/"),
        is_demo=_flag(env, "DEMO", default=True),
        has_database=bool(env.get("DATABASE_URL")),
        has_redis=bool(env.get("REDIS_URL")),
        environment=env,
    )


def _refuse_debug(env: Mapping[str, str]) -> None:
    if _flag(env, "FLASK_DEBUG", default=False):
        raise ConfigError("FLASK_DEBUG would show secrets to visitors. Unset it.")


def database_from_environment(environ: Mapping[str, str] | None = None) -> str:
    """Return the database's URL, the one setting that `balancecloud migrate` needs."""
    return database_url(_with_password(os.environ if environ is None else environ, "DATABASE"))


def _with_password(env: Mapping[str, str], prefix: str) -> str:
    """Return a server's URL with the password of its file put in."""
    url = _required(env, f"{prefix}_URL")
    if not env.get(f"{prefix}_PASSWORD_FILE"):
        return url
    parts = urlsplit(url)
    if parts.password:
        raise ConfigError(f"{prefix}_URL and {prefix}_PASSWORD_FILE both hold a password.")
    password = quote(read_secret(Path(env[f"{prefix}_PASSWORD_FILE"])), safe="")
    person, _, host = parts.netloc.rpartition("@")
    # Written by hand: urlunsplit would make unix:/path of a URL without a host.
    rest = url.removeprefix(f"{parts.scheme}://").removeprefix(parts.netloc)
    return f"{parts.scheme}://{person}:{password}@{host}{rest}"


def database_url(url: str) -> str:
    """Return the URL with the psycopg2 driver named, as SQLAlchemy 2.1 would take psycopg 3."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg2://" + url.removeprefix(prefix)
    if url.startswith("postgresql+psycopg2://"):
        return url
    raise ConfigError(
        "DATABASE_URL must begin with postgresql:// (PostgreSQL is the only dialect)."
    )


def read_secret(path: Path) -> bytes:
    """Return a secret file's content without white space around; refuse one others may read."""
    try:
        mode = path.stat().st_mode
        content = path.read_bytes().strip()
    except OSError as problem:
        raise ConfigError(
            f"The secret file {path.name} cannot be read: {problem.strerror}."
        ) from problem
    # A container runtime mounts secrets read-only and world-readable inside its own namespace.
    if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP) and not path.is_relative_to(
        "/run/secrets"
    ):
        raise ConfigError(f"The secret file {path.name} can be read by others. Give it mode 0600.")
    return content


def parse_master_keys(text: bytes) -> dict[int, Secret]:
    """Read lines `number:base64` of 32 bytes each; ConfigError when one is malformed."""
    keys: dict[int, Secret] = {}
    for line in text.decode("ascii", "replace").split():
        number, _, encoded = line.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
            keys[int(number)] = Secret(key)
        except (binascii.Error, ValueError) as problem:
            raise ConfigError("MASTER_KEY_FILE has a line that is not number:base64.") from problem
        if len(key) != SECRET_BYTES or int(number) < 1:
            raise ConfigError(
                "MASTER_KEY_FILE has a key that is not 32 bytes, or a number below 1."
            )
    if not keys:
        raise ConfigError("MASTER_KEY_FILE holds no key.")
    return keys


def _master_keys(env: Mapping[str, str]) -> dict[int, Secret]:
    return parse_master_keys(read_secret(Path(_required(env, "MASTER_KEY_FILE"))))


def _secret_file(env: Mapping[str, str], name: str) -> Secret:
    return Secret(read_secret(Path(_required(env, name))))


def _optional_secret(env: Mapping[str, str], name: str) -> Secret:
    return Secret(read_secret(Path(env[name]))) if env.get(name) else Secret(b"")


def _former_secrets(env: Mapping[str, str], name: str) -> tuple[Secret, ...]:
    return (Secret(read_secret(Path(env[name]))),) if env.get(name) else ()


def _spool_bucket(env: Mapping[str, str]) -> SpoolBucket | None:
    url, key_id = env.get("SPOOL_URL", ""), env.get("SPOOL_KEY_ID", "")
    secret = _optional_secret(env, "SPOOL_SECRET_KEY_FILE").reveal()
    return parse_spool_url(url, key_id, secret.decode("ascii", "replace")) if url else None


def _oauth_client(env: Mapping[str, str], prefix: str) -> OAuthClientConfig:
    return OAuthClientConfig(
        env.get(f"{prefix}_CLIENT_ID", ""), _optional_secret(env, f"{prefix}_CLIENT_SECRET_FILE")
    )


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise ConfigError(f"{name} is not set.")
    return value


def _default_hosts(env: Mapping[str, str]) -> tuple[str, ...]:
    host = urlsplit(env.get("PUBLIC_URL", "")).hostname
    local = ("localhost", "127.0.0.1", "[::1]")
    return local if host is None or host in LOCAL_HOSTS else (host,)


def _words(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in env.get(name, "").split(",") if word.strip())


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = env.get(name, "").lower()
    if value not in {"", "0", "1", "true", "false", "yes", "no"}:
        raise ConfigError(f"{name} must be 0 or 1.")
    return value in {"1", "true", "yes"} if value else default


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    value = env.get(name, "")
    if not value:
        return default
    if not value.isascii() or not value.isdigit():
        raise ConfigError(f"{name} must be a whole number.")
    return int(value)
