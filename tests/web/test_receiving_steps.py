"""What gunicorn takes from a connection at once, as its settings say."""

from gunicorn.http.unreader import SocketUnreader

from balancecloud.app import ROOT
from balancecloud.web.bodies import STEP


class Connection:
    """Notes how much is asked for at once."""

    asked = 0

    def recv(self, most: int) -> bytes:
        self.asked = most
        return b"x"


def test_gunicorn_receives_a_step_of_a_body_at_once() -> None:
    exec((ROOT / "gunicorn.conf.py").read_text(), {})
    connection = Connection()

    SocketUnreader(connection).chunk(100 * STEP)

    assert connection.asked == STEP
