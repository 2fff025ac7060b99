"""A plain client of the simulator, as the tests use it."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import urllib3

CLIENT = ("balancecloud-demo", "simulated-not-secret")
REDIRECT = "http://localhost:5000/back"
DRIVE_FILE = "https://www.googleapis.com/auth/drive.file"
DRIVE = "https://www.googleapis.com/auth/drive"
FOLDER = "application/vnd.google-apps.folder"
GRAPH_SCOPES = "Files.ReadWrite offline_access User.Read"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def reason(self) -> str:
        """Google's reason or Graph's code."""
        error = self.json["error"]
        return str(error["errors"][0]["reason"] if "errors" in error else error["code"])

    @property
    def location(self) -> str:
        return str(self.headers["Location"])

    @property
    def location_query(self) -> dict[str, str]:
        pairs = parse_qs(urlsplit(self.location).query)
        return {name: values[0] for name, values in pairs.items()}


@dataclass
class Browser:
    """Sends requests and follows nothing by itself."""

    base: str
    pool: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)

    def send(self, method: str, address: str, **more: Any) -> Answer:
        url = address if address.startswith("http") else self.base + address
        found = self.pool.request(method, url, redirect=False, retries=False, timeout=20, **more)
        return Answer(found.status, found.headers, found.data)

    def post_form(self, address: str, fields: Any, **more: Any) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded", **more.pop("headers", {})}
        return self.send("POST", address, body=urlencode(fields), headers=kind, **more)

    def control(self, method: str, path: str, value: Any = None) -> Any:
        answer = self.send(method, f"/_sim/{path}", json=value)
        assert answer.status in {200, 201, 204}, answer
        return answer.json if answer.data else None


def google_query(**more: str) -> str:
    fields = {
        "client_id": CLIENT[0],
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": DRIVE_FILE,
        "state": "abc",
        "access_type": "offline",
        **more,
    }
    return "/google/o/oauth2/v2/auth?" + urlencode(fields)


def microsoft_query(tenant: str = "common", **more: str) -> str:
    fields = {
        "client_id": CLIENT[0],
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": GRAPH_SCOPES,
        "state": "abc",
        **more,
    }
    return f"/microsoft/{tenant}/oauth2/v2.0/authorize?" + urlencode(fields)


GOOGLE_TOKEN = "/google/token"
MICROSOFT_TOKEN = "/microsoft/common/oauth2/v2.0/token"


def code_fields(code: str, **more: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
        "redirect_uri": REDIRECT,
        **more,
    }


def refresh_fields(token: str, **more: str) -> dict[str, str]:
    return {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
        **more,
    }


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class Drive:
    """One person's Google Drive."""

    browser: Browser
    token: str

    def send(self, method: str, path: str, **more: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self.browser.send(method, f"/google/{path}", headers=headers, **more)

    def new_id(self) -> str:
        ids = self.send("GET", "drive/v3/files/generateIds?count=1").json["ids"]
        return str(ids[0])

    def folder(self, name: str, **metadata: Any) -> str:
        sent = {"name": name, "mimeType": FOLDER, **metadata}
        return str(self.send("POST", "drive/v3/files", json=sent).json["id"])

    def upload(self, metadata: dict[str, Any], content: bytes, query: str = "") -> Answer:
        """files.create with multipart/related."""
        body = (
            b"--frontier\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
            + json.dumps(metadata).encode()
            + b"\r\n--frontier\r\nContent-Type: application/octet-stream\r\n\r\n"
            + content
            + b"\r\n--frontier--\r\n"
        )
        kind = {"Content-Type": "multipart/related; boundary=frontier"}
        path = f"upload/drive/v3/files?uploadType=multipart{query}"
        return self.send("POST", path, body=body, headers=kind)

    def begin(self, metadata: dict[str, Any], total: int | None = None, query: str = "") -> Answer:
        headers = {} if total is None else {"X-Upload-Content-Length": str(total)}
        path = f"upload/drive/v3/files?uploadType=resumable{query}"
        return self.send("POST", path, json=metadata, headers=headers)

    def listed(self, query: str, **more: str) -> Answer:
        return self.send("GET", "drive/v3/files?" + urlencode({"q": query, **more}))

    def names(self, query: str, **more: str) -> list[str]:
        return [file["name"] for file in self.listed(query, **more).json["files"]]

    def quota(self) -> dict[str, str]:
        found = self.send("GET", "drive/v3/about?fields=storageQuota").json["storageQuota"]
        return dict(found)


@dataclass
class OneDrive:
    """One person's OneDrive."""

    browser: Browser
    token: str

    def send(self, method: str, path: str, **more: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self.browser.send(method, f"/microsoft/v1.0/{path}", headers=headers, **more)

    def put(self, path: str, content: bytes, behaviour: str = "fail") -> Answer:
        query = f"@microsoft.graph.conflictBehavior={behaviour}"
        return self.send("PUT", f"me/drive/root:/{quote(path)}:/content?{query}", body=content)

    def begin(self, path: str, **item: Any) -> Answer:
        address = f"me/drive/root:/{quote(path)}:/createUploadSession"
        renamed = {
            "@microsoft.graph.conflictBehavior" if name == "behaviour" else name: value
            for name, value in item.items()
        }
        return self.send("POST", address, json={"item": renamed})

    def quota(self) -> dict[str, Any]:
        return dict(self.send("GET", "me/drive").json["quota"])


def google_tokens(browser: Browser, person: str, **more: str) -> dict[str, Any]:
    code = browser.send("GET", google_query(sim_person=person, **more)).location_query["code"]
    return dict(browser.post_form(GOOGLE_TOKEN, code_fields(code)).json)


def microsoft_tokens(browser: Browser, person: str, **more: str) -> dict[str, Any]:
    code = browser.send("GET", microsoft_query(sim_person=person, **more)).location_query["code"]
    return dict(browser.post_form(MICROSOFT_TOKEN, code_fields(code)).json)


def drive_of(browser: Browser, person: str, **more: str) -> Drive:
    return Drive(browser, google_tokens(browser, person, **more)["access_token"])


def onedrive_of(browser: Browser, person: str, **more: str) -> OneDrive:
    return OneDrive(browser, microsoft_tokens(browser, person, **more)["access_token"])


def put_range(browser: Browser, address: str, content: bytes, where: str) -> Answer:
    """One part of an upload in parts."""
    return browser.send("PUT", address, body=content, headers={"Content-Range": where})
