"""A large file that is stored while it arrives: how much later than its last byte all is stored."""

import time
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench.content import MB, PIECE, Content
from bench.figures import Figure, Goal
from bench.rows.store import GIB, LINKS, K, N
from bench.run import Run
from bench.world import LATENCY, LINK, World, world

ROW = "early"
SENDING = 40 * MB
TUS = {"Tus-Resumable": "1.0.0"}


def measure(run: Run) -> list[Figure]:
    content = Content(run.size(GIB, 100 * MB))
    with world(run.folder / "world") as here:
        here.sim.weather(latency_s=LATENCY, up_bytes_s=LINK, down_bytes_s=LINK)
        began = time.perf_counter()
        job_id = send(here, content)
        sent = time.perf_counter()
        counts = here.program.get(f"/api/jobs/{job_id}")["progress"]["bytes"]
        here.wait_for_job(job_id)
        stored = time.perf_counter()
        (file,) = here.program.get("/api/files")["files"]
        here.read(file["id"], content.digest())
    sending = sent - began
    takes = LINKS * K / N
    return [
        Figure(ROW, "from the start of sending until stored", "s", stored - began, sending,
               goals=(Goal("limit", 1.15, is_ceiling=True),),
               note=f"the limit is the sending itself, {content.size / MB / sending:.1f} MB/s;"
                    f" the accounts together take {takes:.0f} MB/s of it"),
        Figure(ROW, "from its last byte until stored", "s", stored - sent),
        Figure(ROW, "of it stored at its last byte", "%", 100 * counts["stored"] / content.size),
    ]  # fmt: skip


def send(here: World, content: Content) -> str:
    """Send a file by tus, in one request at a steady speed; return the id of its job."""
    told = {**TUS, "Authorization": str(here.program.session.headers["Authorization"])}
    connection = HTTPConnection(urlsplit(here.program.base).netloc, timeout=600)
    place = {"Upload-Length": str(content.size), "Upload-Metadata": "filename c291cmNlLmJpbg=="}
    connection.request("POST", "/api/uploads", headers={**told, **place, "Content-Length": "0"})
    begun = connection.getresponse()
    begun.read()
    if begun.status != 201:
        raise RuntimeError(f"The upload was answered {begun.status}.")
    (upload,) = here.program.get("/api/uploads")["uploads"]
    told |= {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    told |= {"Content-Length": str(content.size)}
    target = urlsplit(begun.headers["Location"]).path
    connection.request("PATCH", target, body=steadily(content), headers=told)
    ended = connection.getresponse()
    ended.read()
    connection.close()
    if ended.status != 204:
        raise RuntimeError(f"The bytes were answered {ended.status}.")
    return str(upload["job_id"])


def steadily(content: Content) -> Iterator[bytes]:
    """Yield the bytes as fast as they are to be sent, never faster."""
    began = time.perf_counter()
    for number, piece in enumerate(content):
        yield piece
        time.sleep(max(0.0, began + (number + 1) * PIECE / SENDING - time.perf_counter()))
