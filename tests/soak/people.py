"""People: each has accounts, a ledger and several programs that do as a seed says."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from tests.journey.client import Program
from tests.soak.contents import Broken, BrokenOff, Content, Form
from tests.soak.ledger import Ledger, Promise
from tests.soak.soak_house import SoakHouse
from tests.storm.reader import TOKEN, Reader

MIB: Final = 1 << 20
MOST_KEPT: Final = 250 * MIB  # beyond it a person rather deletes
WEBS: Final = ("web-1", "web-2")
CANARY: Final = "soakcanary"  # begins every name, so that no log may hold it
HEADERS: Final = {"Content-Type": "multipart/form-data; boundary=soak"}
PAUSES: Final = (0.05, 0.4)  # between what a program does
AFTER_NO_ANSWER: Final = 2.0
# What is no news: the server says why, and the program may come again.
NAMED: Final = frozenset(
    {
        *("name_taken", "not_found", "state_conflict", "broken_upload", "cancelled"),
        *("unavailable", "not_ready", "shutting_down", "throttled", "unreachable"),
    }
)


@dataclass
class Person:
    """Somebody with accounts; `accounts` holds provider and address by the account's id."""

    number: int
    program: Program
    reader: Reader
    ledger: Ledger = field(default_factory=Ledger)
    accounts: dict[str, tuple[str, str]] = field(default_factory=dict)
    linked: int = 0

    def link_another(self) -> None:
        """Link an account that was never linked before; every third is a OneDrive."""
        self.linked += 1
        provider = "onedrive" if self.linked % 3 == 0 else "google_drive"
        work = "work." if provider == "onedrive" else ""
        address = f"{work}soak{self.number}.{self.linked}@example.com"
        self.accounts[self.program.link(provider, address)["account_id"]] = (provider, address)

    def sign_in_again(self, account_id: str) -> None:
        """Give the grant for an account anew."""
        self.program.link(*self.accounts[account_id])

    def ask_for_protection(self, losses: int) -> None:
        """Save the form of the page."""
        url = f"{self.reader.base}/settings/protection"
        page = self.reader.session.get(url, timeout=60)
        found = TOKEN.search(page.text)
        assert found is not None, page.status_code
        fields = {"csrf_token": found[1], "protection": str(losses)}
        answer = self.reader.session.post(url, data=fields, timeout=60)
        assert answer.status_code == 200, answer.status_code


def settle_in(house: SoakHouse, number: int, accounts: int) -> Person:
    """Register somebody and link their accounts."""
    base = house.machines.base("web-1")
    program = Program(base, f"soak{number}@example.com").register()
    person = Person(number, program, Reader(base).sign_in(program.email))
    for _ in range(accounts):
        person.link_another()
    return person


