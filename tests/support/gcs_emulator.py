"""An emulator of Google Cloud Storage in a process of its own; its objects are in memory."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.children import child, told
from support.places import Server

# gcsfs asks a new bucket of what kind it is in a protocol of its own, that no emulator speaks.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
PROCESS = Path(__file__).with_name("gcs_process.py")


@contextmanager
def serving(folder: Path, *, conditions: bool = True) -> Iterator[Server]:
    """The emulator until the block ends; its log in the folder."""
    log = folder / "gcs.log"
    how = [] if conditions else ["--unconditional"]
    with child([sys.executable, "-W", "ignore", PROCESS, *how], log) as process:
        url = told(process, log, r"at (http://\S+)")
        options = {"endpoint_url": url, "token": "anon", "project": "vcspec"}
        yield Server(url, "gs", options, (process.pid,))
