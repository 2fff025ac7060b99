"""Aliases that all threads share are whole before the first of them asks."""

import subprocess
import sys

LOOK = """
import importlib, pkgutil, sys
from sqlalchemy import inspect
from sqlalchemy.orm.util import AliasedClass
import balancecloud
for found in pkgutil.walk_packages(balancecloud.__path__, "balancecloud."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
for name, module in sorted(sys.modules.items()):
    for one, value in vars(module).items() if name.startswith("balancecloud.") else ():
        if isinstance(value, AliasedClass):
            print(name, one, "_columns" in vars(inspect(value).selectable))
"""


def test_every_kept_alias_has_its_columns_from_the_start() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert len(told) >= 3
    assert [line for line in told if not line.endswith("True")] == []
