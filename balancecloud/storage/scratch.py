"""Room that a thread uses again for each large chunk it seals.

Ten megabytes that are asked of the system anew come as pages that the kernel clears first, and a
chunk needs them twice: for its plaintext and for what it is sealed into (docs/performance.md).
"""

import threading


class Scratch(threading.local):
    """Two buffers of each thread, which grow to the largest chunk it met.

    What was handed out is good until the same is asked for again by the same thread.
    """

    def __init__(self) -> None:
        self._plain = bytearray()
        self._sealed = bytearray()

    def plain(self, length: int) -> memoryview:
        """Return room for plaintext; it holds what was there before."""
        if len(self._plain) < length:
            self._plain = bytearray(length)
        return memoryview(self._plain)[:length]

    def sealed(self, length: int) -> memoryview:
        """Return room for a sealed chunk; it holds what was there before."""
        if len(self._sealed) < length:
            self._sealed = bytearray(length)
        return memoryview(self._sealed)[:length]
