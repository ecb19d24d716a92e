"""Ceph's gateway on loopback, as the tests have it, until the input of this process ends.

    python benchmarks/gateway.py

prints one JSON object: the URL of a fresh bucket, and the variables under which drivers reach it.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support import ceph_gateway


def main():
    if absent := ceph_gateway.missing():
        sys.exit(f"{ceph_gateway.ABSENT}: no {', '.join(absent)}")
    with ceph_gateway.serving() as server:
        place = server.fresh()
        print(json.dumps({"root": place.root, "environment": place.environment}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
