"""Azurite, which answers as Azure's blob storage does; its objects are in memory.

It is a package of npm, installed once into a cache folder: that of the user, or the one that
VCSPEC_TEST_TOOLS names. By hand: `npm install azurite`, then `npx azurite-blob`.
"""

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path
from support.children import child, told
from support.places import Server
from support.sessions import hang_up

VERSION = "3.35.0"
ABSENT = "Azurite is not installed"  # CI looks for it
ACCOUNT = "vcspec"
SECRET = base64.b64encode(
    b"anything of sixty-four bytes would be a key that Azure gives out."
).decode()
PATIENCE = 400.0


class Missing(Exception):
    """Azurite is not here and cannot be installed."""


def installed() -> Path:
    """The program, installed where it is not yet.

    Raises:
        Missing: there is no npm, or it cannot install.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        message = "there is no npm"
        raise Missing(message)
    tools = Path(os.environ.get("VCSPEC_TEST_TOOLS") or user_cache_path("vcspec-tests"))
    tools.mkdir(parents=True, exist_ok=True)
    home = tools / f"azurite-{VERSION}"
    with FileLock(tools / "azurite.lock"):
        if not home.exists():
            _install(tools, home)
    return home / "node_modules" / ".bin" / "azurite-blob"


def _install(tools: Path, home: Path) -> None:
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel", "error")
    with tempfile.TemporaryDirectory(dir=tools) as made:
        folder = Path(made) / "azurite"
        folder.mkdir()
        command = ["npm", "install", *quiet, "--prefix", str(folder), f"azurite@{VERSION}"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE, cwd=folder
        )
        if done.returncode != 0:
            message = f"npm cannot install it: {done.stderr[-500:]}"
            raise Missing(message)
        folder.rename(home)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Azurite until the block ends; its log in the folder.

    Raises:
        Missing: it is not here and cannot be installed.
    """
    log = folder / "azurite.log"
    command = [
        *("node", installed(), "--silent", "--blobHost", "127.0.0.1", "--blobPort", "0"),
        *("--blobKeepAliveTimeout", "60", "--inMemoryPersistence", "--disableTelemetry"),
        "--skipApiVersionCheck",  # azure's client is newer than any Azurite
    ]
    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{SECRET}"}
    with child(command, log, accounts) as process:
        url = told(process, log, r"successfully listens on (http://\S+)")
        try:
            yield Server(url, "az", {"connection_string": connection(url)}, (process.pid,))
        finally:
            hang_up(url)


def connection(url: str, secret: str = SECRET) -> str:
    """The connection string of a server at that address."""
    parts = {
        "DefaultEndpointsProtocol": "http",
        "AccountName": ACCOUNT,
        "AccountKey": secret,
        "BlobEndpoint": f"{url}/{ACCOUNT}",
    }
    return ";".join(f"{name}={value}" for name, value in parts.items())
