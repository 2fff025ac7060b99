"""Google Drive v3, seen through `drive.file`: what this installation made and nothing else.

Names are not unique there, so every object gets an id made ahead; "id in use" means compare, then
success. All shards lie in one visible folder.
"""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.clouds.endpoints import GoogleEndpoints
from balancecloud.clouds.google_answers import FIELDS, DriveFile, good, is_id_in_use, read_file
from balancecloud.clouds.google_uploads import DriveLimits, DriveUploads, NewFile
from balancecloud.clouds.http import Answer, HttpClient, Request, json_request
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
from balancecloud.clouds.upload_sessions import HeldUploadSessions, Link, Unfinished, UploadSessions
from balancecloud.errors import (
    AccessRefused,
    BadRange,
    BadReply,
    DamagedInTransit,
    ObjectDiffers,
    ObjectMissing,
    Permanent,
    ProviderError,
    Temporary,
    Unreachable,
)

FOLDER_NAME = "BalanceCloud"
FOLDER_TYPE = "application/vnd.google-apps.folder"
IDS_PER_REQUEST = 1000
MOST_PAGES = 10_000
HASH_TRIES = 4

_TRAITS = Traits(
    reserves_ids=True,
    checksum=ChecksumKind.SHA256,
    listing_lag_seconds=30.0,
    requests_in_flight=4,
    largest_object_bytes=5 << 40,
)


class GoogleDrive:
    """One Google account."""

    def __init__(  # noqa: PLR0913 - what it is made of, the last three for tests
        self,
        endpoints: GoogleEndpoints,
        tokens: AccessTokens,
        folder_id: str | None,
        http: HttpClient,
        *,
        sessions: UploadSessions | None = None,
        clock: Clock = SYSTEM_CLOCK,
        limits: DriveLimits | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._tokens = tokens
        self._folder_id = folder_id
        self._http = http
        self._clock = clock
        self._limits = limits or DriveLimits()
        self._sessions = sessions or HeldUploadSessions()
        self._link = Link(clock, self._limits.slow_seconds)
        self._uploads = DriveUploads(self._send, endpoints.upload, self._limits)
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
        if shard.length > _TRAITS.largest_object_bytes:
            raise Permanent("Google Drive takes no object this large.")
        unfinished = Unfinished(self._sessions, name, self._link, is_new=shard.is_new)
        with unfinished.ended():
            if object_id is None:
                there = [found for found in self.find(name) if found.checksum == shard.sha256]
                if there:
                    return there[0]
                before = unfinished.before
                object_id = (before and before.object_id) or self.reserve(1)[0]
            if unfinished.is_repeated:
                stored = self._stored_before(object_id, shard)
                if stored is not None:
                    return stored
            return self._create(self._new_file(name, shard, object_id), unfinished)

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

    def _create(self, file: NewFile, unfinished: Unfinished) -> StoredObject:
        object_id, shard = file.object_id, file.shard
        try:
            answer = self._uploads.create(file, unfinished)
            if answer.status == 409:
                return self._adopt(object_id, shard, answer)
            return self._verified(read_file(Reply.of(self._good_create(answer))), shard)
        except (Unreachable, BadReply) as error:
            # The answer is lost, perhaps not the object: ask before anything is sent again.
            return self._after_lost_answer(object_id, shard, error)

    def _new_file(self, name: ShardName, shard: Shard, object_id: ObjectId) -> NewFile:
        metadata = {
            "id": object_id,
            "name": name,
            "mimeType": "application/octet-stream",
            "parents": [self._folder()],
        }
        return NewFile(object_id, metadata, shard)

    def _good_create(self, answer: Answer) -> Answer:
        try:
            return good(answer)
        except ObjectMissing as error:
            raise AccessRefused(
                "The folder BalanceCloud is gone from this Google Drive. Link the account again."
            ) from error

    def _verified(self, file: DriveFile, shard: Shard) -> StoredObject:
        """Believe the object only when its checksum is ours; remove a damaged one."""
        file = self._told(file, shard)
        if file.holds(shard):
            return file.stored
        self.delete(file.stored.object_id)
        raise DamagedInTransit

    def _told(self, file: DriveFile, shard: Shard) -> DriveFile:
        """Return the file once Drive tells a checksum, which it is asked for again."""
        for attempt in range(HASH_TRIES):
            if file.holds(shard) is not None:
                return file
            self._clock.sleep(0.2 * 2**attempt)
            file = self._look(file.stored.object_id)
        raise BadReply

    def _adopt(self, object_id: ObjectId, shard: Shard, answer: Answer) -> StoredObject:
        """Take what has the id already; if it is other bytes, the shard needs another id."""
        try:
            file = self._told(self._look(object_id), shard)
        except ObjectMissing as error:
            raise (ObjectDiffers if is_id_in_use(answer) else BadReply) from error
        if file.holds(shard):
            return file.stored
        raise ObjectDiffers

    def _after_lost_answer(
        self, object_id: ObjectId, shard: Shard, lost: Temporary
    ) -> StoredObject:
        try:
            stored = self._stored_before(object_id, shard)
        except ProviderError:
            raise lost from None
        if stored is None:
            raise lost
        return stored

    def _stored_before(self, object_id: ObjectId, shard: Shard) -> StoredObject | None:
        """Return the object if an earlier try stored it after all."""
        try:
            file = self._look(object_id)
        except ObjectMissing:
            return None
        return file.stored if file.holds(shard) else None

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
            page = self._page(parameters)
            yield from page.children("files")
            token = page.text_or_none("nextPageToken")
            if token is None:
                return
            if parameters.get("pageToken") == token:
                raise BadReply
            parameters["pageToken"] = token
        raise BadReply

    def _page(self, parameters: Mapping[str, str]) -> Reply:
        """Return one page; a token that is refused has run out, and the listing is begun anew."""
        try:
            return self._ask("GET", f"{self._endpoints.api}/files?{urlencode(parameters)}")
        except Permanent as error:
            if "pageToken" in parameters:
                raise BadReply from error
            raise

    def _ask(self, method: str, url: str, document: Mapping[str, object] | None = None) -> Reply:
        bare = Request(method, url)
        request = bare if document is None else json_request(method, url, document)
        return Reply.of(good(self._send(request)))

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
