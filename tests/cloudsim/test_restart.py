"""The simulator as a process: its one line, kill -9, and one data folder for one server."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from cloudsim.app import DataInUse, Settings, running
from cloudsim.settings import open_services
from tests.cloudsim.client import (
    GOOGLE_TOKEN,
    Browser,
    Drive,
    drive_of,
    google_tokens,
    put_range,
    refresh_fields,
)

pytestmark = pytest.mark.sim
GRANULE = 262_144


@contextmanager
def process(data: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], Browser]]:
    command = [sys.executable, "-m", "cloudsim", "--port", "0", "--data", str(data), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        line = started.stdout.readline()
        scheme = "https" if "--tls" in more else "http"
        assert line.startswith(f"cloudsim listening on {scheme}://127.0.0.1:")
        try:
            yield started, Browser(line.split()[3].rstrip(","))
        finally:
            started.kill()


def test_everything_is_there_after_a_kill_9(tmp_path: Path) -> None:
    with process(tmp_path) as (started, browser):
        tokens = google_tokens(browser, "anna@example.com")
        drive = Drive(browser, tokens["access_token"])
        file_id = drive.upload({"name": "a"}, b"hello").json["id"]
        session = drive.begin({"name": "b"}, 2 * GRANULE, "&fields=size").location
        put_range(browser, session, b"x" * GRANULE, f"bytes 0-{GRANULE - 1}/{2 * GRANULE}")
        started.send_signal(signal.SIGKILL)
        started.wait()
    with process(tmp_path) as (_, browser):
        drive = Drive(browser, tokens["access_token"])
        assert drive.send("GET", f"drive/v3/files/{file_id}?alt=media").data == b"hello"
        refreshed = browser.post_form(GOOGLE_TOKEN, refresh_fields(tokens["refresh_token"]))
        assert refreshed.status == 200
        moved = browser.base + session[session.index("/google/") :]
        rest = f"bytes {GRANULE}-{2 * GRANULE - 1}/{2 * GRANULE}"
        assert put_range(browser, moved, b"y" * GRANULE, rest).json == {"size": str(2 * GRANULE)}
        assert drive.quota()["usage"] == str(5 + 2 * GRANULE)


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    with process(tmp_path) as (started, browser):
        assert browser.send("GET", "/health").status == 200
        started.terminate()
        assert started.wait(timeout=10) == 0


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with (
        running(Settings(data=tmp_path)),
        pytest.raises(DataInUse),
        running(Settings(data=tmp_path)),
    ):
        pass


def test_what_no_row_knows_is_swept_at_the_start(tmp_path: Path) -> None:
    with running(Settings(data=tmp_path)) as sim:
        drive = drive_of(Browser(sim.url), "anna@example.com")
        drive.upload({"name": "a"}, b"x" * 70_000)  # enough for a file of its own
        drive.upload({"name": "b"}, b"small")
    orphan = next((tmp_path / "blobs").glob("*/*")).with_name("0" * 32)
    half = tmp_path / "arriving" / "half"
    orphan.write_bytes(b"x")
    half.write_bytes(b"x")
    with sqlite3.connect(tmp_path / "cloudsim.sqlite3") as rows:
        rows.execute("INSERT INTO small_contents VALUES (77, x'00')")
    rows.close()
    services = open_services(Settings(data=tmp_path), "http://sim.example")
    with services.database.reading() as rows:
        assert rows.execute("SELECT COUNT(*) FROM small_contents").fetchone()[0] == 1
    services.database.close()
    assert not orphan.exists()
    assert not half.exists()
    assert len(list((tmp_path / "blobs").glob("*/*"))) == 1


def test_a_public_address_stands_in_front_of_what_it_hands_out(tmp_path: Path) -> None:
    with process(tmp_path, "--public-url", "https://sim.example/") as (_, browser):
        begun = drive_of(browser, "anna@example.com").begin({"name": "a"})
        assert begun.location.startswith("https://sim.example/google/upload/")


def test_another_client_is_registered_by_the_command_line(tmp_path: Path) -> None:
    with process(tmp_path, "--client", "mine:secret") as (_, browser):
        fields = {**refresh_fields("x"), "client_id": "mine", "client_secret": "secret"}
        assert browser.post_form(GOOGLE_TOKEN, fields).json["error"] == "invalid_grant"
        demo = browser.post_form(GOOGLE_TOKEN, refresh_fields("x"))
        assert demo.json["error"] == "invalid_client"


def test_the_command_line_names_the_authority_and_the_tunnel(tmp_path: Path) -> None:
    with process(tmp_path, "--tls", "--proxy-port", "0") as (started, _):
        assert started.stdout is not None
        authority = started.stdout.readline().split()[-1]
        tunnel = started.stdout.readline().split()[-1]
        pool = urllib3.ProxyManager(tunnel, ca_certs=authority)
        answer = pool.request("GET", "https://www.googleapis.com/drive/v3/about", retries=False)
        assert (answer.status, answer.json()["error"]["code"]) == (401, 401)
        pool.clear()


def test_bodies_are_counted_when_the_command_line_says_so(tmp_path: Path) -> None:
    with process(tmp_path, "--bodies", "count") as (_, browser):
        drive = drive_of(browser, "anna@example.com")
        made = drive.upload({"name": "a"}, b"hello").json["id"]
        assert drive.send("GET", f"drive/v3/files/{made}?alt=media").data == bytes(5)
