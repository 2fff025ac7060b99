"""gunicorn: one or two processes of sixteen threads. `--bind` and WEB_CONCURRENCY say the rest."""

import signal
from types import FrameType
from typing import Any

from gunicorn.http.unreader import SocketUnreader

worker_class = "gthread"
threads = 16
worker_connections = 200  # more than threads: slow peers wait without holding one
backlog = 256
preload_app = True  # checked once, before anybody is served; a worker that dies starts at once

# Limits on requests (docs/operations.md). The application limits bodies, which it streams.
limit_request_line = 4094
limit_request_fields = 100
limit_request_field_size = 8190
header_map = "refuse"  # X_Forwarded_For beside X-Forwarded-For is an attack
forwarded_allow_ips = ""  # web.proxies alone decides whom to believe
keepalive = 5

# A process that stops finishes what it is answering; `timeout` is about hanging, not about
# long requests: the main thread reports while others stream.
graceful_timeout = 30
timeout = 60
# Recycled now and then against slow leaks; the jitter keeps processes from going together.
max_requests = 50_000
max_requests_jitter = 10_000

# Bodies are read in steps of 256 KiB (balancecloud/web/bodies.py). What is received beyond a step
# would be kept and copied again, and memory of a megabyte mapped anew for each receive.
SocketUnreader.max_body_chunk = 256 << 10

umask = 0o077
control_socket_disable = True  # nobody steers us through a socket
errorlog = "-"
accesslog = None  # the application writes a line per request, without queries


def post_worker_init(worker: Any) -> None:
    """Have event streams end as soon as the process is asked to, so that nobody waits for them."""
    streams = worker.wsgi.extensions["balancecloud"].streams
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        streams.closing.set()
        before(number, frame)

    signal.signal(signal.SIGTERM, end)
