"""What worker and tick share: the gateway's tools, the doorbell and the live figures."""

from dataclasses import dataclass

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from balancecloud.app import build_gateway, open_redis
from balancecloud.cli import logs
from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.config import from_environment
from balancecloud.library.gateway import Gateway
from balancecloud.live.doorbell import Doorbell
from balancecloud.live.progress import ProgressStore
from balancecloud.storage import boot
from balancecloud.storage.pinging import ping_rested


@dataclass(frozen=True, slots=True)
class Background:
    """The parts of a process that works without being asked over HTTP."""

    gateway: Gateway
    doorbell: Doorbell
    progress: ProgressStore


def open_background() -> Background:
    """Build them from the environment, or refuse with a ConfigError."""
    config = from_environment()
    logs.begin(config.log_level)
    boot.check(config, SYSTEM_CLOCK)
    engine = create_engine(
        config.database_url,
        hide_parameters=True,  # names and addresses stay out of errors, and so out of the log
        pool_timeout=10,
        connect_args={
            "connect_timeout": 5,
            "options": "-c statement_timeout=60000 -c lock_timeout=10000 -c timezone=UTC",
        },
    )
    ping_rested(engine, SYSTEM_CLOCK)
    sessions = sessionmaker(engine, expire_on_commit=False)
    redis = open_redis(config)
    return Background(
        gateway=build_gateway(config, sessions, SYSTEM_CLOCK),
        doorbell=Doorbell(redis, config.queue_key),
        progress=ProgressStore(redis, SYSTEM_CLOCK),
    )
