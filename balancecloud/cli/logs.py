"""How our processes log: to stderr, one line each, for whoever runs them to keep."""

import logging
from typing import Final

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Below WARNING these write addresses, and some addresses are secrets.
_TALKATIVE: Final = ("urllib3", "requests", "authlib", "rq.worker")


def begin(level: str) -> None:
    """Log from this level on."""
    logging.basicConfig(level=level, format=_FORMAT)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
