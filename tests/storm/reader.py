"""A person who looks at job pages with a browser that knows no scripts."""

import re
from dataclasses import dataclass, field

import requests

from tests.journey.client import PASSWORD

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
STORED = re.compile(r'aria-label="Stored"[^>]* aria-valuenow="([0-9]+)"')
SAYS_STORED = ("The file is stored.", "files are stored.")


@dataclass(frozen=True)
class Shown:
    """What a job page said."""

    percent_stored: int
    says_that_all_is_stored: bool


@dataclass
class Reader:
    """Signed in by the form, with a session's cookie."""

    base: str
    session: requests.Session = field(default_factory=requests.Session)

    def sign_in(self, email: str) -> "Reader":
        form = self.session.get(f"{self.base}/sign-in", timeout=30).text
        found = TOKEN.search(form)
        assert found is not None
        fields = {"csrf_token": found[1], "email": email, "password": PASSWORD}
        answer = self.session.post(f"{self.base}/sign-in", data=fields, timeout=30)
        assert answer.url.endswith("/files"), answer.url
        return self

    def look_at(self, job_id: str) -> Shown:
        """Load the page of a job that stores, as after "Refresh"."""
        answer = self.session.get(f"{self.base}/jobs/{job_id}", timeout=30)
        assert answer.status_code == 200
        percent = STORED.search(answer.text)
        assert percent is not None
        return Shown(int(percent[1]), any(words in answer.text for words in SAYS_STORED))
