"""Sends one file by tuspy, as a process of its own: an independent client of /api/uploads.

Arguments: a JSON object with base, headers, path, name, chunk, url, stop_after and checksum. Prints
where the upload is, and how far tuspy found it.
"""

import json
import sys
from typing import Any

from tusclient.client import TusClient


def send(told: dict[str, Any]) -> dict[str, Any]:
    client = TusClient(f"{told['base']}/api/uploads", headers=told["headers"])
    uploader: Any = client.uploader(
        told["path"],
        chunk_size=told["chunk"],
        metadata={"filename": told["name"]},
        url=told["url"],
        upload_checksum=told["checksum"],
    )
    found = uploader.offset
    if told["stop_after"] is None:
        uploader.upload()
    else:
        for _ in range(told["stop_after"]):
            uploader.upload_chunk()
    return {"url": uploader.url, "found": found}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(send(json.loads(sys.argv[1]))))
