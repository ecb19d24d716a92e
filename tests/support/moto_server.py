"""moto as an S3 server in a process of its own; its objects are in memory.

Any key and secret do. By hand: `moto_server -H 127.0.0.1 -p 5555`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.children import child, told
from support.places import Server
from support.sessions import hang_up

SCRIPT = """
import threading
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("at http://{}:{}".format(*server.get_host_and_port()), flush=True)
threading.Event().wait()
"""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """moto until the block ends; its log in the folder."""
    log = folder / "moto.log"
    with child([sys.executable, "-W", "ignore", "-c", SCRIPT], log) as process:
        url = told(process, log, r"at (http://\S+)")
        options = {"endpoint_url": url, "key": "anybody", "secret": "anything"}
        try:
            yield Server(url, "s3", options, (process.pid,))
        finally:
            hang_up(url)
