"""The clerk of one claim: writes down in batches what accounts confirmed, from one thread."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from balancecloud.errors import LeaseLost
from balancecloud.models.states import WorkKind
from balancecloud.storage import marks, strays
from balancecloud.storage.figures import StoreProgress
from balancecloud.storage.marks import Marked, Sent
from balancecloud.storage.strays import Stray
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim

# What is confirmed within so short a time is written down together.
TOGETHER_SECONDS: Final = 0.25

Report = Callable[[Sequence[StoreProgress]], None]


class Clerk:
    """Takes confirmations from any thread; `written` is told of each batch once it is committed."""

    def __init__(
        self,
        tools: Tools,
        claim: Claim,
        report: Report,
        failed: Callable[[BaseException], None],
        written: Callable[[Sequence[Sent]], None],
    ) -> None:
        self._tools = tools
        self._claim = claim
        self._report = report
        self._failed = failed
        self._written = written
        self._sent: list[Sent] = []
        self._hurry = False
        self._is_closing = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def confirmed(self, sent: Sent, *, hurry: bool) -> None:
        """Take a confirmation to be written soon; at once where somebody waits for it."""
        with self._news:
            self._sent.append(sent)
            self._hurry = self._hurry or hurry
            self._news.notify_all()

    def close(self) -> None:
        """Return once all is written, or could not be."""
        with self._news:
            self._is_closing = True
            self._news.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._write(batch)
            except BaseException as error:  # noqa: BLE001 - raised by whoever waits for the pipeline
                self._failed(error)
            self._written(batch)

    def _next(self) -> list[Sent]:
        """Wait for a batch; an empty one means that nothing will come any more."""
        with self._news:
            while not self._sent and not self._is_closing:
                self._news.wait()
            if not self._hurry and not self._is_closing:
                self._news.wait_for(lambda: self._hurry or self._is_closing, TOGETHER_SECONDS)
            batch, self._sent, self._hurry = self._sent, [], False
            return batch

    def _write(self, batch: Sequence[Sent]) -> None:
        try:
            with self._tools.sessions.begin() as session:
                marked = marks.mark_stored(session, self._claim, batch)
        except LeaseLost:
            self._take_back(batch)
            raise
        self._settle(marked)

    def _settle(self, marked: Marked) -> None:
        self._take_back(marked.unwanted)
        if marked.told:
            self._report(marked.told)
        if marked.unwanted and self._claim.kind is WorkKind.STORE:
            # What took the pack away took the claim away too.
            raise LeaseLost

    def _take_back(self, sent: Sequence[Sent]) -> None:
        """Remove objects whose files were deleted on their way: no row will ever name them."""
        found = [
            Stray(one.pack_id, one.index, one.account_id, one.name, one.object_id) for one in sent
        ]
        strays.take_back(self._tools, self._claim.user_id, found)
