"""Foresight: which small objects the rules of a level will read, told before the first is read."""

from vcspec.model import manifest
from vcspec.model.store import Skeleton

FORESEEN_BYTES = 4_194_304  # of one object
MATRIX = "/X/"
FOLDERS = {
    "metadata": (),
    "axes": ("obs/", "var/", "uns/", manifest.ROOT),
    "data": ("",),
    "full": ("",),
}


def foreseen(skeleton: Skeleton, level: str) -> list[str]:
    """Names of small objects, the most needed first: tables, then others, the smallest first.

    Args:
        skeleton: of the store.
        level: down to which rules are checked; each reads more of the store than those before.
    """
    tables = FOLDERS["axes"]
    found = [
        (not name.startswith(tables), entry.size, name)
        for name, entry in skeleton.objects.items()
        if name.startswith(FOLDERS[level])
        and 0 < entry.size <= FORESEEN_BYTES
        and entry.sort == "file"
        and (level == "full" or not name.startswith(manifest.FOLDER))
        and not _is_document(name)
    ]
    return [name for *_, name in sorted(found)]


def first_of_passes(skeleton: Skeleton, level: str) -> list[str]:
    """Names of the objects with which a pass over the matrix begins, where these are not small.

    Args:
        skeleton: of the store.
        level: down to which rules are checked; those on values read all cells.
    """
    if "" not in FOLDERS[level]:
        return []
    arrays = [node for node in skeleton.nodes.values() if node.sort == "array"]
    names = [
        node.object_name([0] * len(node.shape))
        for node in arrays
        if f"{node.path}/".startswith(MATRIX)
    ]
    found = {name: skeleton.objects[name].size for name in names if name in skeleton.objects}
    return [name for name, size in found.items() if size > FORESEEN_BYTES]


def _is_document(name: str) -> bool:
    """Whether the object has been read with the skeleton."""
    return name.rpartition("/")[2] in {"zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata"}
