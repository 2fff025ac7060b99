"""Which migration these models match. A test compares it with `migrations/`."""

from typing import Final

HEAD: Final = "0015"
