"""What opendal does in a process of its own, as its proxy and authorities come from outside.

The one argument is JSON: the service, its options, and whether only a look is wanted.
"""

import hashlib
import json
import sys
from typing import Any

import opendal

CONTENT = bytes(range(256)) * 12_000  # 3 MB
ODD = "it's ünï #1 100% & more + (x).bin"


def main() -> None:
    wish = json.loads(sys.argv[1])
    operator = opendal.Operator(wish["service"], root="/of opendal/", **wish["options"])
    if wish["only_look"]:
        operator.exists("x")
        return
    json.dump(everything(operator), sys.stdout)


def everything(operator: Any) -> dict[str, Any]:
    """Write, look, read, list and delete; tells what it saw."""
    saw: dict[str, Any] = {"absent": operator.exists("folder/a.bin")}
    operator.write("folder/a.bin", CONTENT)
    operator.write(f"folder/{ODD}", b"odd")
    operator.write("empty", b"")
    saw["size"] = operator.stat("folder/a.bin").content_length
    saw["empty"] = operator.stat("empty").content_length
    saw["read"] = hashlib.sha256(operator.read("folder/a.bin")).hexdigest()
    saw["odd"] = operator.read(f"folder/{ODD}").decode()
    with operator.open("folder/a.bin", "rb") as file:
        file.seek(1_000_001)
        saw["range"] = list(file.read(5))
    saw["listed"] = sorted(entry.path for entry in operator.list("folder/"))
    operator.write("folder/a.bin", b"shorter")
    saw["overwritten"] = operator.read("folder/a.bin").decode()
    operator.create_dir("made/below/")
    saw["made"] = operator.stat("made/below/").mode.is_dir()
    operator.rename("folder/a.bin", "made/b.bin")
    saw["renamed"] = [operator.exists("folder/a.bin"), operator.exists("made/b.bin")]
    operator.delete("made/b.bin")
    operator.delete("made/b.bin")  # an absent one is fine
    saw["deleted"] = operator.exists("made/b.bin")
    operator.remove_all("folder/")
    saw["left"] = sorted(entry.path for entry in operator.list("/", recursive=True))
    return saw


if __name__ == "__main__":
    main()
