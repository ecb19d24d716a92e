"""The tree of tiles that every element's digest is: canonical values, leaves, root."""

import hashlib
from typing import Any

import numpy as np
import rfc8785

from vcspec.model.matrix import AnyArray

TILE_ROWS = 1_024


def canonical(values: AnyArray) -> AnyArray:
    """Little-endian values with one zero and one NaN."""
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.array(np.nan, dtype=values.dtype), values + 0.0)
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def element_digest(kind: str, shape: tuple[int, ...], data_type: str, leaves: list[bytes]) -> str:
    """Digest of an element from what it is and the digests of its tiles."""
    described: dict[str, Any] = {
        "kind": kind,
        "shape": [int(n) for n in shape],
        "dtype": data_type,
        "tile_rows": TILE_ROWS,
        "root": merkle_root(leaves).hex(),
    }
    return hashlib.sha256(rfc8785.dumps(described)).hexdigest()


def merkle_root(leaves: list[bytes]) -> bytes:
    """Root of the tree over `leaves`, which are digests already.

    Source: RFC 6962, section 2.1, with 0x01 before each pair.
    """
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    pair = merkle_root(leaves[:cut]) + merkle_root(leaves[cut:])
    return hashlib.sha256(b"\x01" + pair).digest()