@dataclass
class Client:
    """One program of a person, in a thread of its own."""

    house: SoakHouse
    person: Person
    drawn: random.Random
    session: requests.Session = field(default_factory=requests.Session)

    def run(self, ended: threading.Event) -> None:
        """Do one thing after the other until told to stop."""
        self.session.headers.update(self.person.program.session.headers)
        while not ended.wait(self.drawn.uniform(*PAUSES)):
            name, act = self._choose()
            try:
                outcome = act()
            except requests.RequestException as problem:
                outcome = "no answer" if problem.response is None else "answer cut"
                ended.wait(AFTER_NO_ANSWER)
            self.person.ledger.count(name, outcome)

    def _choose(self) -> tuple[str, Callable[[], str]]:
        if self.person.ledger.kept_bytes() > MOST_KEPT:
            return "delete", self._delete
        acts: list[tuple[float, str, Callable[[], str]]] = [
            (16, "upload one", self._upload_one),
            (7, "upload many small", self._upload_many),
            (6, "upload new version", self._upload_version),
            (1.5, "upload large", self._upload_large),
            (2, "upload broken off", self._break_off),
            (3, "upload cancelled", self._upload_and_cancel),
            (6, "delete", self._delete),
            (1, "delete folder", self._delete_folder),
            (12, "download", self._download),
            (22, "read range", self._read_range),
            (2, "cancel", self._cancel),
            (1, "retry", self._retry),
            (2, "list", self._list),
        ]
        weights = [weight for weight, _, _ in acts]
        _, name, act = self.drawn.choices(acts, weights)[0]
        return name, act

    # --- sending ------------------------------------------------------------------------------

    def _upload_one(self) -> str:
        return self._send([(self._new_name(), self._content(self._size()))])

    def _upload_many(self) -> str:
        folder = f"{CANARY}-folder-{self.drawn.randrange(4)}"
        count = self.drawn.randrange(2, 40)
        sizes = [self.drawn.choice((0, 1, 100, 5_000, 60_000)) for _ in range(count)]
        names = [f"{folder}/{self._new_name()}" for _ in sizes]
        # The same name twice in a form is two versions.
        names[0] = self.drawn.choice(names)
        return self._send([(n, self._content(s)) for n, s in zip(names, sizes, strict=True)])

    def _upload_version(self) -> str:
        files = self.person.ledger.files()
        if not files:
            return "nothing there"
        # Of few, so that several programs meet at one name.
        name = self.drawn.choice(files[:6])[1]
        conflict = self.drawn.choice(("version", "version", "version", "keep_both", "fail"))
        return self._send([(name, self._content(self._size()))], conflict)

    def _upload_large(self) -> str:
        size = self.drawn.randrange(12 * MIB, 60 * MIB)
        return self._send([(self._new_name(), self._content(size))])

    def _upload_and_cancel(self) -> str:
        outcome = self._upload_large() if self.drawn.random() < 0.3 else self._upload_one()
        jobs = self.person.ledger.recent_jobs(1)
        return self._end_job(jobs[0]) if jobs else outcome

    def _break_off(self) -> str:
        """Send a form whose end never comes."""
        content = self._content(self.drawn.randrange(1, 12 * MIB))
        form = Broken(((self._new_name(), content),), self.drawn.randrange(content.size))
        try:
            answer = self._call("POST", "/api/files/upload", data=form, headers=HEADERS)
        except BrokenOff:
            return "ok"
        self._lie(f"{answer.status_code} for a form without an end")
        return "ANSWERED"

    def _size(self) -> int:
        largest = self.drawn.choice((1, 2_000, 100_000, 100_000, 3 * MIB, 9 * MIB, 12 * MIB))
        return self.drawn.randrange(largest + 1)

    def _new_name(self) -> str:
        return f"{CANARY}-{self.drawn.getrandbits(48):012x}.bin"

    def _content(self, size: int) -> Content:
        return Content(self.drawn.getrandbits(64), size)

    def _send(self, files: list[tuple[str, Content]], conflict: str = "version") -> str:
        ledger = self.person.ledger
        for _, content in files:
            ledger.will_send(content)
        form, query = Form(tuple(files)), {"conflict": conflict}
        path = "/api/files/upload"
        answer = self._call("POST", path, data=form, headers=HEADERS, params=query)
        if answer.status_code != 201:
            return self._refusal(answer)
        made = answer.json()
        for one, (_, content) in zip(made.get("files", [made]), files, strict=True):
            promise = Promise(made["job_id"], one["id"], one["parent_id"], content)
            ledger.promised(promise, one["name"])
        return "ok"

    # --- reading ------------------------------------------------------------------------------

    def _download(self) -> str:
        return self._read(None)

    def _read_range(self) -> str:
        return self._read(self.drawn.random())

    def _read(self, share: float | None) -> str:
        """Read the whole of some file, or a range that begins at a share of its content."""
        files = self.person.ledger.files()
        if not files:
            return "nothing there"
        path = f"/api/files/{self.drawn.choice(files)[0]}"
        begin, length = 0, None
        if share is not None:
            shown = self._call("GET", path)
            if shown.status_code != 200:
                return self._refusal(shown)
            begin = int(shown.json()["size"] * share)
            length = self.drawn.choice((1, 70_000, 2 * MIB))
        asked = {} if length is None else {"Range": f"bytes={begin}-{begin + length - 1}"}
        answer = self._call("GET", f"{path}/download", headers=asked, stream=True)
        with answer:
            if answer.status_code not in {200, 206}:
                return self._refusal(answer)
            return self._compare(answer)

    def _compare(self, answer: requests.Response) -> str:
        content = self._sent_as(answer.headers["ETag"])
        if content is None:
            return "gone meanwhile"
        begin, end = _span(answer, content)
        stream, at = content.stream(begin), begin
        for piece in answer.iter_content(1 << 18):
            if piece != stream.read(len(piece)):
                self._lie(f"other bytes near {at} of {content}")
                return "OTHER BYTES"
            at += len(piece)
        if at != end:
            self._lie(f"{at} instead of {end} of {content}")
            return "OTHER LENGTH"
        self.person.ledger.received(end - begin)
        return "ok"

    def _sent_as(self, etag: str) -> Content | None:
        """Return what was sent as this version; None when it was deleted a moment ago."""
        query = "SELECT sha256 FROM versions WHERE id = CAST(:id AS uuid)"
        rows = self.house.rows(query, id=etag.strip('"'))
        return self.person.ledger.sent[bytes(rows[0][0])] if rows else None

    # --- the rest -----------------------------------------------------------------------------

    def _delete(self) -> str:
        files = self.person.ledger.files()
        return self._remove(self.drawn.choice(files)[0]) if files else "nothing there"

    def _delete_folder(self) -> str:
        folders = self.person.ledger.filled_folders()
        return self._remove(self.drawn.choice(folders)) if folders else "nothing there"

    def _remove(self, node_id: str) -> str:
        ledger = self.person.ledger
        ledger.will_remove(node_id)
        query = {"permanent": "true"}
        answer = self._call("DELETE", f"/api/files/{node_id}", params=query)
        if answer.status_code != 204:
            return self._refusal(answer)
        ledger.was_removed(node_id)
        return "ok"

    def _cancel(self) -> str:
        jobs = self.person.ledger.recent_jobs(6)
        if not jobs:
            return "nothing there"
        if self.drawn.random() < 0.3:
            return self._end_mending()
        return self._end_job(self.drawn.choice(jobs))

    def _end_mending(self) -> str:
        """Cancel what mends packs."""
        listed = self._call("GET", "/api/jobs", params={"state": "running"})
        if listed.status_code != 200:
            return self._refusal(listed)
        jobs = [job["id"] for job in listed.json()["jobs"] if job["kind"] == "repair"]
        return self._end_job(jobs[0]) if jobs else "nothing to mend"

    def _end_job(self, job_id: str) -> str:
        self.person.ledger.cancelled.add(job_id)
        answer = self._call("POST", f"/api/jobs/{job_id}/cancel")
        return "ok" if answer.status_code == 202 else self._refusal(answer)

    def _retry(self) -> str:
        jobs = self.person.ledger.recent_jobs(20)
        if not jobs:
            return "nothing there"
        answer = self._call("POST", f"/api/jobs/{self.drawn.choice(jobs)}/retry")
        return "ok" if answer.status_code == 202 else self._refusal(answer)

    def _list(self) -> str:
        for path in ("/api/files", "/api/jobs", "/api/cloud-accounts", "/api/files/storage/usage"):
            answer = self._call("GET", path)
            if answer.status_code != 200:
                return self._refusal(answer)
        return "ok"

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        base = self.house.machines.base(self.drawn.choice(WEBS))
        return self.session.request(method, base + path, timeout=120, **options)

    def _refusal(self, answer: requests.Response) -> str:
        code = "no code"
        with suppress(ValueError):
            code = str(answer.json().get("code"))
        if answer.status_code == 416:
            return "an empty file has no range"
        if code not in NAMED:
            route = answer.request.path_url.partition("?")[0]
            self._lie(f"{answer.status_code} {code} for {answer.request.method} {route}")
        return code

    def _lie(self, sentence: str) -> None:
        self.person.ledger.lie(sentence)


def _span(answer: requests.Response, content: Content) -> tuple[int, int]:
    if answer.status_code == 200:
        return 0, content.size
    first, _, last = answer.headers["Content-Range"].split("/")[0][6:].partition("-")
    return int(first), int(last) + 1
