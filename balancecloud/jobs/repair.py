"""Mending one pack: its lost shards again, or all of it anew."""

from balancecloud.jobs.bench import Bench, Stop
from balancecloud.storage.mending import mend
from balancecloud.storage.work import Claim


def repair(bench: Bench, claim: Claim, stop: Stop) -> None:
    mend(bench.tools, claim, stop)
