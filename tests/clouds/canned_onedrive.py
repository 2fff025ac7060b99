"""OneDrive with planned answers, in place of the simulator's."""

import json
from base64 import b64encode

from balancecloud.clouds.endpoints import MicrosoftEndpoints
from balancecloud.clouds.hashes import quick_xor
from balancecloud.clouds.http import Answer, HostRules
from balancecloud.clouds.onedrive import OneDrive
from balancecloud.clouds.onedrive_uploads import OneDriveLimits
from balancecloud.clouds.provider import ObjectId, Shard, ShardName
from balancecloud.clouds.upload_sessions import UploadSessions
from tests.fakes.canned_way import CannedWay, Plan, canned
from tests.fakes.fixed_tokens import FixedTokens
from tests.fakes.manual_clock import ManualClock

RULES = HostRules.of((MicrosoftEndpoints().graph,), ("1drv.com",))
NAME, ID = ShardName("abcdefgh"), ObjectId("the-id")
ELSEWHERE = canned(302, b"", {"location": "https://public.dm.files.1drv.com/secret"})


PART = 327_680


def drive_with(
    *plans: Plan, clock: ManualClock | None = None, sessions: UploadSessions | None = None
) -> tuple[OneDrive, CannedWay]:
    way = CannedWay(RULES, *plans)
    tokens = FixedTokens("token-1", "token-2")
    drive = OneDrive(
        MicrosoftEndpoints(),
        tokens,
        "folder",
        way,
        sessions=sessions,
        clock=clock or ManualClock(),
        limits=OneDriveLimits(part_bytes=PART),
    )
    return drive, way


def item_json(shard: Shard, *, with_hash: bool = True, **changes: object) -> bytes:
    hashes = {"quickXorHash": b64encode(quick_xor(shard.body)).decode()} if with_hash else {}
    item = {"id": ID, "name": NAME, "size": shard.length, "file": {"hashes": hashes}} | changes
    return json.dumps(item).encode()


def refusal(status: int, code: str, *inner: str, after: str | None = None) -> Answer:
    error: dict[str, object] = {}
    for one in reversed(inner):
        error = {"code": one, "innererror": error}
    body = {"error": {"code": code, "message": "", "innerError": error}}
    return canned(status, json.dumps(body).encode(), {"retry-after": after} if after else {})
