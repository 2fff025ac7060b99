"""A program that uses BalanceCloud through /api alone, as a stranger's would."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

PASSWORD = "a long enough pass phrase"
ENDED = {"done", "failed", "cancelled"}


@dataclass
class Program:
    """One person's program, signed in by a bearer token."""

    base: str
    email: str = "owner@example.com"
    session: requests.Session = field(default_factory=requests.Session)

    def register(self) -> "Program":
        body = {"email": self.email, "password": PASSWORD}
        self._keep_token(self.post("/api/auth/register", json=body, expect=201))
        return self

    def sign_in(self) -> "Program":
        body = {"email": self.email, "password": PASSWORD}
        self._keep_token(self.post("/api/auth/login", json=body))
        return self

    def link(self, provider: str, person: str) -> dict[str, Any]:
        """Link a simulated account: the person consents at once, the program hands the code on."""
        begun = self.post(f"/api/cloud-accounts/connect/{provider}")
        consent = requests.get(
            begun["oauth_url"] + f"&sim_person={person}", allow_redirects=False, timeout=20
        )
        answer = parse_qs(urlsplit(consent.headers["Location"]).query)
        query = {"code": answer["code"][0], "state": answer["state"][0]}
        return self.get(f"/api/cloud-accounts/callback/{provider}", params=query)

    def link_folder(self, path: Path) -> dict[str, Any]:
        return self.post("/api/cloud-accounts/connect/folder", json={"path": str(path)}, expect=201)

    def accounts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/cloud-accounts")["accounts"]
        return found

    def upload(self, name: str, content: bytes, **query: str) -> dict[str, Any]:
        files = {"file": (name, content, "application/octet-stream")}
        return self.post("/api/files/upload", files=files, params=query, expect=201)

    def wait_for_job(self, job_id: str, seconds: float = 120) -> dict[str, Any]:
        """Return the job once it has ended; its counters never went backwards meanwhile."""
        deadline = time.monotonic() + seconds
        before = {"received": 0, "sealed": 0, "stored": 0}
        while True:
            job = self.get(f"/api/jobs/{job_id}")
            counts = job["progress"]["bytes"]
            assert counts["stored"] <= counts["sealed"] <= counts["received"] <= counts["total"]
            assert all(counts[stage] >= before[stage] for stage in before), (before, counts)
            before = {stage: counts[stage] for stage in before}
            if job["state"] in ENDED:
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.2)

    def download_hash(self, file_id: str) -> str:
        digest = hashlib.sha256()
        for piece in self.download(file_id):
            digest.update(piece)
        return digest.hexdigest()

    def download(self, file_id: str) -> Iterator[bytes]:
        url = f"{self.base}/api/files/{file_id}/download"
        with self.session.get(url, stream=True, timeout=120) as response:
            response.raise_for_status()
            yield from response.iter_content(1 << 20)

    def get(self, path: str, **options: Any) -> dict[str, Any]:
        return self._call("GET", path, **options)

    def post(self, path: str, **options: Any) -> dict[str, Any]:
        return self._call("POST", path, **options)

    def delete(self, path: str, expect: int = 204, **options: Any) -> requests.Response:
        response = self.session.delete(self.base + path, timeout=60, **options)
        assert response.status_code == expect, response.text
        return response

    def _call(self, method: str, path: str, expect: int = 200, **options: Any) -> dict[str, Any]:
        response = self.session.request(method, self.base + path, timeout=300, **options)
        assert response.status_code == expect, (path, response.status_code, response.text[:500])
        found: dict[str, Any] = response.json()
        return found

    def _keep_token(self, answer: dict[str, Any]) -> None:
        self.session.headers["Authorization"] = f"Bearer {answer['access_token']}"
