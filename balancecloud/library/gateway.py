"""The gateway of one process: the tools of storage, and what linking accounts needs besides."""

from dataclasses import dataclass

from balancecloud.clouds.registry import Installation
from balancecloud.storage.tools import Tools


@dataclass(frozen=True, slots=True)
class Gateway(Tools):
    """Everything that views and jobs hand down; built once by app.py."""

    installation: Installation
