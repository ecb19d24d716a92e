"""Addresses: which lies below which, and as they may be told, without user, password, query."""

import re
from urllib.parse import unquote

# An `@` behind the first `/` belongs to the path, unless a colon stands before it that begins no
# port: secret keys of S3 hold `/`.
_WEB_USER = re.compile(
    r"(?:(?<=http://)|(?<=https://))(?:[^/\s]*@|[^/\s:]*:(?!\d+/)\S*@)", re.IGNORECASE
)
_USER = re.compile(r"(?<=://)(?<!http://)(?<!https://)(?:[^/\s]*@|[^/\s:]*:\S*@)", re.IGNORECASE)
# Of addresses that are signed, of S3, Google, Azure and CloudFront, or that carry a token.
_SIGNED = re.compile(
    r"://[^\s]*[?&#](X-Amz-[\w-]+|X-Goog-[\w-]+|sig|se|Signature|AWSAccessKeyId|(?:access_)?token)=",
    re.IGNORECASE,
)
_QUERY = re.compile(r"(?<=://)([^\s'\"<>?#]+)[?#][^\s'\"<>]*")


def shown(url: str) -> str:
    """The address without user, password, query and fragment, fit for a message.

    >>> shown("https://me:hunter2@host/a/b?sig=x"), shown("s3://key:sec/ret@bucket/a")
    ('https://host/a/b', 's3://bucket/a')
    """
    scheme, parted, _ = url.partition("://")
    if not parted or not scheme:
        return url
    return re.split(r"[?#]", _without_users(url), maxsplit=1)[0]


def has_user(url: str) -> bool:
    """Whether an address names a user, alone or with a password."""
    return _without_users(url) != url


def _without_users(text: str) -> str:
    return _USER.sub("", _WEB_USER.sub("", text))


def without_user(url: str) -> str:
    """A web address without user and password; another as it is, where what parts an `@` is named.

    >>> without_user("https://me:hunter2@host/a")
    'https://host/a'
    """
    return _WEB_USER.sub("", url)


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
    return _QUERY.sub(r"\1", _without_users(text)) if "://" in text else text


def secret_in(text: str) -> str:
    """What of the addresses in a text is a secret: in words, fit for a message; empty where none.

    >>> secret_in("at https://host/a?X-Amz-Signature=hunter2")
    'the query X-Amz-Signature of an address'
    >>> secret_in("at https://host/geo?acc=GSE1&format=file")
    ''
    """
    bare = text.replace("abfs://", "")  # what stands before its `@` is no user
    if has_user(bare):
        return "user and password of an address"
    found = _SIGNED.search(text)
    return f"the query {found[1]} of an address" if found else ""
