"""Forming packs of small files."""

from collections.abc import Sequence

from balancecloud.jobs.bench import Bench, Stop
from balancecloud.storage.figures import StoreProgress
from balancecloud.storage.packer import form_packs
from balancecloud.storage.work import Claim


def form(bench: Bench, claim: Claim, stop: Stop) -> None:
    form_packs(bench.tools, claim, _committed_already, stop)


def _committed_already(_now: Sequence[StoreProgress]) -> None:
    """Each pack's files are counted in their jobs' own rows, where pages read them."""
