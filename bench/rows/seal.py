"""What the format costs on one core: our own functions, nothing around them."""

import hashlib
import os
import time
import uuid
from collections.abc import Callable

from balancecloud.crypto import chunks, packs, shards
from balancecloud.crypto.frames import SECRET_LENGTH, FrameCipher, body_length
from balancecloud.crypto.keys import UserKey, new_secret
from balancecloud.crypto.places import Place
from balancecloud.crypto.shards import Layout
from balancecloud.storage import erasure
from bench.figures import Figure, Goal
from bench.run import Run

ROW = "seal"
CHUNK = 10 << 20
FRAME_LOG2 = 16
K, M = 3, 1
GOALS = {"seal": (Goal("itself", 1.4),), "code": (Goal("itself", 0.7),)}


def measure(run: Run) -> list[Figure]:
    times = run.size(60, 4)
    user, file = uuid.uuid4().bytes, uuid.uuid4().bytes
    user_key, file_key = UserKey(user, 1, new_secret()), new_secret()
    place = Place(user, file, 1, 0, 2 * CHUNK, CHUNK, FRAME_LOG2, pad=False)
    plain = os.urandom(CHUNK)

    def seal() -> bytearray:
        return chunks.seal(place, file_key, user_key, plain)

    def seal_and_code() -> None:
        body = seal()
        digest = packs.digest([packs.header_of(body)])
        layout = Layout(uuid.uuid4().bytes, len(body), K, M, digest)
        for index, piece in enumerate(erasure.encode(body, K, M)):
            shards.seal_shard(user_key, layout, index, piece)

    hashed = speed(times, lambda: hashlib.sha256(plain).digest())
    enciphered = frames_speed(times, plain)
    of_seal, of_code = speed(times, seal), speed(times, seal_and_code)
    # Every plain byte is hashed once for its salt; coded, n ÷ k bytes are hashed for the index.
    both, hashes = 1 / (1 / hashed + 1 / enciphered), hashed / (1 + (K + M) / K)
    return [
        Figure(ROW, "SHA-256 alone", "GB/s a core", hashed),
        Figure(ROW, "AES-256-GCM of its frames alone", "GB/s a core", enciphered),
        Figure(ROW, "seal a chunk", "GB/s a core", of_seal, both, goals=GOALS["seal"],
               note="the limit is one pass of the cipher and one of the hash that pins its salt"),
        Figure(ROW, f"seal, code {K} + {M} and seal the shards", "GB/s a core", of_code, hashes,
               goals=GOALS["code"], note="the limit is what the hashes alone allow"),
    ]  # fmt: skip


def frames_speed(times: int, plain: bytes) -> float:
    """Return the speed of the cipher into a buffer that is used again."""
    cipher = FrameCipher(os.urandom(SECRET_LENGTH), b"bench", FRAME_LOG2)
    target = memoryview(bytearray(body_length(len(plain), FRAME_LOG2)))
    return speed(times, lambda: cipher.seal_into(target, 0, plain, ends=True))


def speed(times: int, act: Callable[[], object]) -> float:
    """Return GB of plain bytes in a second of this process's own processor time."""
    act()
    began = time.process_time()
    for _ in range(times):
        act()
    return times * CHUNK / 1e9 / (time.process_time() - began)
