"""hashlib alone: SHA-256 of every file of a folder.

python digest.py STORE
"""

import hashlib
import sys
from pathlib import Path


def main():
    size = 0
    for path in sorted(Path(sys.argv[1]).rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256").hexdigest()
            size += path.stat().st_size
    print(f'{{"mebibytes": {size / 2**20:.1f}}}')


if __name__ == "__main__":
    main()
