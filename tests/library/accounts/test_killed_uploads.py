"""A process is killed in the middle of an upload over a slow link; another one goes on with it."""

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.provider import ObjectId, Provider, ShardName, StoredObject
from balancecloud.clouds.upload_sessions import PART_BYTES
from balancecloud.config import Config
from balancecloud.errors import Unreachable
from balancecloud.library.account_tokens import TokenVault
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.upload_sessions import KeptUploadSessions
from cloudsim.app import Running
from tests.clouds.at_sim import AtSim
from tests.clouds.provider_suite import new_name
from tests.library.accounts.uploading_process import Task
from tests.library.accounts.world import SIM_NAMES, gateway_of, link, new_address

pytestmark = [pytest.mark.real, pytest.mark.sim]

ROOT = Path(__file__).resolve().parents[3]
LENGTH = 5 * PART_BYTES + 1000
ROUTES = {"google_drive": "upload.session", "onedrive": "upload.fragment"}


def bodies(cloud: AtSim, route: str) -> list[int]:
    """Return the lengths of the parts that reached the account, questions left out."""
    return [entry["sent_length"] for entry in cloud.asked(route) if entry["sent_length"]]


@pytest.mark.parametrize("provider", ROUTES)
def test_f06_another_process_goes_on_where_a_killed_one_was(
    provider: str, gateway: Gateway, clouds_config: Config, person: Linker, simulator: Running
) -> None:
    address = new_address()
    account_id = link(gateway, person, provider, address)
    cloud, route = AtSim(simulator, SIM_NAMES[provider], address), ROUTES[provider]
    opened = gateway.open_provider(account_id)
    reserved = [*opened.reserve(1), None][0]
    task = Task(
        clouds_config.database_url,
        simulator.url,
        base64.b64encode(clouds_config.master_keys[1].reveal()).decode(),
        str(clouds_config.data_dir),
        str(account_id),
        new_name(),
        reserved,
        LENGTH,
    )
    vault = TokenVault(gateway.sessions, gateway.keys, gateway.clock)
    kept = KeptUploadSessions(vault, person.user_id, account_id)
    kept.note_slow(ShardName(task.name))

    cloud.stand(up_bytes_s=4e6)
    kill_after(task, lambda: len(bodies(cloud, route)) >= 2)
    cloud.clear()
    before = bodies(cloud, route)
    assert cloud.objects() == []
    known = kept.recall(ShardName(task.name))
    assert known is not None
    assert known.address is not None

    other = gateway_of(clouds_config, gateway.sessions).open_provider(account_id)
    stored = put_until_it_works(other, task)
    again = sum(bodies(cloud, route)) - LENGTH
    assert again <= 2 * PART_BYTES  # the part on its way, and what was not acknowledged of it
    assert again < sum(before)
    assert other.get(stored.object_id, 0, LENGTH) == task.shard.body
    assert [one.id for one in cloud.objects()] == [stored.object_id]
    assert kept.recall(ShardName(task.name)) is None


def put_until_it_works(provider: Provider, task: Task) -> StoredObject:
    """Put it; the service may still be at what the dead process sent."""
    object_id = ObjectId(task.object_id) if task.object_id else None
    while True:
        try:
            return provider.put(ShardName(task.name), task.shard, object_id)
        except Unreachable:
            SYSTEM_CLOCK.sleep(0.05)


def kill_after(task: Task, has_come: Callable[[], bool]) -> None:
    """Run the process until it has come so far, and kill it."""
    command = [sys.executable, "-m", "tests.library.accounts.uploading_process"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(task.to_json())
        process.stdin.close()
        while not has_come():
            assert process.poll() is None
            SYSTEM_CLOCK.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
