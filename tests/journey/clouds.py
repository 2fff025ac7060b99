"""What lies at the simulated clouds and in folders, read behind everybody's back."""

import sqlite3
from contextlib import closing
from pathlib import Path


def objects_at_the_clouds(data_dir: Path) -> list[str]:
    """Return the names of every object of ours that any account still keeps, bins included."""
    in_folders = [
        path.name
        for path in (data_dir / "folders").rglob("*")
        if path.is_file() and len(path.name) == 32
    ]
    return in_folders + _simulated(data_dir)


def take_grants_back(data_dir: Path, address: str) -> None:
    """End every grant of a simulated account, as its owner can at the provider."""
    index = data_dir / "simulated" / "cloudsim.sqlite3"
    with closing(sqlite3.connect(index)) as rows, rows:
        rows.execute("PRAGMA foreign_keys = ON")
        accounts = "SELECT id FROM accounts WHERE address = ?"
        rows.execute(f"DELETE FROM grants WHERE account IN ({accounts})", (address,))


def _simulated(data_dir: Path) -> list[str]:
    index = data_dir / "simulated" / "cloudsim.sqlite3"
    with closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as rows:
        return [name for (name,) in rows.execute(OBJECTS)]


OBJECTS = "SELECT name FROM objects WHERE NOT folder AND length(name) = 32"
