"""What lies at the simulated clouds and in folders, read behind everybody's back."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import requests


def objects_at_the_clouds(data_dir: Path) -> list[str]:
    """Return the names of every object of ours that any account still keeps, bins included."""
    in_folders = [
        path.name
        for path in (data_dir / "folders").rglob("*")
        if path.is_file() and len(path.name) == 32
    ]
    return in_folders + _simulated(data_dir)


def set_weather(simulator: str, account: str, preset: str) -> None:
    """Press a button of the simulator's page of weather for "google/anna@example.com"."""
    page = f"{simulator}/weather"
    token = re.search(r'name="token" value="([^"]+)"', requests.get(page, timeout=20).text)
    assert token is not None
    form = {"token": token[1], "account": account, "preset": preset}
    answer = requests.post(page, data=form, headers={"Origin": simulator}, timeout=20)
    assert answer.status_code == 200, answer.text


def _simulated(data_dir: Path) -> list[str]:
    index = data_dir / "simulated" / "cloudsim.sqlite3"
    with closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as rows:
        return [name for (name,) in rows.execute(OBJECTS)]


OBJECTS = "SELECT name FROM objects WHERE NOT folder AND length(name) = 32"
