"""A person's drive with one of everything that a call may name, all of it made through /api."""

import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask

from balancecloud.config import Config
from tests.library.accounts.world import consent, new_address
from tests.web.browser import PASSWORD
from tests.web.clouds.worker import work
from tests.web.program import Program
from tests.web.tus.sender import BODY, TUS

Values = dict[str, Any]
FILES = "/api/files"
ACCOUNTS = "/api/cloud-accounts"


@dataclass
class Inhabited:
    """What is there, and how more of it is made for calls that use it up."""

    app: Flask
    program: Program
    folders: str
    ids: dict[str, str] = field(default_factory=dict)
    made: int = 0

    def fill(self) -> None:
        """Make one of everything."""
        for provider in ("google_drive", "onedrive"):
            self.ids["account"] = self.link(provider)
        self.ids["folder"] = self.folder()
        self.ids["file"], _ = self.upload("a.txt")
        _, self.ids["job"] = self.upload("a.txt", b"a second version")
        work(self.app)
        self.ask("POST", f"{FILES}/{self.ids['file']}/copy", {})
        self.trashed()
        self.ids["upload"] = self.begin()

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """Make a call that must succeed; return what it answers."""
        answer = self.program.call(method, path, body, **more)
        assert answer.status_code < 300, (method, path, answer.text)
        return answer.get_json(silent=True) or answer.headers

    def begun(self, provider: str) -> dict[str, str]:
        """Return what a redirect carries of a person who consented."""
        begun = self.ask("POST", f"{ACCOUNTS}/connect/{provider}")
        return consent(begun["oauth_url"], new_address())

    def link(self, provider: str) -> str:
        callback = f"{ACCOUNTS}/callback/{provider}"
        return str(self.ask("GET", callback, query_string=self.begun(provider))["account_id"])

    def folder(self) -> str:
        return str(self.ask("POST", f"{FILES}/folders", {"name": f"Folder {self._next()}"})["id"])

    def upload(self, name: str, content: bytes = b"some bytes") -> tuple[str, str]:
        """Return the ids of a file and of the job that stores it."""
        form = {"file": (io.BytesIO(content), name)}
        token = {"Authorization": f"Bearer {self.program.token}"}
        made = self.program.client.post(f"{FILES}/upload", data=form, headers=token).get_json()
        return str(made["id"]), str(made["job_id"])

    def job(self, *steps: str) -> str:
        """Return a job that nobody works on, after these steps."""
        _, job = self.upload(f"{self._next()}.bin")
        for step in steps:
            self.ask("POST", f"/api/jobs/{job}/{step}")
        return job

    def trashed(self) -> str:
        folder = self.folder()
        self.ask("DELETE", f"{FILES}/{folder}")
        return folder

    def begin(self) -> str:
        """Return the id of a resumable upload of ten bytes."""
        headers = {**TUS, "Upload-Length": "10", "Upload-Metadata": "filename YS5iaW4="}
        return str(self.ask("POST", "/api/uploads", headers=headers)["Location"].rpartition("/")[2])

    def old_version(self) -> Values:
        """Return a file's version that nothing shows."""
        name = f"{self._next()}.txt"
        self.upload(name)
        work(self.app)
        file, _ = self.upload(name, b"newer")
        work(self.app)
        return {"node_id": file, "number": 1}

    def _next(self) -> int:
        self.made += 1
        return self.made


def inhabited(app: Flask, program: Program, config: Config) -> Inhabited:
    """Register, and fill a drive."""
    program.register()
    found = Inhabited(app, program, str(config.folder_roots[0]))
    found.fill()
    return found


Things = dict[str, Callable[[], Values]]


def things_of(drive: Inhabited) -> Things:
    """Return, by call, what makes it meet something that is there; fresh where it uses it up."""
    people: Things = {
        "POST /api/auth/register": lambda: {"body": person(f"{uuid.uuid4()}@example.org")},
        "POST /api/auth/login": lambda: {"body": person("ada@example.org")},
    }
    parts = (people, nodes(drive), stored(drive), uploads(drive), accounts(drive), jobs(drive))
    return {label: make for part in parts for label, make in part.items()}


