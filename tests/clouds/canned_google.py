"""Google Drive with planned answers, in place of the simulator's."""

import hashlib
import json

from balancecloud.clouds.endpoints import GoogleEndpoints
from balancecloud.clouds.google_drive import GoogleDrive
from balancecloud.clouds.google_uploads import DriveLimits
from balancecloud.clouds.http import Answer, HostRules
from balancecloud.clouds.provider import ObjectId, Shard, ShardName
from balancecloud.clouds.upload_sessions import UploadSessions
from tests.fakes.canned_way import CannedWay, Plan, canned
from tests.fakes.fixed_tokens import FixedTokens
from tests.fakes.manual_clock import ManualClock

RULES = HostRules.of((GoogleEndpoints().api,), ("googleapis.com",))


NAME, ID = ShardName("a-name"), ObjectId("the-id")
SESSION = canned(
    200, b"", {"location": "https://www.googleapis.com/upload/drive/v3/files?upload_id=1"}
)


PART = 262_144


def drive_with(
    *plans: Plan, clock: ManualClock | None = None, sessions: UploadSessions | None = None
) -> tuple[GoogleDrive, CannedWay]:
    way = CannedWay(RULES, *plans)
    tokens = FixedTokens("token-1", "token-2")
    drive = GoogleDrive(
        GoogleEndpoints(),
        tokens,
        "folder",
        way,
        sessions=sessions,
        clock=clock or ManualClock(),
        limits=DriveLimits(multipart_bytes=4, part_bytes=PART),
    )
    return drive, way


def file_json(shard: Shard, **changes: object) -> bytes:
    told = {
        "id": "the-id",
        "name": "a-name",
        "size": str(shard.length),
        "sha256Checksum": shard.sha256.hex(),
        "md5Checksum": hashlib.md5(shard.body).hexdigest(),
    } | changes
    return json.dumps({key: value for key, value in told.items() if value is not None}).encode()


def refusal(status: int, reason: str, message: str = "") -> Answer:
    error = {"errors": [{"domain": "global", "reason": reason}], "message": message}
    return canned(status, json.dumps({"error": error}).encode())
