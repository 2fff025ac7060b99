"""An S3 server as a process of its own, with a bucket that is emptied by taking another prefix."""

import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from balancecloud.buckets import SpoolBucket, parse_spool_url
from tests.journey.house import free_port

BUCKET = "sealed-parts"
KEY_ID = "AKIDCANARY0b2f6c1e"
SECRET_KEY = "CANARY-9d71a3f4-of-the-bucket"
START_SECONDS = 60


@dataclass
class BucketServer:
    """A running server; it keeps what it holds in memory."""

    process: subprocess.Popen[bytes]
    endpoint: str

    def url(self) -> str:
        """Return the SPOOL_URL of a place that nobody else has."""
        return f"s3://{BUCKET}/{uuid.uuid4().hex}?endpoint={self.endpoint}&region=us-east-1"

    def bucket(self) -> SpoolBucket:
        """Return such a place as a value."""
        return parse_spool_url(self.url(), KEY_ID, SECRET_KEY)

    def stop(self) -> None:
        """End it and what it held."""
        self.process.kill()
        self.process.wait()


def start(folder: Path) -> BucketServer:
    """Start a server with one empty bucket."""
    port = free_port()
    log = folder / "bucket-server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=output,
            stderr=output,
        )
    server = BucketServer(process, f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + START_SECONDS
    while not _makes_bucket(server):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return server


def _makes_bucket(server: BucketServer) -> bool:
    try:
        with urlopen(Request(f"{server.endpoint}/{BUCKET}", method="PUT"), timeout=10) as answer:
            return bool(answer.status == 200)
    except ConnectionError:
        return False
    except OSError as problem:
        if isinstance(getattr(problem, "reason", None), OSError):
            return False
        raise
