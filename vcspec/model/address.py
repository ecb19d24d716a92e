"""Addresses as they may be told: without user, password, query and fragment."""

import re
from urllib.parse import urlsplit

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


def without_secrets(text: str) -> str:
    """The text, with each address in it as it may be told.

    >>> without_secrets("is https://me:hunter2@host/a?sig=x there?")
    'is https://host/a there?'
    """
    return _QUERY.sub(r"\1", _USER.sub("", text)) if "://" in text else text
