"""seal: a manifest for a store that another tool wrote or edited."""

import os
from pathlib import Path

from vcspec.actions.validate import require_valid, validate
from vcspec.storage.sealing import seal as write_manifest


def seal(store: str | os.PathLike[str]) -> str:
    """Write the manifest of `store`, replacing an older one.

    Returns:
        The content digest.

    Raises:
        Invalid: its metadata break a rule, so that its content cannot be told.
    """
    require_valid(validate(store, level="metadata"))
    return write_manifest(Path(store))
