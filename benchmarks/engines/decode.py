"""zarr-python alone: every entry of the stored matrix, in slices of 4 Mi elements, decoded once.

python decode.py STORE
"""

import sys

import zarr

SLICE = 4 * 2**20


def main():
    group = zarr.open_group(sys.argv[1], mode="r", zarr_format=3)["X"]
    for name in ("data", "indices"):
        array = group[name]
        for start in range(0, array.shape[0], SLICE):
            array[start : start + SLICE]


if __name__ == "__main__":
    main()
