"""Addresses: which lies below which, and as they may be told, without user, password, query."""

import re
from urllib.parse import unquote, urlsplit

_USER = re.compile(r"(?<=://)[^/\s@]+@")
_QUERY = re.compile(r"(?<=://)([^\s'\"<>?#]+)[?#][^\s'\"<>]*")


def shown(url: str) -> str:
    """The address without user, password, query and fragment, fit for a message.

    >>> shown("https://me:hunter2@host/a/b?sig=x")
    'https://host/a/b'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme and parts.netloc else url


def without_user(url: str) -> str:
    """A web address without user and password; another as it is, where what parts an `@` is named.

    >>> without_user("https://me:hunter2@host/a")
    'https://host/a'
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def climbs(name: str) -> bool:
    """Whether a name leads out of the folder that it is relative to, however it is written."""
    return bool({".", ".."} & set(unquote(name).replace("\\", "/").split("/")))


def is_below(url: str, base: str) -> bool:
    """Whether an address is the other, or of what lies below it.

    >>> is_below("s3://bucket/place", "s3://bucket"), is_below("s3://bucket-2", "s3://bucket")
    (True, False)
    """
    one, other = (without_user(address).rstrip("/") for address in (url, base))
    if other.endswith(":"):  # of a scheme alone, everything would be below it
        return False
    return one == other or (one.startswith(f"{other}/") and not climbs(one[len(other) + 1 :]))


def without_secrets(text: str) -> str:
    """The text, with each address in it as it may be told.

    >>> without_secrets("is https://me:hunter2@host/a?sig=x there?")
    'is https://host/a there?'
    """
    return _QUERY.sub(r"\1", _USER.sub("", text)) if "://" in text else text
