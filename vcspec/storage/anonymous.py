"""Arguments under which a driver reads what anybody may read, and shows nobody who asks.

The credentials of a user are for the places that the user names. What a registry names is read with
these: they win over what the environment and the configuration of fsspec hold.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

from vcspec.model.errors import Unreadable

SECRETS = ("accountkey=", "sharedaccesssignature=")
OF_ACCOUNT = re.compile(r"://[^/@]*@([^/.@]+)\.(?:dfs|blob)\.core\.windows\.net(?:/|$)")
TELLING = ("auth", "cookies", "params")  # of aiohttp's requests


def anonymous_options(target: str, configured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Arguments of the driver that a URL is read with.

    Args:
        target: the URL.
        configured: scheme → arguments, as fsspec is configured.

    Raises:
        Unreadable: it cannot be told which account of Azure is meant.
    """
    scheme = target.partition("://")[0].lower()
    if scheme == "s3":
        return {"anon": True, "key": None, "secret": None, "token": None}
    if scheme == "gs":
        return {"token": "anon"}
    if scheme in ("az", "abfs"):
        return {"connection_string": _endpoint(target, configured)}
    if scheme in ("http", "https"):
        own = {**configured.get("http", {}), **configured.get("https", {})}
        return {
            "headers": {},
            "client_kwargs": {},
            **{name: None for name in TELLING if name in own},
        }
    return {}


def _endpoint(target: str, configured: Mapping[str, Mapping[str, Any]]) -> str:
    """The address of an account as a connection string, which the driver prefers to all else."""
    match = OF_ACCOUNT.search(target)
    own = {**configured.get("abfs", {}), **configured.get("az", {})}
    known = own.get("connection_string") or os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    if known and match is None:
        parts = [part for part in known.split(";") if not part.lower().startswith(SECRETS)]
        return ";".join(parts)
    account = own.get("account_name") or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    account = account if match is None else match[1]
    if not account:
        message = f"{target[:200]} names no account; set AZURE_STORAGE_ACCOUNT_NAME"
        raise Unreadable(message)
    return f"BlobEndpoint=https://{own.get('account_host') or f'{account}.blob.core.windows.net'}"
