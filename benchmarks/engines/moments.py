"""Moments of each condition, from a store.

python moments.py STORE
"""

import sys

import vcspec_calls

if __name__ == "__main__":
    vcspec_calls.moments(sys.argv[1])
