"""Reading a version back: from the spool while it is there, else from the clouds.

Every byte is passed on only after the tag of its frame held (docs/format.md 7.3). A shard that
does not answer is replaced by others; one that fails its check is marked and never served.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.orm import Session

from balancecloud.errors import Unavailable
from balancecloud.models.library import Version
from balancecloud.storage import spooled, version_keys
from balancecloud.storage.fetching import open_chunk_range
from balancecloud.storage.packing import VersionKeys, place_of
from balancecloud.storage.spooled import SpooledUpload
from balancecloud.storage.stored_packs import StoredChunk, load_chunks
from balancecloud.storage.tools import Tools

# What is fetched and opened at once, and how many of these are read ahead while one is sent: so
# much memory a download takes, several times over where pieces are put together. A multiple of
# every frame size, so that no frame is fetched twice.
STRETCH_BYTES = 4 << 20
AHEAD = 2


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """One version being read."""

    tools: Tools
    version: Version  # detached: facts only
    keys: VersionKeys
    source: SpooledUpload | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes `begin` to `end` of one chunk, the end excluded; few enough to be held in memory."""

    index: int
    begin: int
    end: int


def open_version(tools: Tools, session: Session, version: Version) -> Reading:
    """Open a version's keys; nothing is fetched yet."""
    user_key = version_keys.user_key(session, tools.keys, version.user_id, version.epoch)
    keys = VersionKeys(user_key, version_keys.file_key(version, user_key))
    return Reading(tools, version, keys, spooled.of_version(session, tools.keys, version.id))


def stream(reading: Reading, begin: int, end: int) -> Iterator[bytes]:
    """Yield the bytes `begin` to `end` of the version, the end excluded, a stretch at a time.

    Raises Unavailable or IntegrityError; what was yielded before is right, but the answer must then
    be aborted. The first stretch is fetched before the first byte is yielded.
    """
    waiting: deque[Future[bytes]] = deque()
    todo = iter(stretches(reading.version, begin, end))
    with ThreadPoolExecutor(AHEAD + 1, thread_name_prefix="read") as pool:
        try:
            for stretch in todo:
                waiting.append(pool.submit(_read, reading, stretch))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def stretches(version: Version, begin: int, end: int) -> Iterator[Stretch]:
    """Yield a range in stretches that lie in one chunk each; an empty file has one empty chunk."""
    if version.size == 0:
        yield Stretch(0, 0, 0)
    at = begin
    while at < end:
        index = at // version.chunk_size
        start = index * version.chunk_size
        next_stretch = start + ((at - start) // STRETCH_BYTES + 1) * STRETCH_BYTES
        stop = min(end, start + version.chunk_size, next_stretch)
        yield Stretch(index, at - start, stop - start)
        at = stop


def _read(reading: Reading, stretch: Stretch) -> bytes:
    if reading.source is not None:
        start = stretch.index * reading.version.chunk_size
        try:
            return reading.source.read(
                reading.tools.spool, start + stretch.begin, start + stretch.end
            )
        except Unavailable:
            # The version was stored meanwhile and its spool emptied: the clouds have it now.
            pass
    return _read_from_clouds(reading, stretch)


def _read_from_clouds(reading: Reading, stretch: Stretch) -> bytes:
    chunk = _chunk(reading, stretch.index)
    place = place_of(reading.version, stretch.index)
    return open_chunk_range(reading.tools, chunk, place, reading.keys, (stretch.begin, stretch.end))


def _chunk(reading: Reading, index: int) -> StoredChunk:
    with reading.tools.sessions() as session:
        found = load_chunks(session, reading.version.id, [index])
    if index not in found:
        raise Unavailable
    return found[index]
