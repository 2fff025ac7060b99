"""Bodies that are cut, changed, stretched or slow, as bytes on the wire."""

import socket
import time
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from cloudsim.weather.effects import Effect, Endless, Flip, Lengthen, Shorten, Trickle, Truncate
from cloudsim.weather.rules import Rule
from cloudsim.weather.sky import Weather
from cloudsim.wire.delivery import Bucket
from tests.cloudsim.client import Drive, OneDrive

pytestmark = pytest.mark.sim
CONTENT = bytes(range(256)) * 4


@pytest.fixture
def file_id(drive: Drive) -> str:
    return str(drive.upload({"name": "a"}, CONTENT).json["id"])


def raw(drive: Drive, path: str) -> tuple[bytes, bytes]:
    """All bytes of an answer until the server closes: head and body."""
    where = urlsplit(drive.browser.base)
    with socket.create_connection((where.hostname, where.port or 80), timeout=10) as sock:
        sock.sendall(
            f"GET /google/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Authorization: Bearer {drive.token}\r\n\r\n".encode()
        )
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def hit(weather: Weather, effect: Effect) -> None:
    weather.add_rule(Rule("r", effect, route="files.get.media"))


@pytest.mark.parametrize(("at", "left"), [(None, 512), (10, 10), (-1, 1023), (5000, 1024)])
def test_a_body_is_cut_under_a_right_length(
    weather: Weather, drive: Drive, file_id: str, at: int | None, left: int
) -> None:
    hit(weather, Truncate(at))
    head, body = raw(drive, f"drive/v3/files/{file_id}?alt=media")
    assert b"Content-Length: 1024" in head
    assert body == CONTENT[:left]


def test_a_client_that_counts_notices_the_cut(weather: Weather, drive: Drive, file_id: str) -> None:
    hit(weather, Truncate())
    with pytest.raises(urllib3.exceptions.ProtocolError):
        drive.send("GET", f"drive/v3/files/{file_id}?alt=media")


def test_json_is_cut_too(weather: Weather, drive: Drive) -> None:
    weather.add_rule(Rule("r", Truncate(5), route="files.list"))
    assert raw(drive, "drive/v3/files")[1] == b'{"kin'


def test_a_short_body_has_a_short_length(weather: Weather, drive: Drive, file_id: str) -> None:
    hit(weather, Shorten(100))
    answer = drive.send("GET", f"drive/v3/files/{file_id}?alt=media")
    assert (answer.headers["Content-Length"], answer.data) == ("100", CONTENT[:100])


def test_a_longer_body_is_counted_or_not(weather: Weather, drive: Drive, file_id: str) -> None:
    path = f"drive/v3/files/{file_id}?alt=media"
    hit(weather, Lengthen(3))
    head, body = raw(drive, path)
    assert b"Content-Length: 1027" in head
    assert body == CONTENT + b"   "
    weather.clear()
    hit(weather, Lengthen(70_000, told=False))
    head, body = raw(drive, path)
    assert b"Content-Length: 1024" in head
    assert len(body) == 1024 + 70_000


def test_a_bit_is_turned_on_the_way_alone(weather: Weather, drive: Drive, file_id: str) -> None:
    path = f"drive/v3/files/{file_id}?alt=media"
    hit(weather, Flip(300))
    damaged = drive.send("GET", path).data
    assert damaged[300] == CONTENT[300] ^ 1
    assert damaged[:300] + damaged[301:] == CONTENT[:300] + CONTENT[301:]
    assert drive.send("GET", path).data == CONTENT


def test_a_range_is_altered_as_the_whole_is(weather: Weather, onedrive: OneDrive) -> None:
    address = onedrive.put("a.bin", CONTENT).json["@microsoft.graph.downloadUrl"]
    weather.add_rule(Rule("r", Flip(-1), route="content.download"))
    answer = onedrive.browser.send("GET", address, headers={"Range": "bytes=10-19"})
    assert answer.status == 206
    assert answer.data == CONTENT[10:19] + bytes([CONTENT[19] ^ 1])


def test_an_endless_body_goes_on_until_its_reader_leaves(
    weather: Weather, drive: Drive, file_id: str
) -> None:
    hit(weather, Endless())
    where = urlsplit(drive.browser.base)
    with socket.create_connection((where.hostname, where.port or 80), timeout=10) as sock:
        sock.sendall(
            f"GET /google/drive/v3/files/{file_id}?alt=media HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {drive.token}\r\n\r\n".encode()
        )
        head = sock.recv(65536)
        taken = sum(len(sock.recv(65536)) for _ in range(100))
    assert b"Content-Length" not in head
    assert taken > 100 * 1024
    gauge = weather.state("google", "anna@example.com").gauge
    ends = time.monotonic() + 5
    while gauge.in_flight and time.monotonic() < ends:
        time.sleep(0.01)
    assert gauge.in_flight == 0


def test_an_answer_trickles(weather: Weather, drive: Drive, file_id: str) -> None:
    waited: list[float] = []
    weather.pause = waited.append
    hit(weather, Trickle(2.5))
    answer = drive.send(
        "GET",
        f"drive/v3/files/{file_id}?alt=media",
    )
    assert answer.data == CONTENT
    assert waited == [2.5] * len(CONTENT)


def test_the_head_can_trickle_too(weather: Weather, drive: Drive) -> None:
    waited: list[float] = []
    weather.pause = waited.append
    weather.add_rule(Rule("r", Trickle(0.5, head=True), route="files.list"))
    head, body = raw(drive, "drive/v3/files")
    assert len(waited) == len(head) + 4 + len(body)


def test_a_connection_lives_on_after_a_fault_that_allows_it(
    weather: Weather, drive: Drive, file_id: str
) -> None:
    hit(weather, Flip(0))
    pool = urllib3.PoolManager(maxsize=1)
    drive.browser.pool = pool
    for _ in range(3):
        drive.send("GET", f"drive/v3/files/{file_id}?alt=media")
    hosts = pool.connection_from_url(drive.browser.base)
    assert hosts.num_connections == 1


class Watch:
    """A clock that waiting moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def now(self) -> float:
        return self.now_s

    def pause(self, seconds: float) -> None:
        self.now_s += seconds


def test_a_bucket_lets_through_so_many_bytes_a_second() -> None:
    watch = Watch()
    bucket = Bucket(watch.now, watch.pause)
    bucket.bytes_s = 1000
    for _ in range(100):
        bucket.take(bucket.slice_bytes)
    assert watch.now_s - 1000 == pytest.approx(5, abs=0.06)


def test_two_that_share_a_bucket_wait_for_each_other() -> None:
    waits: list[float] = []
    bucket = Bucket(lambda: 50.0, waits.append)
    bucket.bytes_s = 100
    for _ in range(4):
        bucket.take(10)
    assert all(later - sooner == pytest.approx(0.1) for sooner, later in pairwise(waits))


def test_a_bucket_without_a_rate_never_waits() -> None:
    waits: list[float] = []
    Bucket(lambda: 0.0, waits.append).take(1 << 40)
    assert waits == []


def test_slices_are_small_where_the_link_is_slow() -> None:
    bucket: Any = Bucket(lambda: 0.0, lambda _: None)
    sizes = []
    for rate in (1, 1000, 1e9, None):
        bucket.bytes_s = rate
        sizes.append(bucket.slice_bytes)
    assert sizes == [1, 50, 262_144, 262_144]