def nodes(drive: Inhabited) -> Things:
    folder = drive.ids["folder"]

    def node(make: Callable[[], str]) -> Callable[[], Values]:
        return lambda: {"path_parameters": {"node_id": make()}}

    return {
        "GET /api/files": lambda: {"query": {"parent_id": folder, "sort": "-size"}},
        "POST /api/files/folders": lambda: {"body": {"name": "New", "parent_id": folder}},
        "PATCH /api/files/{node_id}": lambda: (
            node(drive.folder)() | {"body": {"parent_id": folder}}
        ),
        "DELETE /api/files/{node_id}": node(drive.folder),
        "POST /api/trash/{node_id}/restore": node(drive.trashed),
    }


def stored(drive: Inhabited) -> Things:
    node = {"node_id": drive.ids["file"]}
    file = {"path_parameters": node}
    version = "/api/files/{node_id}/versions/{number}"
    return {
        "GET /api/files/{node_id}": lambda: file,
        "POST /api/files/{node_id}/copy": lambda: (
            file | {"body": {"parent_id": drive.ids["folder"]}}
        ),
        "GET /api/files/{node_id}/zip": lambda: file | {"query": {}},
        "GET /api/files/{node_id}/download": lambda: file | {"query": {"version": 1}},
        "GET /api/files/{node_id}/placement": lambda: file,
        "GET /api/files/{node_id}/versions": lambda: file,
        f"POST {version}/restore": lambda: {"path_parameters": node | {"number": 1}},
        f"DELETE {version}": lambda: {"path_parameters": drive.old_version()},
    }


def uploads(drive: Inhabited) -> Things:
    def sent(**headers: str) -> Values:
        path = {"upload_id": drive.begin()}
        return {"path_parameters": path, "headers": {**TUS, **headers}}

    begin = {"Upload-Offset": "0"}
    patch = {"X-HTTP-Method-Override": "PATCH"}
    new = {**TUS, "Upload-Length": "10", "Upload-Metadata": "filename YS5iaW4="}
    content = {"body": b"0123456789", "media_type": BODY}
    return {
        "HEAD /api/uploads/{upload_id}": sent,
        "OPTIONS /api/uploads/{upload_id}": sent,
        "DELETE /api/uploads/{upload_id}": sent,
        "PATCH /api/uploads/{upload_id}": lambda: sent(**begin) | content,
        "POST /api/uploads/{upload_id}": lambda: sent(**begin, **patch) | content,
        "POST /api/uploads": lambda: {"headers": new} | content,
    }


def accounts(drive: Inhabited) -> Things:
    held = drive.ids["account"]
    provider = {"path_parameters": {"provider": "onedrive"}}
    one = "/api/cloud-accounts/{account_id}"
    return {
        "POST /api/cloud-accounts/connect/{provider}": lambda: provider | {"query": {}},
        "GET /api/cloud-accounts/callback/{provider}": lambda: (
            provider | {"query": drive.begun("onedrive")}
        ),
        f"GET {one}/status": lambda: account(held),
        f"POST {one}/refresh": lambda: account(held),
        f"DELETE {one}": lambda: account(drive.link("google_drive")) | {"query": {}},
    }


def jobs(drive: Inhabited) -> Things:
    def job(*steps: str) -> Callable[[], Values]:
        return lambda: {"path_parameters": {"job_id": drive.job(*steps)}}

    over = {"path_parameters": {"job_id": drive.ids["job"]}}
    return {
        "GET /api/jobs": lambda: {"query": {"state": "done"}},
        "GET /api/jobs/{job_id}": lambda: over,
        "GET /api/jobs/{job_id}/events": lambda: over,
        "POST /api/jobs/{job_id}/cancel": job(),
        "POST /api/jobs/{job_id}/pause": job(),
        "POST /api/jobs/{job_id}/resume": job("pause"),
        "POST /api/jobs/{job_id}/retry": job(),
    }


def person(email: str) -> Values:
    return {"email": email, "password": PASSWORD}


def account(account_id: str) -> Values:
    return {"path_parameters": {"account_id": account_id}}
