"""Wraps comments that are wider than the tree's columns, paragraph by paragraph.

    python3 tools/wrap_comments.py file...

clang-format does it too, but joins the lines behind a long one into one paragraph, whatever the author
meant by a line's end. Here a paragraph ends where the indentation changes, at an empty line, before a
word with a colon ("Model:", "Sources:"), before a list's mark, and behind a line that was left short
on purpose. Paragraphs without a long line are not touched. A comment behind code that makes its line
too long moves above it. `make fmt` runs this before clang-format.
"""

import re
import sys
import textwrap
from pathlib import Path

COLUMNS = 100
BLOCK = re.compile(r"^([ \t]*)/\*((?:(?!\*/).)*)\*/[ \t]*$", re.MULTILINE | re.DOTALL)
TRAILING = re.compile(r"^([ \t]*)(\S.*?[;,{]) +(/\* (?:(?!\*/).)*\*/)$", re.MULTILINE)
HEADING = re.compile(r"^[A-Z][A-Za-z/ ,.0-9-]{0,40}:(\s|$)")
MARK = re.compile(r"^([-*+] |\d+[.)] |@)")
COLUMN_GAP = re.compile(r"\S {2,}\S")
BANNER = re.compile(r"^/\* -{2,} (.*?) -{4,} \*/$")


def starts_new(line, previous, widest):
    """Does this line begin a paragraph, given the line before it (texts without the comment's margin)?"""
    indent = len(line) - len(line.lstrip())
    previous_indent = len(previous) - len(previous.lstrip())
    text, before = line.strip(), previous.strip()
    if indent != previous_indent or HEADING.match(text) or MARK.match(text) or COLUMN_GAP.search(text):
        return True
    # A sentence that ends well before the margin was ended there on purpose.
    return before[-1:] in ".:;" and len(previous) < widest * 0.8


def wrap_paragraph(lines, width):
    """The paragraph's lines, wrapped if one is too long. Lines in columns are continued below their last column."""
    if all(len(line) <= width for line in lines):
        return lines
    indent = re.match(r" *", lines[0]).group()
    if len(lines) == 1 and COLUMN_GAP.search(lines[0].strip()):
        hanging = " " * (list(re.finditer(r"(?<=\S) {2,}(?=\S)", lines[0]))[-1].end())
        if "->" in lines[0] and len(hanging) <= len(lines[0]) / 2:
            hanging = " " * (lines[0].index("->") + 3)
        hanging = hanging if len(hanging) <= width * 0.6 else indent + "    "
        words = textwrap.wrap(lines[0].strip(), width - len(indent), break_long_words=False,
                              break_on_hyphens=False, drop_whitespace=True)
        head = lines[0][:len(lines[0]) - len(lines[0].lstrip()) + len(words[0])]
        rest = lines[0][len(head):].strip()
        more = textwrap.wrap(rest, width, initial_indent=hanging, subsequent_indent=hanging,
                             break_long_words=False, break_on_hyphens=False)
        return [head.rstrip(), *more]
    mark = MARK.match(lines[0].strip())
    hanging = indent + " " * (len(mark.group()) if mark else 0)
    text = " ".join(line.strip() for line in lines)
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=hanging,
                         break_long_words=False, break_on_hyphens=False)


def wrap_block(match):
    margin, body = match.group(1), match.group(2)
    whole = match.group(0)
    if all(len(line) <= COLUMNS for line in whole.split("\n")):
        return whole
    banner = BANNER.match(whole)
    if banner:
        head = f"/* ---- {banner.group(1).rstrip()} "
        return head + "-" * (COLUMNS - 3 - len(head)) + " */"
    raw = body.split("\n")
    star = len(raw) > 1 and all(re.match(r"\s*\*", line) for line in raw[1:] if line.strip())
    lead = f"{margin} *"
    texts = [raw[0]] + [re.sub(r"^\s*\*", "", line) if star else " " + line.strip() for line in raw[1:]]
    closes_alone = len(texts) > 1 and not texts[-1].strip()
    texts = [t.rstrip() for t in (texts[:-1] if closes_alone else texts)]
    width = COLUMNS - len(lead)
    widest = max(len(t) for t in texts)
    out, paragraph = [], []
    for text in texts:
        if paragraph and (not text.strip() or starts_new(text, paragraph[-1], widest)):
            out += wrap_paragraph(paragraph, width)
            paragraph = []
        if text.strip():
            paragraph.append(text)
        else:
            out.append("")
    out += wrap_paragraph(paragraph, width) if paragraph else []
    if not closes_alone and len(out[-1]) + 3 > width:
        out = out[:-1] + wrap_paragraph([out[-1]], width - 3)
    lines = [f"{margin}/*{out[0]}"] + [(lead + t).rstrip() for t in out[1:]]
    if closes_alone:
        lines.append(f"{margin} */")
    else:
        lines[-1] += " */"
    return "\n".join(lines)


SPLIT = re.compile(r"^( +)((?:struct |enum |unsigned |const )*\w+)\n +(\*?\w+(?:\[\w+\])?;) +"
                   r"(/\* (?:(?!\*/).)*\*/)$", re.MULTILINE)


def join_split(match):
    """A member that clang-format broke in two, to fit the comment behind it: the comment moves above it."""
    margin, kind, name, comment = match.groups()
    return f"{margin}{comment}\n{margin}{kind} {name}"


def raise_trailing(match):
    """A comment behind code that makes the line too long moves above it."""
    if len(match.group(0)) <= COLUMNS or match.group(2).startswith(("#", "/*")):
        return match.group(0)
    margin, code, comment = match.groups()
    return f"{margin}{comment}\n{margin}{code}"


def wrap_file(path):
    text = path.read_text()
    wrapped = SPLIT.sub(join_split, text)
    wrapped = BLOCK.sub(wrap_block, TRAILING.sub(raise_trailing, wrapped))
    if wrapped != text:
        path.write_text(wrapped)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        wrap_file(Path(name))
