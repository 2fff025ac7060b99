"""Google Drive v3, seen through `drive.file`: what this installation made and nothing else.

Names are not unique there, so every object gets an id made ahead; "id in use" means compare, then
success. All shards lie in one visible folder.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.clouds.endpoints import GoogleEndpoints
from balancecloud.clouds.google_answers import DriveFile, good, kept_of, read_file
from balancecloud.clouds.http import Answer, Bytes, HttpClient, Request
from balancecloud.clouds.oauth import AccessTokens, send_with_token
from balancecloud.clouds.provider import (
    ChecksumKind,
    Identity,
    ObjectId,
    Room,
    Shard,
    ShardName,
    StoredObject,
    Traits,
)
from balancecloud.clouds.replies import Reply, exact_range, range_header
from balancecloud.errors import (
    AccessRefused,
    BadRange,
    BadReply,
    DamagedInTransit,
    ObjectDiffers,
    ObjectMissing,
    ProviderError,
    Temporary,
    Unreachable,
)

FOLDER_NAME = "BalanceCloud"
FOLDER_TYPE = "application/vnd.google-apps.folder"
FIELDS = "id,name,size,md5Checksum,sha256Checksum,parents,trashed"
IDS_PER_REQUEST = 1000
MOST_PAGES = 10_000
RESUMED_PARTS = 8  # how often one session may keep less than was sent
HASH_TRIES = 4

_TRAITS = Traits(
    reserves_ids=True,
    checksum=ChecksumKind.SHA256,
    listing_lag_seconds=30.0,
    requests_in_flight=4,
    largest_object_bytes=5 << 40,
)


@dataclass(frozen=True, slots=True)
class DriveLimits:
    """Sizes that are advice, not law."""

    multipart_bytes: int = 8 << 20  # as rclone; the documented advice is 5 MB; above: a session
    files_per_page: int = 1000


class GoogleDrive:
    """One Google account."""

    def __init__(  # noqa: PLR0913 - what it is made of, the last two for tests
        self,
        endpoints: GoogleEndpoints,
        tokens: AccessTokens,
        folder_id: str | None,
        http: HttpClient,
        *,
        clock: Clock = SYSTEM_CLOCK,
        limits: DriveLimits | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._tokens = tokens
        self._folder_id = folder_id
        self._http = http
        self._clock = clock
        self._limits = limits or DriveLimits()
        self._is_closed = False

    @property
    def traits(self) -> Traits:
        """What is true of every Google account."""
        return _TRAITS

    def ensure_place(self) -> str:
        """Find or make the folder; return its id."""
        query = f"name='{FOLDER_NAME}' and mimeType='{FOLDER_TYPE}' and trashed=false"
        found = sorted(reply.text("id") for reply in self._pages(query, "id"))
        if found:
            self._folder_id = found[0]
        else:
            metadata = {"name": FOLDER_NAME, "mimeType": FOLDER_TYPE}
            url = f"{self._endpoints.api}/files?fields=id"
            self._folder_id = self._ask("POST", url, metadata).text("id")
        return self._folder_id

    def identity(self) -> Identity:
        """Say whose account this is."""
        fields = "user(permissionId,emailAddress,displayName)"
        user = self._ask("GET", f"{self._endpoints.api}/about?fields={fields}").child("user")
        return Identity(
            subject=user.text("permissionId"),
            address=user.text_or_none("emailAddress"),
            display_name=user.text_or_none("displayName"),
        )

    def reserve(self, count: int) -> Sequence[ObjectId]:
        """Return ids for later puts."""
        ids: list[ObjectId] = []
        while len(ids) < count:
            block = min(count - len(ids), IDS_PER_REQUEST)
            query = urlencode({"count": block, "space": "drive", "type": "files"})
            made = self._ask("GET", f"{self._endpoints.api}/files/generateIds?{query}").texts("ids")
            if not made:
                raise BadReply
            ids += [ObjectId(value) for value in made[:block]]
        return ids

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        """Create it under its id. Without an id a repeat looks by name, which may lag."""
        if object_id is None:
            there = [found for found in self.find(name) if found.checksum == shard.sha256]
            if there:
                return there[0]
            object_id = self.reserve(1)[0]
        try:
            answer = self._create(name, shard, object_id)
            if answer.status == 409:
                return self._adopt(object_id, shard)
            return self._verified(read_file(Reply.of(self._good_create(answer))), shard)
        except (Unreachable, BadReply) as error:
            # The answer is lost, perhaps not the object: ask before anything is sent again.
            return self._after_lost_answer(object_id, shard, error)

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        """Return exactly that range."""
        if start < 0 or length < 0:
            raise BadRange
        if length == 0:
            if start > self.stat(object_id).length:
                raise BadRange
            return b""
        request = Request(
            "GET",
            f"{self._file_url(object_id)}?alt=media",
            headers={"Range": range_header(start, length)},
            largest_answer=start + length,
            is_cut=True,
        )
        answer = self._send(request)
        if answer.status in {301, 302, 303, 307, 308}:
            # Not today, but it is allowed to; our client keeps the token from other hosts.
            location = answer.headers.get("location", "")
            answer = self._http.send(
                Request(
                    "GET",
                    location,
                    headers=request.headers,
                    largest_answer=request.largest_answer,
                    is_cut=True,
                )
            )
        return exact_range(good(answer), start, length)

    def stat(self, object_id: ObjectId) -> StoredObject:
        """Return what Drive says; an object in the bin counts as missing."""
        return self._look(object_id).stored

    def find(self, name: ShardName) -> Sequence[StoredObject]:
        """Return every object so named in our folder; Drive's own comparison ignores case."""
        escaped = name.replace("\\", "\\\\").replace("'", "\\'")
        query = f"name='{escaped}' and {self._in_folder()}"
        files = [read_file(reply) for reply in self._pages(query, FIELDS)]
        return [file.stored for file in files if file.stored.name == name and not file.is_trashed]

    def delete(self, object_id: ObjectId) -> None:
        """Remove it for good, past the bin."""
        try:
            good(self._send(Request("DELETE", self._file_url(object_id))))
        except ObjectMissing:
            return

    def listing(self) -> Iterator[StoredObject]:
        """Yield each object of our folder once."""
        seen: set[ObjectId] = set()
        for reply in self._pages(self._in_folder(), f"mimeType,{FIELDS}"):
            if reply.text_or_none("mimeType") == FOLDER_TYPE or not reply.has("size"):
                continue
            file = read_file(reply)
            if file.stored.object_id not in seen and not file.is_trashed:
                seen.add(file.stored.object_id)
                yield file.stored

    def room(self) -> Room:
        """Return used and total; an account without a limit has no total."""
        quota = self._ask("GET", f"{self._endpoints.api}/about?fields=storageQuota").child(
            "storageQuota"
        )
        return Room(
            used=quota.whole("usage"), total=quota.whole("limit") if quota.has("limit") else None
        )

    def close(self) -> None:
        """Use after this raises. The HTTP client is shared and stays open."""
        self._is_closed = True

    # --- storing ---

    def _create(self, name: ShardName, shard: Shard, object_id: ObjectId) -> Answer:
        metadata = {
            "id": object_id,
            "name": name,
            "mimeType": "application/octet-stream",
            "parents": [self._folder()],
        }
        if shard.length <= self._limits.multipart_bytes:
            return self._create_multipart(metadata, shard)
        return self._create_resumable(metadata, shard)

    def _create_multipart(self, metadata: Mapping[str, object], shard: Shard) -> Answer:
        boundary = secrets.token_hex(16)
        head = (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
            f"{json.dumps(metadata)}\r\n"
            f"--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        return self._send(
            Request(
                "POST",
                f"{self._endpoints.upload}/files?uploadType=multipart&fields={FIELDS}",
                headers={"Content-Type": f"multipart/related; boundary={boundary}"},
                parts=(head.encode(), shard.body, f"\r\n--{boundary}--\r\n".encode()),
            )
        )

    def _create_resumable(self, metadata: Mapping[str, object], shard: Shard) -> Answer:
        started = self._send(
            Request(
                "POST",
                f"{self._endpoints.upload}/files?uploadType=resumable&fields={FIELDS}",
                headers={
                    "Content-Type": "application/json; charset=UTF-8",
                    "X-Upload-Content-Type": "application/octet-stream",
                    "X-Upload-Content-Length": str(shard.length),
                },
                parts=(json.dumps(metadata).encode(),),
            )
        )
        if not started.is_success:
            return started
        return self._fill_session(started.headers.get("location", ""), memoryview(shard.body))

    def _fill_session(self, session_url: str, body: memoryview) -> Answer:
        """Send the whole body in one request; what the session did not keep is sent again."""
        total, kept = len(body), 0
        for _ in range(RESUMED_PARTS):
            headers = {"Content-Type": "application/octet-stream"}
            if kept:
                headers["Content-Range"] = f"bytes {kept}-{total - 1}/{total}"
            part: tuple[Bytes, ...] = (body[kept:],)
            answer = self._send(Request("PUT", session_url, headers=headers, parts=part))
            if answer.status != 308:
                return answer
            kept = kept_of(answer)
            if kept >= total:
                raise BadReply
        raise Unreachable

    def _good_create(self, answer: Answer) -> Answer:
        try:
            return good(answer)
        except ObjectMissing as error:
            raise AccessRefused(
                "The folder BalanceCloud is gone from this Google Drive. Link the account again."
            ) from error

    def _verified(self, file: DriveFile, shard: Shard) -> StoredObject:
        """Believe the object only when its checksum is ours; remove a damaged one."""
        object_id = file.stored.object_id
        for attempt in range(HASH_TRIES):
            is_same = file.holds(shard)
            if is_same:
                return file.stored
            if is_same is False:
                self.delete(object_id)
                raise DamagedInTransit
            self._clock.sleep(0.2 * 2**attempt)
            file = self._look(object_id)
        raise BadReply

    def _adopt(self, object_id: ObjectId, shard: Shard) -> StoredObject:
        """Take what has the id already; if it is other bytes, the shard needs another id."""
        try:
            file = self._look(object_id)
        except ObjectMissing as error:
            raise ObjectDiffers from error
        if file.holds(shard):
            return file.stored
        raise ObjectDiffers

    def _after_lost_answer(
        self, object_id: ObjectId, shard: Shard, lost: Temporary
    ) -> StoredObject:
        try:
            file = self._look(object_id)
        except ProviderError:
            raise lost from None
        if file.holds(shard):
            return file.stored
        raise lost

    # --- asking ---

    def _look(self, object_id: ObjectId) -> DriveFile:
        file = read_file(self._ask("GET", f"{self._file_url(object_id)}?fields={FIELDS}"))
        if file.is_trashed:
            raise ObjectMissing
        if file.stored.object_id != object_id:
            raise BadReply
        return file

    def _pages(self, query: str, fields: str) -> Iterator[Reply]:
        parameters = {
            "q": query,
            "spaces": "drive",
            "pageSize": str(self._limits.files_per_page),
            "fields": f"nextPageToken,files({fields})",
        }
        for _ in range(MOST_PAGES):
            page = self._ask("GET", f"{self._endpoints.api}/files?{urlencode(parameters)}")
            yield from page.children("files")
            token = page.text_or_none("nextPageToken")
            if token is None:
                return
            if parameters.get("pageToken") == token:
                raise BadReply
            parameters["pageToken"] = token
        raise BadReply

    def _ask(self, method: str, url: str, document: Mapping[str, object] | None = None) -> Reply:
        parts = (json.dumps(document).encode(),) if document is not None else ()
        headers = {"Content-Type": "application/json; charset=UTF-8"} if parts else {}
        return Reply.of(good(self._send(Request(method, url, headers=headers, parts=parts))))

    def _send(self, request: Request) -> Answer:
        if self._is_closed:
            raise ValueError("this account is closed")
        return send_with_token(self._http, self._tokens, request)

    def _file_url(self, object_id: str) -> str:
        if not object_id:
            raise ObjectMissing
        return f"{self._endpoints.api}/files/{quote(object_id, safe='')}"

    def _folder(self) -> str:
        return self._folder_id or self.ensure_place()

    def _in_folder(self) -> str:
        return f"'{self._folder()}' in parents and trashed=false"
