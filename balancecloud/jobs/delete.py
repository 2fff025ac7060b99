"""Removing the shards that a clean-up job was given."""

from balancecloud.jobs.bench import Bench, Stop
from balancecloud.storage.cleaner import delete_job
from balancecloud.storage.work import Claim


def delete(bench: Bench, claim: Claim, stop: Stop) -> None:
    delete_job(bench.tools, claim, _committed_already, stop)


def _committed_already(_done: int, _total: int) -> None:
    """Each batch is counted in the job's own row, where pages read it."""
