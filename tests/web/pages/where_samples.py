"""Where files lie, and jobs of many files, as real pages would show them."""

import uuid

from balancecloud.library.chunk_lines import ChunkLine, ShardLine
from balancecloud.library.views import (
    AccountView,
    ChunkMap,
    JobFile,
    JobFolder,
    Lane,
    LaneCell,
    Stages,
)
from balancecloud.library.whereabouts import PANEL_COLUMNS, Whereabouts
from tests.web.pages.account_samples import ACCOUNTS, GIB, NOW

MIB = 1 << 20


def placed(accounts: tuple[AccountView, ...], chunks: int, missing: int = -1) -> Whereabouts:
    """Return where a file is whose shards rotate over the accounts."""
    m = 1 if len(accounts) > 1 else 0
    width = min(len(accounts), 3)
    step = -(-chunks // PANEL_COLUMNS)
    columns = -(-chunks // step)
    lanes = tuple(
        Lane(
            account,
            tuple(
                LaneCell(column, "failed" if (column, number) == (missing, 0) else "stored")
                for column in range(columns)
                if (column + number) % len(accounts) < width
            ),
        )
        for number, account in enumerate(accounts)
    )
    file = JobFile(None, uuid.UUID(int=5000), "x", chunks * MIB, "stored", Stages(), error=None)
    return Whereabouts(
        protection=m,
        survives=m,
        unreadable=0,
        size=chunks * MIB,
        state="stored",
        chunk_map=ChunkMap(file, chunks, step, columns, width - m, m, lanes),
        checked_at=None,
        placed=chunks,
    )


LINES = tuple(
    ChunkLine(
        index,
        16 * MIB,
        2,
        1,
        3 if index == 2 else 0,
        tuple(
            ShardLine(
                account.label,
                account.color,
                True,
                "damaged" if (index, number) == (1, 2) else "verified" if index else "stored",
                2 if (index, number) == (1, 2) else 1,
                NOW,
                NOW if index else None,
            )
            for number, account in enumerate(ACCOUNTS[:3])
        ),
    )
    for index in range(3)
)
MANY: dict[str, object] = {
    "files_hidden": 312,
    "folders": (
        JobFolder(
            uuid.UUID(int=80),
            "/Photos/Travel",
            120,
            81,
            2,
            Stages(3 * GIB, 3 * GIB, 2 * GIB, 2 * GIB),
        ),
        JobFolder(
            uuid.UUID(int=81), "/Photos/Ferry", 200, 40, 0, Stages(2 * GIB, 2 * GIB, GIB, GIB)
        ),
        JobFolder(None, "/", 190, 190, 0, Stages(GIB, GIB, GIB, GIB)),
        JobFolder(None, None, 2, 2, 0, Stages(MIB, MIB, MIB, MIB)),
    ),
}
