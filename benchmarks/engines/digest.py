"""hashlib alone: SHA-256 of every file of a folder.

python digest.py STORE
"""

import hashlib
import sys
from pathlib import Path

from inside import tell, timed


def hashed(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256").hexdigest()


def main():
    _, cost = timed(lambda: hashed(Path(sys.argv[1])))
    tell(**cost)


if __name__ == "__main__":
    main()
