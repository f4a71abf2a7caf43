"""What the client programs in Python share: they print one line for each check, as ../../checks.py reads it."""

import sys
import time
import traceback
import uuid


def topic_name(stem):
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} where {wanted!r} was due")


def eventually(condition, what, seconds=20):
    """Polls until condition() is true; returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def main(all_checks):
    """all_checks: name -> function(hosts). Runs them in order; a name on the command line runs it alone."""
    hosts = sys.argv[-1]
    wanted = sys.argv[1:-1] or list(all_checks)
    for number, name in enumerate(wanted, 1):
        try:
            all_checks[name](hosts)
            print(f"ok {number} {name}", flush=True)
        except Exception as error:  # a check fails in any way a client fails
            traceback.print_exc()
            text = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"not ok {number} {name}: {text}", flush=True)
    print(f"1..{len(wanted)}", flush=True)
