"""Builds the compiled kernels into the wheel or, for an editable install, beside their sources.

Without a C compiler the wheel is pure Python and works all the same, slower; it says so.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("vcspec", "statistics", "kernels")
# No fused operations: the same input gives the same bits on every processor.
FLAGS = ["-O3", "-std=gnu11", "-fPIC", "-shared", "-ffp-contract=off"]
FLAGS += ["-fno-math-errno", "-fno-trapping-math"]  # nobody looks at flags of the processor


class KernelHook(BuildHookInterface[Any]):
    """Compiles the kernels where a compiler is at hand."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile, and mark the wheel as made for this platform."""
        if self.target_name != "wheel":
            return
        library = Path(self.root) / FOLDER / f"_kernels{_ending()}"
        if not compile_kernels(Path(self.root) / FOLDER, library):
            self.app.display_warning("no C compiler: the wheel is pure Python, and slower")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_platform()}"
        build_data["artifacts"].append(f"/{(FOLDER / library.name).as_posix()}")


def _ending() -> str:
    return {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")


def _platform() -> str:
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def compile_kernels(folder: Path, library: Path, *flags: str) -> bool:
    """Compile the sources in `folder` to `library`; False where there is no compiler.

    Args:
        folder: of C sources.
        library: where the outcome goes, whole or not at all.
        flags: beside the usual ones.

    Raises:
        subprocess.CalledProcessError: there is one, and it refuses the sources.
    """
    named = (os.environ.get("CC"), "cc", "gcc", "clang")
    found = next((path for name in named if name and (path := shutil.which(name))), None)
    if found is None:
        return False
    draft = library.with_suffix(".partial")
    sources = sorted(str(path) for path in folder.glob("*.c"))
    subprocess.run([found, *FLAGS, *flags, "-o", str(draft), *sources, "-lm"], check=True)
    draft.replace(library)
    return True
