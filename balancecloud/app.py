"""The application, put together. It reads like a list."""

from pathlib import Path
from typing import Final

from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.config import MIB, Config
from balancecloud.crypto.keys import MasterKeys
from balancecloud.extensions import csrf, db
from balancecloud.library.account_tokens import TokenVault
from balancecloud.library.darkroom import Darkroom
from balancecloud.library.gateway import Gateway
from balancecloud.library.installation import installation_of
from balancecloud.library.open_accounts import OpenAccounts
from balancecloud.library.previews import Viewer
from balancecloud.live.doorbell import Doorbell
from balancecloud.live.progress import ProgressStore
from balancecloud.storage.cache import open_cache
from balancecloud.storage.links import Links
from balancecloud.storage.pinging import ping_rested
from balancecloud.storage.spool import LocalSpool, Spool
from balancecloud.web import (
    auth,
    clouds,
    context,
    copying,
    downloads,
    errors,
    files,
    filters,
    guide,
    jobs,
    logs,
    page_values,
    previews,
    search,
    security,
    selection,
    settings,
    static_files,
    storage,
    trash,
    uploads,
    versions,
    zips,
)
from balancecloud.web.api import auth as api_auth
from balancecloud.web.api import cloud_accounts as api_cloud_accounts
from balancecloud.web.api import copying as api_copying
from balancecloud.web.api import files as api_files
from balancecloud.web.api import health as api_health
from balancecloud.web.api import jobs as api_jobs
from balancecloud.web.api import openapi
from balancecloud.web.api import trash as api_trash
from balancecloud.web.api import uploads as api_uploads
from balancecloud.web.context import Parts
from balancecloud.web.json_values import ApiJson
from balancecloud.web.limits import Limits
from balancecloud.web.proxies import TrustedProxies
from balancecloud.web.streams import Streams

ROOT: Final = Path(__file__).resolve().parents[1]
BLUEPRINTS: Final = (
    auth.blueprint,
    files.blueprint,
    uploads.blueprint,
    downloads.blueprint,
    previews.blueprint,
    copying.blueprint,
    selection.blueprint,
    zips.blueprint,
    trash.blueprint,
    versions.blueprint,
    settings.blueprint,
    guide.blueprint,
    clouds.blueprint,
    jobs.blueprint,
    search.blueprint,
    storage.blueprint,
    api_auth.blueprint,
    api_cloud_accounts.blueprint,
    api_copying.blueprint,
    api_files.blueprint,
    api_health.blueprint,
    api_jobs.blueprint,
    api_trash.blueprint,
    api_uploads.blueprint,
)


class BalanceCloud(Flask):
    """Flask with our requests and our JSON."""

    request_class = security.PlainRequest
    json_provider_class = ApiJson


def create_app(config: Config, clock: Clock = SYSTEM_CLOCK) -> Flask:
    """Build the application; nothing is asked of database or Redis yet."""
    app = BalanceCloud(__name__, template_folder=str(ROOT / "templates"), static_folder=None)
    app.config.from_mapping(flask_settings(config))
    db.init_app(app)
    with app.app_context():
        ping_rested(db.engine, clock)
    csrf.init_app(app)
    parts = build_parts(app, config, clock)
    context.install(app, parts)
    errors.register(app)
    security.register(app)
    static_files.register(app)
    page_values.register(app)
    logs.register(app)
    filters.register(app, clock)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    openapi.register(app)
    parts.limits.guard(app)
    app.wsgi_app = TrustedProxies(app.wsgi_app, config.trusted_proxies)  # type: ignore[assignment]
    return app


def flask_settings(config: Config) -> dict[str, object]:
    """Return the settings of Flask and its extensions."""
    return {
        "SECRET_KEY": config.secret_key.reveal(),
        "SECRET_KEY_FALLBACKS": [secret.reveal() for secret in config.secret_key_fallbacks],
        # Flask's own signed cookie carries the CSRF secret and notices, never who is signed in.
        "SESSION_COOKIE_NAME": form_cookie_name(config),
        "SESSION_COOKIE_PATH": "/",
        "SESSION_COOKIE_SECURE": config.is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_CHECK_DEFAULT": False,  # web.security decides when
        "WTF_CSRF_TIME_LIMIT": config.session_absolute_seconds,
        "WTF_CSRF_SSL_STRICT": False,  # Origin and Sec-Fetch-Site say it better than Referer
        "SESSION_PROTECTION": None,
        "MAX_CONTENT_LENGTH": MIB,
        "MAX_FORM_MEMORY_SIZE": security.LONGEST_FORM,
        "MAX_FORM_PARTS": 100,
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "TEMPLATES_AUTO_RELOAD": False,
    }


def form_cookie_name(config: Config) -> str:
    """Return the name of the cookie that ties forms to a browser."""
    return "__Host-balancecloud-form" if config.is_https else "balancecloud-form"


def build_parts(app: Flask, config: Config, clock: Clock) -> Parts:
    """Build what views reach through web.context."""
    with app.app_context():
        sessions = sessionmaker(db.engine, expire_on_commit=False)
    redis = open_redis(config)
    return Parts(
        config=config,
        gateway=build_gateway(config, sessions, clock),
        redis=redis,
        doorbell=Doorbell(redis, config.queue_key),
        progress=ProgressStore(redis, clock),
        limits=Limits(config, redis.connection_pool),
        viewer=Viewer(Darkroom()),
        streams=Streams(),
    )


def open_redis(config: Config) -> Redis:
    """Return a client that notices a dead Redis within seconds instead of waiting for it."""
    return Redis.from_url(
        config.redis_url,
        socket_connect_timeout=2,
        socket_timeout=5,
        retry=Retry(NoBackoff(), 1),
    )


def build_gateway(config: Config, sessions: sessionmaker[Session], clock: Clock) -> Gateway:
    """Build the tools that web and workers share."""
    keys = MasterKeys({number: key.reveal() for number, key in config.master_keys.items()})
    installation = installation_of(config, clock)
    accounts = OpenAccounts(TokenVault(sessions, keys, clock), installation)
    return Gateway(
        config=config,
        sessions=sessions,
        keys=keys,
        spool=open_spool(config, clock),
        open_provider=accounts.open,
        clock=clock,
        installation=installation,
        links=Links(cache=open_cache(config, clock)),
    )


def open_spool(config: Config, clock: Clock) -> Spool:
    """Return the spool that the settings name: a bucket, or a folder of the data folder."""
    if config.spool_bucket is not None:
        # Only then: its library takes 6 MB of each process.
        from balancecloud.storage.bucket_spool import BucketSpool  # noqa: PLC0415

        return BucketSpool(config.spool_bucket, clock)
    return LocalSpool(config.spool_dir, config.spool_reserve_bytes)
