"""Upload sessions of OneDrive, for shards that do not get through in one request.

The session's address is the permission to write: it gets no token, and none of its own. Fragments
go in order; what the service expects next is what it says, never what was sent.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from balancecloud.clouds.http import Answer, HttpClient, Request, json_request
from balancecloud.clouds.onedrive_answers import codes_of, good
from balancecloud.clouds.provider import ShardName
from balancecloud.clouds.replies import Reply
from balancecloud.clouds.upload_sessions import PART_BYTES, SLOW_SECONDS
from balancecloud.errors import AccountFull, BadReply, ProviderError, Throttled, Unreachable

GRANULE_BYTES = 327_680  # every fragment but the last is a multiple of it
STALLS = 8  # how often one put may be told to send something again

_EXPECTED = re.compile(r"([0-9]{1,18})-[0-9]{0,18}")
# The session is over, or its address is: both are answered in these ways.
_GONE = frozenset({401, 404, 410})

Send = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class OneDriveLimits:
    """Sizes that are advice, not law."""

    items_per_page: int = 200
    part_bytes: int = PART_BYTES
    slow_seconds: float = SLOW_SECONDS


class SessionGone(Exception):
    """The session has ended, perhaps because everything is there."""


class ItemUploads:
    """Upload sessions at one account."""

    def __init__(self, send: Send, http: HttpClient, limits: OneDriveLimits) -> None:
        self._send = send
        self._http = http
        self._limits = limits

    def begin(self, item_url: str, name: ShardName, length: int) -> str | None:
        """Return a new session's address; None where the name is taken."""
        item = {"@microsoft.graph.conflictBehavior": "fail", "name": name, "fileSize": length}
        answer = self._send(
            json_request("POST", f"{item_url}:/createUploadSession", {"item": item})
        )
        if is_name_taken(answer):
            return None
        return Reply.of(good(answer)).text("uploadUrl")

    def resume(self, address: str, body: memoryview) -> Answer:
        """Send what the session still expects; `SessionGone` when it has ended."""
        return self._fill(address, body, self._expected(address, len(body)))

    def fill(self, address: str, body: memoryview) -> Answer:
        """Send everything to a new session."""
        return self._fill(address, body, 0)

    def cancel(self, address: str) -> None:
        """Give the session up, so that it blocks no name; an absent one is fine."""
        try:
            self._http.send(Request("DELETE", address))
        except ProviderError:
            return  # it ends by itself

    def _fill(self, address: str, body: memoryview, start: int) -> Answer:
        total = len(body)
        for _ in range(total // GRANULE_BYTES + STALLS):
            if start >= total:
                raise SessionGone  # it has everything and made nothing of it
            answer = self._put(address, body, start)
            if answer.status == 202:
                start = _next_of(answer, total)
            elif answer.status == 416:
                start = self._expected(address, total)
            elif _is_gone(answer):
                raise SessionGone
            else:
                return answer
        raise Unreachable

    def _put(self, address: str, body: memoryview, start: int) -> Answer:
        total = len(body)
        end = min(start + self._limits.part_bytes, total)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes {start}-{end - 1}/{total}",
        }
        return self._http.send(Request("PUT", address, headers=headers, parts=(body[start:end],)))

    def _expected(self, address: str, total: int) -> int:
        answer = self._http.send(Request("GET", address))
        if _is_gone(answer):
            raise SessionGone
        return _next_of(good(answer), total)


def is_name_taken(answer: Answer) -> bool:
    """Say whether something, or a pending session, has the name already."""
    return answer.status == 409 and "namealreadyexists" in codes_of(answer)


def _is_gone(answer: Answer) -> bool:
    """Say whether the address is of no more use; a 403 may be an expired one, or say why."""
    if answer.status != 403:
        return answer.status in _GONE
    try:
        good(answer)
    except (AccountFull, Throttled, Unreachable):
        return False
    except ProviderError:
        return True
    return False


def _next_of(answer: Answer, total: int) -> int:
    """Return the first byte that is expected."""
    ranges = Reply.of(answer).texts("nextExpectedRanges")
    match = _EXPECTED.fullmatch(ranges[0]) if ranges else None
    if match is None or int(match[1]) > total:
        raise BadReply
    return int(match[1])
