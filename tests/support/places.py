"""Servers to publish to, and fresh buckets on them, each with the settings of its driver.

What a create-only write of a name that is taken comes to, tried with s3fs and adlfs 2026 (`written`
is `pipe_file(…, mode="create")` and `put_file(…, mode="create")`; `in parts` the same of more than
one part, which ends in CompleteMultipartUpload or a block list; `opened` is `open(…, "xb")`):

    server                  written                in parts              opened
    moto 5.2 (s3fs)         FileExistsError        FileExistsError       FileExistsError
                            412, errno None
    Ceph gateway 16.2       OSError                none: overwritten!    OSError
      (s3fs)                412, errno EINVAL                            412, errno EINVAL
    Azurite 3.35 (adlfs)    FileExistsError        FileExistsError       FileExistsError or
                            409, errno None                              RuntimeError of a 400
    gcs_process (gcsfs)     FileExistsError        FileExistsError       FileExistsError
                            errno None

- s3fs's error has the ClientError as its cause: `error.__cause__.response["Error"]["Code"]` is
  `PreconditionFailed` on both, `["ResponseMetadata"]["HTTPStatusCode"]` is 412. FileExistsError is
  raised only where the answer names the condition, as moto and AWS do.
- adlfs raises in the course of azure's ResourceExistsError (`error.__context__`, `status_code` 409,
  `error_code` BlobAlreadyExists); it has no cause.
- What is not there is created by all. A write without `mode` overwrites on all.
- An answer that got lost (`drop` of the fault proxy) is asked for again by the driver, and the
  winner is told that the name is taken: by itself. Only reading back tells.
- A conflict of writes under way, for which AWS has 409 ConditionalRequestConflict and of which a
  proxy's `Rule("status", status=409)` makes one, is OSError, EIO, and not asked for again.
- moto looks whether the name is taken and then writes it, with no lock between: of writers at once
  several may win. What is tried with writers at once is tried on the two others.
- A store that knows no condition answers 501 (s3fs: OSError, ENOSYS), or overwrites.
- The stub of `support.s3` and plain web servers take no writes.

Besides:

- moto takes any secret, Ceph's gateway and Azurite do not (403: PermissionError of s3fs,
  HttpResponseError of adlfs, which is no OSError).
- Where no bucket is, s3fs raises FileNotFoundError; adlfs raises ResourceNotFoundError, which is no
  OSError, to a write, and lists nothing without an error.
- A bit flipped on its way up: Ceph answers 400 and s3fs sends it again; moto keeps it, and reading
  the whole object raises FlexibleChecksumError, which is no OSError. On its way down: of a whole
  object of moto the same, of a range or of Ceph's nothing is noticed.
- One 404 in the course of a fetch is FileNotFoundError, as if nothing were there.
- adlfs waits 15 s and more before it asks again, and has no setting for that.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import fsspec


@dataclass(frozen=True)
class Place:
    """A bucket or container, and how it is reached.

    Attributes:
        url: address of the server, or of a proxy before it.
        root: as `s3://bucket` or `az://container`.
        options: arguments of the driver.
    """

    url: str
    root: str
    options: Mapping[str, Any]

    @property
    def scheme(self) -> str:
        """Of the root."""
        return self.root.partition("://")[0]

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which fsspec reaches it in another process."""
        return {f"FSSPEC_{self.scheme.upper()}": json.dumps(dict(self.options))}

    def behind(self, url: str) -> "Place":
        """The same, asked for at another address: that of a proxy before the server."""
        options = {name: value.replace(self.url, url) for name, value in self.options.items()}
        return replace(self, url=url, options=options)

    def changed(self, **options: Any) -> "Place":
        """The same, reached with other settings; None drops one."""
        kept = {name: value for name, value in {**self.options, **options}.items() if value}
        return replace(self, options=kept)

    def driver(self, **options: Any) -> Any:
        """The file system, with these arguments before its own."""
        uncached = {"use_listings_cache": False}
        return fsspec.filesystem(self.scheme, **{**uncached, **self.options, **options})

    @contextmanager
    def in_force(self) -> Iterator["Place"]:
        """URLs below the root lead here, by fsspec's configuration, until the block ends."""
        before = dict(fsspec.config.conf)
        fsspec.config.conf[self.scheme] = dict(self.options)
        try:
            yield self
        finally:
            fsspec.config.conf.clear()
            fsspec.config.conf.update(before)


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        url: its address.
        scheme: of the URLs that its driver takes.
        options: arguments of the driver; all are text.
        processes: numbers of its processes.
    """

    url: str
    scheme: str
    options: Mapping[str, str]
    processes: tuple[int, ...]

    def fresh(self) -> Place:
        """A new bucket or container."""
        name = f"bucket-{uuid.uuid4().hex}"
        place = Place(self.url, f"{self.scheme}://{name}", self.options)
        if self.scheme == "s3":  # the driver's own mkdir names a region, which Ceph refuses
            place.driver().call_s3("create_bucket", Bucket=name)
        else:
            place.driver().mkdir(name)
        return place
