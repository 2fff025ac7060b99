"""An account's way to its provider that is closed while the account's pause lasts.

One call of a provider can be several requests. The gate lets calls through; this holds back what
they still have to send when another thread was told to wait meanwhile.
"""

from balancecloud.clouds.http import Answer, HttpClient, Request
from balancecloud.clouds.pause import Pause


class PacedHttp(HttpClient):
    """The client that all accounts share, as one of them sees it."""

    def __init__(self, shared: HttpClient, pause: Pause) -> None:
        # Not the parent's: connections, deadlines and rules are those of the shared client.
        self._shared = shared
        self._pause = pause

    def send(self, request: Request) -> Answer:
        """Send once the pause is over; raise at once what remains of a long one."""
        self._pause.wait_out()
        return self._shared.send(request)

    def close(self) -> None:
        """Leave the shared client open: other accounts use it."""
