"""Where downloads and results that can be made again are kept."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """VCSPEC_CACHE, or the user's cache folder of the platform."""
    import platformdirs

    named = os.environ.get("VCSPEC_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("vcspec"))
