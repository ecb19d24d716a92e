"""A store on its way to a place and back; nothing of it is there before.

    python publishing.py WORK ENGINE STORE PLACE SCRATCH [--counted]

WORK is `publish`, `fetch`, `verify`, `look` (the metadata there are validated) or `validate` (all
of the store is, before it is sent); ENGINE is `vcspec` or `plain`, which is the driver alone: it
copies the store up or down, and hashes nothing. With `--counted` a proxy counts the requests, which
costs time; what is then measured is their number.
"""

import argparse
import json
import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import fsspec
from inside import tell, timed

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))


def emptied(place):
    """Drop all that is at a path or URL."""
    filesystem, root = fsspec.url_to_fs(place)
    if filesystem.exists(root):
        filesystem.rm(root, recursive=True)
    filesystem.invalidate_cache()


def plain(work, given):
    """The driver's own copy."""
    filesystem, root = fsspec.url_to_fs(f"{given.place}/plain")
    if work == "publish":
        emptied(f"{given.place}/plain")
        return lambda: filesystem.put(f"{given.store}/", f"{root}/", recursive=True)
    if not filesystem.exists(root):
        filesystem.put(f"{given.store}/", f"{root}/", recursive=True)
    shutil.rmtree(given.scratch, ignore_errors=True)
    return lambda: filesystem.get(f"{root}/", f"{given.scratch}/", recursive=True)


def vcspec(work, given):
    """The same by vcspec, which validates, reads back, and holds every byte against its digest."""
    import vcspec_calls

    place = f"{given.place}/published"
    if work == "publish":
        emptied(place)
        return lambda: vcspec_calls.publish(given.store, place)
    if work == "validate":
        return lambda: vcspec_calls.validated(given.store, "full")
    url = vcspec_calls.publish(given.store, place)
    shutil.rmtree(given.scratch, ignore_errors=True)
    os.environ["VCSPEC_CACHE"] = str(given.scratch)
    calls = {
        "fetch": lambda: vcspec_calls.fetch(place),
        "verify": lambda: vcspec_calls.verify(url),
        "look": lambda: vcspec_calls.validated(url, "metadata"),
    }
    return calls[work]


def counting(stack):
    """A proxy before the server of the driver's settings; from now on they lead to it."""
    from support.fault_proxy import proxy

    options = json.loads(os.environ["FSSPEC_S3"])
    between = stack.enter_context(proxy(options["endpoint_url"]))
    options["endpoint_url"] = between.url
    fsspec.config.conf["s3"] = options
    return between


def main():
    options = argparse.ArgumentParser()
    for name in ("work", "engine", "store", "place", "scratch"):
        options.add_argument(name)
    options.add_argument("--counted", action="store_true")
    given = options.parse_args()
    given.scratch = Path(given.scratch)
    with ExitStack() as stack:
        between = counting(stack) if given.counted else None
        call = {"vcspec": vcspec, "plain": plain}[given.engine](given.work, given)
        asked = len(between.log) if between else 0
        _, cost = timed(call)
        if between:
            objects = sum(path.is_file() for path in Path(given.store).rglob("*"))
            requests = len(between.log) - asked
            cost |= {"requests": requests, "requests_an_object": requests / objects}
    tell(**cost)


if __name__ == "__main__":
    main()
