"""The emulator of Google Cloud Storage, as the process that `gcs_emulator` starts.

`gcp-storage-emulator` knows no conditions: it replaces what is there. Here it answers one as Google
documents it: a write with `ifGenerationMatch=0` is refused with 412 where the object exists
(https://cloud.google.com/storage/docs/request-preconditions). Conditions are not looked at where
the process is started with `--unconditional`. The emulator also loses a carriage return at the end
of an object that comes with its metadata in one request, so such requests are taken apart here.
"""

import json
import sys
from functools import partial
from http import HTTPStatus
from http.server import HTTPServer
from typing import Any

from gcp_storage_emulator import server
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects
from gcp_storage_emulator.storage import Storage

plain_data, plain_insert = server._read_data, objects.insert


def read_data(handler: Any, query: Any) -> Any:
    """What was sent; metadata and content of an upload in parts of one request."""
    kind, _, boundary = handler.headers.get("Content-Type", "").partition("boundary=")
    if not kind.startswith("multipart/related"):
        return plain_data(handler, query)
    edge = b"--" + boundary.strip('"').encode()
    _, meta, content = handler.rfile.read(int(handler.headers["Content-Length"])).split(edge, 2)
    header, _, body = content.partition(b"\n\n")
    return {
        "meta": json.loads(meta.partition(b"\n\n")[2]),
        "content": body.rpartition(b"\n" + edge)[0],
        "content-type": header.decode().partition(":")[2].strip(),
    }


def insert(request: Any, response: Any, storage: Storage, *rest: Any, **options: Any) -> None:
    """Write the object, unless there is one and the request says that there must be none."""
    if request.query.get("ifGenerationMatch") == ["0"]:
        name = request.query.get("name", [None])[0] or request.data["meta"]["name"]
        try:
            storage.get_file_obj(request.params["bucket_name"], name)
        except NotFound:
            pass
        else:
            response.status = HTTPStatus.PRECONDITION_FAILED
            message = "At least one of the pre-conditions you specified did not hold."
            response.json({"error": {"code": 412, "message": message}})
            return
    plain_insert(request, response, storage, *rest, **options)


def main() -> None:
    """Serve, one request after the other, until the process is ended."""
    server._read_data = read_data
    if "--unconditional" not in sys.argv:
        server.HANDLERS = tuple(
            (pattern, {way: insert if do is plain_insert else do for way, do in methods.items()})
            for pattern, methods in server.HANDLERS
        )
    handler = partial(server.RequestHandler, Storage(use_memory_fs=True))
    HTTPServer.request_queue_size = 128  # as publishers come many at once, and else wait a second
    http = HTTPServer(("127.0.0.1", 0), handler)
    print(f"at http://127.0.0.1:{http.server_address[1]}", flush=True)
    http.serve_forever()


if __name__ == "__main__":
    main()
