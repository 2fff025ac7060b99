"""A process of its own whose threads all need one account's access token at the same time.

python -m tests.library.accounts.refreshing ACCOUNT < SETTINGS

Says "ready", waits for a line, lets eight threads ask the account, and says how many succeeded.
Told to "hang", it stops in the middle of a renewal instead, says "hanging", and waits to be killed.
"""

import base64
import json
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.oauth import Grants, TokenSet
from balancecloud.clouds.provider import Provider
from balancecloud.config import Config, Secret
from balancecloud.crypto.keys import MasterKeys
from balancecloud.library.account_tokens import TokenVault
from balancecloud.library.installation import installation_of
from balancecloud.library.open_accounts import OpenAccounts
from tests.library.accounts.world import CLIENT

THREADS = 8


def settings_of(config: Config, lease: float) -> str:
    """Return what a process needs to know, as a line of JSON."""
    return json.dumps(
        {
            "database_url": config.database_url,
            "simulator_url": config.simulator_url,
            "master_key": base64.b64encode(config.master_keys[1].reveal()).decode(),
            "folder": str(config.data_dir),
            "lease": lease,
        }
    )


def _say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _config(told: dict[str, Any]) -> Config:
    unused = Secret(b"")
    return Config(
        secret_key=unused,
        token_key=unused,
        queue_key=unused,
        pepper=unused,
        master_keys={1: Secret(base64.b64decode(told["master_key"]))},
        database_url=told["database_url"],
        redis_url="",
        data_dir=Path(told["folder"]),
        simulator_url=told["simulator_url"],
        google=CLIENT,
        microsoft=CLIENT,
    )


def _hang(_grants: Grants, _tokens: TokenSet) -> NoReturn:
    _say("hanging")
    while True:
        threading.Event().wait()


def _ask(account: Provider, gate: threading.Barrier) -> bool:
    gate.wait()
    return account.room().used >= 0


def main(account_id: str) -> None:
    told = json.loads(sys.stdin.readline())
    config = _config(told)
    sessions = sessionmaker(create_engine(config.database_url), expire_on_commit=False)
    keys = MasterKeys({1: config.master_keys[1].reveal()})
    vault = TokenVault(sessions, keys, SYSTEM_CLOCK, timedelta(seconds=told["lease"]))
    opened = OpenAccounts(vault, installation_of(config, SYSTEM_CLOCK))
    account = opened.open(uuid.UUID(account_id))
    _say("ready")
    if sys.stdin.readline().strip() == "hang":
        Grants.refresh = _hang  # type: ignore[assignment, method-assign]
    gate = threading.Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        _say(sum(pool.map(lambda _: _ask(account, gate), range(THREADS))))


if __name__ == "__main__":
    main(sys.argv[1])
