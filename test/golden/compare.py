"""Two recordings against each other, step by step: for every server that has a script."""

import difflib
import re

STEP = re.compile(r"^\[\d{4}\] ")


def blocks(text):
    """[(section, step line, [lines])] of a recording."""
    out = []
    name = ""
    for line in text.splitlines():
        if line.startswith("==="):
            name = line.split(":")[0][4:]
        elif STEP.match(line):
            out.append((name, line, []))
        elif line.startswith("  ") and out:
            out[-1][2].append(line)
    return out


def steps(text):
    return len(blocks(text))


def differences(expected, got):
    """One text for each step that differs, with what was expected and what came.

    Steps are matched by section and by what they do, so that one more or one less of them (a
    connection that the other server closed) does not make all that follow differ.
    """
    left, right = blocks(expected), blocks(got)
    matcher = difflib.SequenceMatcher(None, [key(one) for one in left], [key(one) for one in right],
                                      autojunk=False)
    found = []
    for tag, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if tag == "equal":
            for a, b in zip(left[a_from:a_to], right[b_from:b_to]):
                if a[2] != b[2]:
                    found.append(describe(a, b))
            continue
        found += [f"{one[0]} {one[1]}\n  this step was not made" for one in left[a_from:a_to]]
        found += ["\n".join([f"{one[0]} {one[1]}", "  this step was not expected"] + one[2])
                  for one in right[b_from:b_to]]
    return found


def key(block):
    return (block[0], STEP.sub("", block[1]))


def describe(a, b):
    lines = [f"{a[0]} {a[1]}"]
    for line in a[2]:
        lines.append(f"  {'both    ' if line in b[2] else 'expected'}{line}")
    lines += [f"  got     {line}" for line in b[2] if line not in a[2]]
    if sorted(a[2]) == sorted(b[2]):
        lines.append("  in another order:")
        lines += [f"  got     {line}" for line in b[2]]
    return "\n".join(lines)
