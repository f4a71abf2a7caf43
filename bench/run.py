#!/usr/bin/env python3
"""`make bench`: every side-by-side benchmark, one after the other; arguments go to each of them."""

import sys

import run_zookeeper

PARTS = (run_zookeeper,)


def main():
    return max(part.main(sys.argv[1:]) for part in PARTS)


if __name__ == "__main__":
    sys.exit(main())
