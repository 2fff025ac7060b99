"""Somebody who reloads the job pages all the time and compares them with the rows."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import requests

from tests.journey.client import ENDED, Program
from tests.storm.reader import Reader
from tests.storm.stormy_house import StormyHouse

PAUSE_SECONDS = 0.25
STAGES = ("received", "sealed", "stored")


@dataclass
class Witness:
    """Samples jobs by the API and by the page, and keeps every lie it was told."""

    place: StormyHouse
    program: Program
    reader: Reader
    job_ids: list[str] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)
    samples: int = 0
    _before: dict[str, dict[str, int]] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Witness":
        self._thread = threading.Thread(target=self._watch, name="witness")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            open_jobs = [job for job in list(self.job_ids) if job not in self._over]
            # Some of the oldest, which work is at, and the newest, which waits.
            for job_id in [*open_jobs[:4], *open_jobs[-1:]]:
                self._guarded(partial(self._look, job_id))
            self._guarded(self._look_at_accounts)

    def _guarded(self, look: Callable[[], None]) -> None:
        try:
            look()
        except (AssertionError, requests.RequestException, KeyError) as problem:
            self.lies.append(repr(problem)[:400])

    def _look(self, job_id: str) -> None:
        self._look_through_api(job_id)
        self._look_at_page(job_id)
        self.samples += 1

    def _look_through_api(self, job_id: str) -> None:
        committed_before = self.place.confirmed_bytes(job_id)
        was_finished = not self.place.unfinished_files(job_id)
        job = self.program.get(f"/api/jobs/{job_id}")
        confirmed_after = self.place.confirmed_bytes(job_id)
        self._judge(job_id, job, confirmed_after)
        if was_finished and committed_before:
            assert job["progress"]["bytes"]["stored"] == committed_before, ("behind", job)
        if job["state"] in ENDED:
            self._over.add(job_id)

    def _look_at_page(self, job_id: str) -> None:
        shown = self.reader.look_at(job_id)
        confirmed, total = self.place.confirmed_bytes(job_id), self.place.total_bytes(job_id)
        is_whole = not self.place.unfinished_files(job_id)
        if shown.percent_stored == 100 or shown.says_that_all_is_stored:
            assert is_whole, ("the page says stored before the commit", shown)
        else:
            assert shown.percent_stored * total <= confirmed * 100, (
                "page",
                shown,
                confirmed,
                total,
            )

    def _judge(self, job_id: str, job: dict[str, Any], confirmed: int) -> None:
        counts = job["progress"]["bytes"]
        before = self._before.get(job_id, dict.fromkeys(STAGES, 0))
        assert counts["stored"] <= counts["sealed"] <= counts["received"] <= counts["total"], counts
        assert all(counts[stage] >= before[stage] for stage in STAGES), (before, counts)
        assert counts["stored"] <= confirmed, ("ahead of the rows", counts, confirmed)
        if counts["stored"] == counts["total"] > 0 or job["state"] == "done":
            assert not self.place.unfinished_files(job_id), ("whole before its commit", counts)
        if job["state"] in {"retrying", "needs_you"}:
            assert job["error"], ("waits without a reason", job["state"])
        self._before[job_id] = {stage: counts[stage] for stage in STAGES}

    def _look_at_accounts(self) -> None:
        before = self.place.account_states()
        shown = {one["id"]: one["state"] for one in self.program.accounts()}
        after = self.place.account_states()
        for account_id, state in shown.items():
            # A pause that is over reads as healthy before anybody writes that down.
            known = {before[account_id], after[account_id]}
            known |= {"healthy"} if "slowed" in known else set()
            assert state in known, (state, known)


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something; fails, naming it, when it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.2)
