"""A worker as a process of its own, over folders whose every write takes a while.

python -m tests.jobs.worker_process SETTINGS.json
"""

import base64
import json
import logging
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.folder import Folder
from balancecloud.clouds.provider import ObjectId, Provider, Shard, ShardName, StoredObject
from balancecloud.config import Config, Secret
from balancecloud.crypto.keys import MasterKeys
from balancecloud.jobs import worker
from balancecloud.live.doorbell import Doorbell
from balancecloud.live.progress import ProgressStore
from balancecloud.storage.spool import LocalSpool
from balancecloud.storage.tools import Tools


class SlowFolder(Folder):
    """A folder that takes its time."""

    seconds = 0.4  # long enough for a test to catch a job half way

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        SYSTEM_CLOCK.sleep(self.seconds)
        return super().put(name, shard, object_id)


@dataclass(frozen=True)
class Settings:
    """What a test tells its worker."""

    database_url: str
    redis_url: str
    queue_key: str
    master_key: str
    data_dir: str
    clouds: str
    lease_seconds: float = 2.0
    chunk_size: int = 4096
    frame_log2: int = 9


def place(settings: Settings, account_id: uuid.UUID) -> Path:
    return Path(settings.clouds) / str(account_id)


def main(path: str) -> None:
    logging.basicConfig(level="INFO")
    settings = Settings(**json.loads(Path(path).read_text()))
    unused = Secret(b"")
    config = Config(
        secret_key=unused,
        token_key=unused,
        queue_key=Secret(base64.b64decode(settings.queue_key)),
        pepper=unused,
        master_keys={},
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        data_dir=Path(settings.data_dir),
        lease_seconds=settings.lease_seconds,
        heartbeat_seconds=settings.lease_seconds / 4,
    )

    def open_provider(account_id: uuid.UUID) -> Provider:
        return SlowFolder(place(settings, account_id), [Path(settings.clouds)])

    tools = Tools(
        config,
        sessionmaker(create_engine(settings.database_url), expire_on_commit=False),
        MasterKeys({1: base64.b64decode(settings.master_key)}),
        LocalSpool(config.spool_dir, 0),
        open_provider,
        SYSTEM_CLOCK,
    )
    redis = Redis.from_url(settings.redis_url)
    worker.run(tools, Doorbell(redis, config.queue_key), ProgressStore(redis))


if __name__ == "__main__":
    main(sys.argv[1])
