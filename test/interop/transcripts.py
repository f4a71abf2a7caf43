"""Comparison of two transcripts (see zkcli_harness.py), step by step."""

import difflib


def without_uncaught(lines):
    """In a step where Apache's zkCli died of a Java exception: any text on standard error, but
    some."""
    said = [line for line in lines if not line.startswith("!")]
    return said + (["! <some text>"] if len(said) < len(lines) else [])


def steps(text):
    """The transcript cut at its "$" lines."""
    parts = [[]]
    for line in text.splitlines():
        if line.startswith("$ "):
            parts.append([])
        parts[-1].append(line)
    return parts


def differences(expected, actual):
    expected_steps, actual_steps = steps(expected), steps(actual)
    for number, lines in enumerate(expected_steps):
        if any(line.startswith("! <uncaught ") for line in lines) and number < len(actual_steps):
            expected_steps[number] = without_uncaught(lines)
            actual_steps[number] = without_uncaught(actual_steps[number])
    return list(
        difflib.unified_diff(
            [line for lines in expected_steps for line in lines],
            [line for lines in actual_steps for line in lines],
            "apache",
            "here",
            lineterm="",
            n=6,
        )
    )
