"""A process that puts one shard into a linked account, to be killed in the middle of it.

python -m tests.library.accounts.uploading_process < SETTINGS.json
"""

import base64
import hashlib
import json
import sys
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from balancecloud.clouds.provider import ObjectId, Shard, ShardName
from balancecloud.config import Config, Secret
from tests.library.accounts.world import CLIENT, gateway_of


@dataclass(frozen=True)
class Task:
    """What is to be put where."""

    database_url: str
    simulator_url: str
    master_key: str
    data_dir: str
    account_id: str
    name: str
    object_id: str | None
    length: int

    @property
    def shard(self) -> Shard:
        """The same bytes in every process."""
        body = hashlib.shake_128(self.name.encode()).digest(self.length)
        return Shard(body, hashlib.sha256(body).digest())

    def to_json(self) -> bytes:
        """Return what the process reads."""
        return json.dumps(asdict(self)).encode()


def main() -> None:
    task = Task(**json.loads(sys.stdin.read()))
    unused = Secret(b"")
    config = Config(
        secret_key=unused,
        token_key=unused,
        queue_key=unused,
        pepper=unused,
        master_keys={1: Secret(base64.b64decode(task.master_key))},
        database_url=task.database_url,
        redis_url="",
        data_dir=Path(task.data_dir),
        simulator_url=task.simulator_url,
        google=CLIENT,
        microsoft=CLIENT,
    )
    gateway = gateway_of(config, sessionmaker(create_engine(task.database_url)))
    provider = gateway.open_provider(uuid.UUID(task.account_id))
    object_id = ObjectId(task.object_id) if task.object_id else None
    provider.put(ShardName(task.name), task.shard, object_id)


if __name__ == "__main__":
    main()
