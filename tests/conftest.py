import os
from pathlib import Path

import pytest
from support import tiny

BESIDE = Path(__file__).parents[2] / "shared" / "sources"


@pytest.fixture(scope="session")
def screen(tmp_path_factory: pytest.TempPathFactory) -> tiny.Screen:
    """Tiny artefacts that belong together; nobody may change them."""
    return tiny.screen(tmp_path_factory.mktemp("screen"))


@pytest.fixture(scope="session")
def source_mirror() -> Path:
    """The folder that holds the sources of the real datasets; skips where there is none."""
    mirror = Path(os.environ.get("VCSPEC_SOURCE_MIRROR") or BESIDE)
    if not mirror.is_dir():
        pytest.skip(f"real data missing: {mirror} does not exist; set VCSPEC_SOURCE_MIRROR")
    return mirror
