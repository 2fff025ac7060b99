"""How a shard gets to Google Drive: in one multipart request, or through a session.

The first try of a session is one request with everything. What broke off is continued in parts,
each with a deadline of its own, so that on the slowest link every try gets further.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from balancecloud.clouds.google_answers import FIELDS, kept_of
from balancecloud.clouds.http import Answer, Bytes, Request
from balancecloud.clouds.provider import ObjectId, Shard
from balancecloud.clouds.upload_sessions import PART_BYTES, SLOW_SECONDS, Unfinished
from balancecloud.errors import BadReply, ProviderError, Unreachable

GRANULE_BYTES = 262_144  # a session may keep no more than the last multiple of it
STALLS = 8  # how often one put may see a session keep less than that

Send = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class DriveLimits:
    """Sizes that are advice, not law."""

    multipart_bytes: int = 8 << 20  # as rclone; the documented advice is 5 MB; above: a session
    files_per_page: int = 1000
    part_bytes: int = PART_BYTES
    slow_seconds: float = SLOW_SECONDS


@dataclass(frozen=True, slots=True)
class NewFile:
    """A shard to be made under an id of its own."""

    object_id: ObjectId
    metadata: Mapping[str, object]
    shard: Shard


class DriveUploads:
    """Makes files at one account."""

    def __init__(self, send: Send, base_url: str, limits: DriveLimits) -> None:
        self._send = send
        self._base_url = base_url
        self._limits = limits

    def create(self, file: NewFile, unfinished: Unfinished) -> Answer:
        """Send the file, going on with what an earlier try left; return the last answer."""
        length = file.shard.length
        is_small = length <= self._limits.multipart_bytes
        if length == 0 or (is_small and not unfinished.goes_in_parts):
            return self._create_multipart(file)
        continued = self._continue(file, unfinished)
        return continued or self._create_resumable(file, unfinished)

    def _create_multipart(self, file: NewFile) -> Answer:
        boundary = secrets.token_hex(16)
        head = (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
            f"{json.dumps(file.metadata)}\r\n"
            f"--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        return self._send(
            Request(
                "POST",
                f"{self._base_url}/files?uploadType=multipart&fields={FIELDS}",
                headers={"Content-Type": f"multipart/related; boundary={boundary}"},
                parts=(head.encode(), file.shard.body, f"\r\n--{boundary}--\r\n".encode()),
            )
        )

    def _create_resumable(self, file: NewFile, unfinished: Unfinished) -> Answer:
        started = self._send(
            Request(
                "POST",
                f"{self._base_url}/files?uploadType=resumable&fields={FIELDS}",
                headers={
                    "Content-Type": "application/json; charset=UTF-8",
                    "X-Upload-Content-Type": "application/octet-stream",
                    "X-Upload-Content-Length": str(file.shard.length),
                },
                parts=(json.dumps(file.metadata).encode(),),
            )
        )
        if not started.is_success:
            return started
        address = started.headers.get("location", "")
        if not address:
            raise BadReply
        unfinished.keep(address, file.object_id)
        step = self._limits.part_bytes if unfinished.goes_in_parts else file.shard.length
        return self._fill(address, memoryview(file.shard.body), 0, step)

    def _continue(self, file: NewFile, unfinished: Unfinished) -> Answer | None:
        """Ask a kept session how much it has and send the rest; None when it is of no use."""
        before = unfinished.before
        if before is None or before.address is None:
            return None
        if before.object_id != file.object_id:
            self._cancel(before.address)  # the shard has got another id since
            return None
        total = file.shard.length
        asked = Request("PUT", before.address, headers={"Content-Range": f"bytes */{total}"})
        try:
            answer = self._send(asked)
        except BadReply:
            return None  # an address beyond the rules, or no HTTP there
        if answer.is_success:
            return answer
        if answer.status != 308:
            return _none_if_gone(answer)
        body = memoryview(file.shard.body)
        answer = self._fill(before.address, body, kept_of(answer), self._limits.part_bytes)
        return answer if answer.is_success else _none_if_gone(answer)

    def _fill(self, address: str, body: memoryview, kept: int, step: int) -> Answer:
        """Send from `kept` on, `step` bytes at a time; what was not kept is sent again."""
        total = len(body)
        for _ in range(total // GRANULE_BYTES + STALLS):
            if kept >= total:
                raise BadReply
            end = min(kept + step, total)
            headers = {"Content-Type": "application/octet-stream"}
            if kept or end < total:
                headers["Content-Range"] = f"bytes {kept}-{end - 1}/{total}"
            part: tuple[Bytes, ...] = (body[kept:end],)
            answer = self._send(Request("PUT", address, headers=headers, parts=part))
            if answer.status != 308:
                return answer
            kept = kept_of(answer)
            if kept > end:
                raise BadReply
        raise Unreachable

    def _cancel(self, address: str) -> None:
        """Give a session up; one that cannot be reached ends by itself in a week."""
        try:
            self._send(Request("DELETE", address))
        except ProviderError:
            return


def _none_if_gone(answer: Answer) -> Answer | None:
    """Raise what passes by itself or says why; any other refusal has ended the session."""
    if answer.status in {401, 403, 408, 409, 429} or answer.status >= 500:
        return answer
    return None
