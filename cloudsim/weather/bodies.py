"""Bodies of requests under the weather: slow, counted, or broken off."""

from cloudsim.weather.state import AccountState
from cloudsim.wire.delivery import Bucket
from cloudsim.wire.messages import Body, Hangup


class WatchedBody:
    """A request's body that comes no faster than its account's link, and is counted."""

    def __init__(self, body: Body, link: Bucket, counted: AccountState | None, now: float) -> None:
        self.length = body.length
        self._body = body
        self._link = link
        self._counted = counted
        self._now = now

    def readinto(self, buffer: memoryview) -> int:
        count = self._body.readinto(buffer[: self._link.slice_bytes])
        self._link.take(count)
        if self._counted is not None:
            self._counted.note_uploaded(count, self._now)
        return count


class CutBody:
    """A body of which only the beginning arrives."""

    def __init__(self, body: Body, at: int) -> None:
        self.length = body.length
        self._body = body
        self._left = at

    def readinto(self, buffer: memoryview) -> int:
        if not self._left:
            raise Hangup("The connection was lost.")
        count = self._body.readinto(buffer[: self._left])
        self._left -= count
        return count
