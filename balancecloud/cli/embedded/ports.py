"""Ports on this computer alone."""

import socket

from balancecloud.cli.embedded.processes import CannotStart

LOOPBACK = "127.0.0.1"


def refuse_busy(port: int) -> None:
    """Raise CannotStart when somebody else listens on the port, or when we may not."""
    try:
        _bind(port).close()
    except PermissionError as problem:
        raise CannotStart(
            f"Port {port} may not be used by an ordinary user. Try: make run PORT=8080"
        ) from problem
    except OSError as problem:
        raise CannotStart(
            f"Port {port} is in use by another program. Try: make run PORT={_other(port)}"
        ) from problem


def free_port() -> int:
    """Return a port that is free just now."""
    with _bind(0) as listening:
        return int(listening.getsockname()[1])


def _other(port: int) -> int:
    return port + 1 if port < 65535 else port - 1


def _bind(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As gunicorn does: connections that are just closing do not count as a listener.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((LOOPBACK, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made
