"""OneDrive over Microsoft Graph, personal and work accounts.

Shards lie below a folder "BalanceCloud" in sub-folders of the first two characters of their names,
since listings of many children degrade. Every put says "fail if it exists"; "exists" means find,
compare, success. Content comes from a pre-authenticated address, which gets no token.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.clouds.addresses import DownloadAddresses
from balancecloud.clouds.endpoints import MicrosoftEndpoints
from balancecloud.clouds.http import Answer, HttpClient, Request, json_request
from balancecloud.clouds.oauth import AccessTokens, send_with_token
from balancecloud.clouds.onedrive_answers import good, holds, read_item
from balancecloud.clouds.onedrive_uploads import (
    ItemUploads,
    OneDriveLimits,
    SessionGone,
    is_name_taken,
)
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
SELECT = "$select=id,name,size,file,folder,deleted"
MOST_PAGES = 10_000
SIMPLE_PUT_BYTES = 250_000_000  # documented
HASH_TRIES = 4

_TRAITS = Traits(
    reserves_ids=False,
    checksum=ChecksumKind.QUICK_XOR,
    listing_lag_seconds=30.0,
    requests_in_flight=4,
    largest_object_bytes=SIMPLE_PUT_BYTES,
)


class OneDrive:
    """One Microsoft account."""

    def __init__(  # noqa: PLR0913 - what it is made of, the last three for tests
        self,
        endpoints: MicrosoftEndpoints,
        tokens: AccessTokens,
        folder_id: str | None,
        http: HttpClient,
        *,
        sessions: UploadSessions | None = None,
        clock: Clock = SYSTEM_CLOCK,
        limits: OneDriveLimits | None = None,
    ) -> None:
        self._drive = f"{endpoints.graph}/me/drive"
        self._me = f"{endpoints.graph}/me"
        self._tokens = tokens
        self._folder_id = folder_id
        self._http = http
        self._clock = clock
        self._limits = limits or OneDriveLimits()
        self._sessions = sessions or HeldUploadSessions()
        self._link = Link(clock, self._limits.slow_seconds)
        self._addresses = DownloadAddresses(clock)
        self._uploads = ItemUploads(self._send, http, self._limits)
        self._drive_type: str | None = None
        self._is_closed = False

    @property
    def traits(self) -> Traits:
        """What is true of every Microsoft account."""
        return _TRAITS

    def ensure_place(self) -> str:
        """Find or make the folder; return its item id."""
        try:
            self._folder_id = self._find_folder()
        except ObjectMissing:
            self._folder_id = self._make_folder()
        return self._folder_id

    def identity(self) -> Identity:
        """Say whose account this is. The drive's id comes in changing case, or a zero short."""
        drive = self._ask("GET", f"{self._drive}?$select=id,driveType,owner")
        user = drive.child("owner").child("user")
        return Identity(
            subject=drive.text("id").lower().rjust(16, "0"),
            address=user.text_or_none("email") or self._address(),
            display_name=user.text_or_none("displayName"),
        )

    def reserve(self, count: int) -> Sequence[ObjectId]:  # noqa: ARG002 - the port asks so
        """Return nothing: ids are made by the service."""
        self._demand_open()
        return []

    def put(
        self,
        name: ShardName,
        shard: Shard,
        object_id: ObjectId | None,  # noqa: ARG002 - ids are not made ahead here
    ) -> StoredObject:
        """Put it in one request, or on a slow link in parts; what is there already is compared."""
        if shard.length > SIMPLE_PUT_BYTES:
            raise Permanent("OneDrive takes no object this large in one request.")
        unfinished = Unfinished(self._sessions, name, self._link, is_new=shard.is_new)
        with unfinished.ended():
            try:
                if unfinished.goes_in_parts and shard.length:
                    return self._put_on(name, shard, unfinished)
                return self._settled(name, shard, self._put_at_once(name, shard))
            except (Unreachable, BadReply) as error:
                # The answer is lost, perhaps not the object: ask before anything is sent again.
                return self._after_lost_answer(name, shard, error)

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        """Return exactly that range, from an address that is asked for anew when it is refused."""
        if start < 0 or length < 0:
            raise BadRange
        if length == 0:
            if start > self.stat(object_id).length:
                raise BadRange
            return b""
        for _ in range(2):
            answer = self._download(object_id, start, length)
            if "x-virus-infected" in answer.headers:
                raise ObjectMissing  # the service will never hand it out again
            if answer.status not in {401, 403, 404, 410}:
                return exact_range(good(answer), start, length)
            self._addresses.drop(object_id)
        raise Unreachable

    def stat(self, object_id: ObjectId) -> StoredObject:
        """Return what OneDrive says."""
        return read_item(self._ask("GET", f"{self._item_url(object_id)}?{SELECT}"))

    def find(self, name: ShardName) -> Sequence[StoredObject]:
        """Return the one object of that name, or none."""
        try:
            stored = read_item(self._ask("GET", f"{self._path_url(name)}?{SELECT}"))
        except ObjectMissing:
            return []
        return [stored] if stored.name == name else []

    def delete(self, object_id: ObjectId) -> None:
        """Remove it; on work accounts for good, on personal ones the service keeps a bin."""
        url = self._item_url(object_id)
        self._addresses.drop(object_id)
        try:
            if self._type_of_drive() == "personal":
                good(self._send(Request("DELETE", url)))
            else:
                good(self._send(Request("POST", f"{url}/permanentDelete")))
        except ObjectMissing:
            return

    def listing(self) -> Iterator[StoredObject]:
        """Yield each object below our folder once."""
        seen: set[ObjectId] = set()
        for shelf in self._children(self._folder()):
            if not shelf.has("folder"):
                continue
            for item in self._children(shelf.text("id")):
                if not item.has("file"):
                    continue
                stored = read_item(item)
                if stored.object_id not in seen:
                    seen.add(stored.object_id)
                    yield stored

    def room(self) -> Room:
        """Return used and total; all zeros mean that OneDrive does not know just now."""
        quota = self._ask("GET", f"{self._drive}?$select=quota").child("quota")
        total = quota.whole("total")
        if total == 0:
            raise BadReply("OneDrive does not tell its room just now.")
        return Room(used=quota.whole("used"), total=total)

    def close(self) -> None:
        """Use after this raises. The HTTP client is shared and stays open."""
        self._is_closed = True

    # --- the folder ---

    def _find_folder(self) -> str:
        item = self._ask("GET", f"{self._drive}/root:/{FOLDER_NAME}?{SELECT}")
        if not item.has("folder"):
            raise AccessRefused("There is a file named BalanceCloud where the folder should be.")
        return item.text("id")

    def _make_folder(self) -> str:
        document = {
            "name": FOLDER_NAME,
            "folder": {},
            "@microsoft.graph.conflictBehavior": "fail",
        }
        answer = self._send(json_request("POST", f"{self._drive}/root/children", document))
        if answer.status == 409:
            return self._find_folder()
        return Reply.of(good(answer)).text("id")

    def _folder(self) -> str:
        return self._folder_id or self.ensure_place()

    # --- storing ---

    def _put_at_once(self, name: ShardName, shard: Shard) -> Answer:
        return self._send(
            Request(
                "PUT",
                f"{self._path_url(name)}:/content?@microsoft.graph.conflictBehavior=fail",
                headers={"Content-Type": "application/octet-stream"},
                parts=(shard.body,),
            )
        )

    def _put_on(self, name: ShardName, shard: Shard, unfinished: Unfinished) -> StoredObject:
        """Go on with a session, or begin one; one that is gone may have stored everything."""
        body = memoryview(shard.body)
        before = unfinished.before
        if before is not None and before.address is not None:
            try:
                return self._settled(name, shard, self._uploads.resume(before.address, body))
            except SessionGone:
                stored = self._stored_before(name, shard)
                if stored is not None:
                    return stored
                self._uploads.cancel(before.address)  # a pending one would block the name
                unfinished.start_anew()
        address = self._uploads.begin(self._path_url(name), name, shard.length)
        if address is None:
            return self._behind_taken_name(name, shard, unfinished)
        unfinished.keep(address)
        try:
            return self._settled(name, shard, self._uploads.fill(address, body))
        except SessionGone:
            raise Unreachable from None

    def _behind_taken_name(
        self, name: ShardName, shard: Shard, unfinished: Unfinished
    ) -> StoredObject:
        """Take what has the name; a session whose address was lost blocks no simple put."""
        if self.find(name):
            return self._adopt(name, shard)
        unfinished.forget()
        return self._settled(name, shard, self._put_at_once(name, shard))

    def _settled(self, name: ShardName, shard: Shard, answer: Answer) -> StoredObject:
        """Return what the last answer to a put has made."""
        if is_name_taken(answer):
            return self._adopt(name, shard)
        try:
            item = read_item(Reply.of(good(answer)))
        except ObjectMissing as error:
            raise AccessRefused(
                "The folder BalanceCloud is gone from this OneDrive. Link the account again."
            ) from error
        item = self._told(item, shard)
        if holds(item, shard):
            return item
        self.delete(item.object_id)
        raise DamagedInTransit

    def _told(self, stored: StoredObject, shard: Shard) -> StoredObject:
        """Return the object once its hash is told; it may come a moment after the upload."""
        for attempt in range(HASH_TRIES):
            if holds(stored, shard) is not None:
                return stored
            self._clock.sleep(0.2 * 2**attempt)
            stored = self.stat(stored.object_id)
        raise BadReply

    def _adopt(self, name: ShardName, shard: Shard) -> StoredObject:
        """Take what has the name already, if it is the same bytes."""
        there = self.find(name)
        if not there:
            raise BadReply  # taken, yet not there: it lags behind, or a session holds the name
        stored = self._told(there[0], shard)
        if holds(stored, shard):
            return stored
        raise ObjectDiffers

    def _after_lost_answer(self, name: ShardName, shard: Shard, lost: Temporary) -> StoredObject:
        try:
            stored = self._stored_before(name, shard)
        except ProviderError:
            raise lost from None
        if stored is None:
            raise lost
        return stored

    def _stored_before(self, name: ShardName, shard: Shard) -> StoredObject | None:
        """Return the object if an earlier try stored it after all."""
        there = self.find(name)
        return there[0] if there and holds(there[0], shard) else None

    # --- asking ---

    def _download(self, object_id: ObjectId, start: int, length: int) -> Answer:
        """Read at the pre-authenticated address, without the token; ask for it where unknown."""
        self._demand_open()
        request = Request(
            "GET",
            f"{self._item_url(object_id)}/content",
            headers={"Range": range_header(start, length)},
            largest_answer=start + length,
            is_cut=True,
        )
        address = self._addresses.of(object_id)
        if address is None:
            answer = self._send(request)
            if answer.status not in {301, 302, 303, 307, 308}:
                return good(answer)
            address = answer.headers.get("location", "")
            self._addresses.keep(object_id, address)
        try:
            return self._http.send(replace(request, url=address))
        except ProviderError:
            self._addresses.drop(object_id)
            raise

    def _children(self, item_id: str) -> Iterator[Reply]:
        first = f"{self._item_url(item_id)}/children?$top={self._limits.items_per_page}&{SELECT}"
        url = first
        for _ in range(MOST_PAGES):
            page = self._ask("GET", url) if url is first else self._following_page(url)
            yield from page.children("value")
            following = page.text_or_none("@odata.nextLink")
            if following is None:
                return
            if following == url:
                raise BadReply
            url = following  # verbatim: it is signed
        raise BadReply

    def _following_page(self, url: str) -> Reply:
        """Return one page; a link that is refused has run out, and the listing is begun anew."""
        try:
            return self._ask("GET", url)
        except Permanent as error:
            raise BadReply from error

    def _address(self) -> str | None:
        """Return the person's address where the drive's owner has none."""
        try:
            person = self._ask("GET", f"{self._me}?$select=mail,userPrincipalName")
        except (Permanent, AccessRefused):
            return None
        return person.text_or_none("mail") or person.text_or_none("userPrincipalName")

    def _type_of_drive(self) -> str:
        if self._drive_type is None:
            reply = self._ask("GET", f"{self._drive}?$select=id,driveType")
            self._drive_type = reply.text_or_none("driveType") or "personal"
        return self._drive_type

    def _ask(self, method: str, url: str) -> Reply:
        return Reply.of(good(self._send(Request(method, url))))

    def _send(self, request: Request) -> Answer:
        self._demand_open()
        return send_with_token(self._http, self._tokens, request)

    def _demand_open(self) -> None:
        if self._is_closed:
            raise ValueError("this account is closed")

    def _item_url(self, item_id: str) -> str:
        if not item_id:
            raise ObjectMissing
        return f"{self._drive}/items/{quote(item_id, safe='!')}"

    def _path_url(self, name: ShardName) -> str:
        """Address by path below our folder; missing folders on the way are made by a put."""
        return (
            f"{self._item_url(self._folder())}:/{quote(name[:2], safe='')}/{quote(name, safe='')}"
        )
