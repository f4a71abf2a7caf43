"""What a formatter does not see: lengths, banned words, names, documents.

    python3 tools/check_style.py

A line may carry `style: <rule>` in a comment with the reason beside it; then that rule does not apply to
that line (rule zero: a rule may be broken where a comment says why it is better here).
"""

import argparse
import re
import shutil
import subprocess

import source_tree

LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = 800
NESTING_LEVELS_MAX = 4
DOCUMENT_COLUMNS_MAX = 120

# A function of the C library, and what to write instead.
BANNED = {
    "strcpy": "buffer_append or memcpy with a checked length",
    "strcat": "buffer_append",
    "strncpy": "memcpy with a checked length",
    "strncat": "buffer_append",
    "sprintf": "buffer_appendf, or snprintf at the edges",
    "vsprintf": "vsnprintf",
    "gets": "read a line with a limit",
    "strtok": "slice functions of base/text.h",
    "atoi": "text_parse functions of base/text.h",
    "atol": "text_parse functions of base/text.h",
    "atoll": "text_parse functions of base/text.h",
    "atof": "strtod with its end checked",
    "alloca": "an arena",
    "rand": "base/random.h",
    "random": "base/random.h",
    "srand": "base/random.h",
    "tmpnam": "mkstemp",
    "localtime": "localtime_r",
    "gmtime": "gmtime_r",
    "asctime": "the formats of the runtime",
    "ctime": "the formats of the runtime",
    "system": "nothing: no shell is started from here",
    "popen": "nothing: no shell is started from here",
}
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
BANNED_ASSERT = re.compile(r"(?<!\w)assert\s*\(|#\s*include\s*<assert\.h>")
VAGUE_NAMES = {"utils", "util", "common", "manager", "helper", "helpers", "misc", "stuff"}
FILE_NAME = re.compile(r"^[a-z][a-z0-9_]*\.(c|h)$")
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code_only(text):
    """The text with comments and literals blanked, lines kept."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def code_only_keep_literals(text):
    """The text with comments blanked, lines kept."""
    def blank(match):
        token = match.group()
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token
    return TOKEN.sub(blank, text)


def allowed(line, rule):
    return f"style: {rule}" in line


def check_source(path, text):
    findings = []
    lines = text.split("\n")
    name = path.as_posix()
    if len(lines) - 1 > FILE_LINES_MAX:
        findings.append(f"{name}: {len(lines) - 1} lines, the limit is {FILE_LINES_MAX}: "
                        "split by message or state")
    if not FILE_NAME.match(path.name):
        findings.append(f"{name}: a file name is lower snake case")
    if VAGUE_NAMES & set(path.stem.split("_")):
        findings.append(f"{name}: name the file after its subject")
    if path.suffix == ".h":
        guard = "_".join(path.with_suffix("").parts[1 if path.parts[0] == "src" else 0:]).upper() + "_H"
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            findings.append(f"{name}: the include guard is named by the path: {guard}")
    for number, (line, code) in enumerate(zip(lines, code_only(text).split("\n")), 1):
        place = f"{name}:{number}"
        if len(line) > LINE_COLUMNS_MAX and not allowed(line, "length"):
            findings.append(f"{place}: {len(line)} columns, the limit is {LINE_COLUMNS_MAX}")
        if "\t" in line and not allowed(line, "tab"):
            findings.append(f"{place}: a tab")
        if line != line.rstrip():
            findings.append(f"{place}: blanks at the end of the line")
        if TODO.search(line):
            findings.append(f"{place}: a TODO names its issue: TODO(#12)")
        for match in BANNED_CALL.finditer(code):
            word = match.group(1)
            if not allowed(line, word):
                findings.append(f"{place}: {word}: use {BANNED[word]}")
        if path.parts[0] in ("src", "sim") and BANNED_ASSERT.search(code):
            findings.append(f"{place}: assert: use ASSERT of base/base.h, which is always compiled in")
    if path.suffix == ".c":
        findings += check_nesting(path, code_only(text))
    return findings


def check_nesting(path, code):
    """No block of a function stands deeper than NESTING_LEVELS_MAX blocks; one finding a function."""
    findings, depth, told = [], 0, False
    for number, line in enumerate(code.split("\n"), 1):
        # Blocks of extern "C", structs and tables are no levels: only what follows a function's brace.
        if line.startswith("{"):
            depth, told = 1, False
        elif line.startswith("}"):
            depth = 0
        elif depth and not line.lstrip().startswith("#"):
            depth += line.count("{") - line.count("}")
            if depth > NESTING_LEVELS_MAX + 1 and not told:
                findings.append(f"{path.as_posix()}:{number}: nested deeper than {NESTING_LEVELS_MAX} levels")
                told = True
    return findings


def check_document(path, text):
    findings = []
    name = path.as_posix()
    titles, fenced = 0, False
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and line.startswith("# "):
            titles += 1
        if len(line) > DOCUMENT_COLUMNS_MAX and "|" not in line and "http" not in line and not fenced:
            findings.append(f"{name}:{number}: {len(line)} columns, the limit is {DOCUMENT_COLUMNS_MAX}")
    if titles != 1:
        findings.append(f"{name}: {titles} first-level headings, a document has one")
    return findings + check_links(path, text)


def check_links(path, text):
    """Every relative link of a document leads to a file that is there."""
    findings = []
    for match in re.finditer(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        target = match.group(1)
        if "://" in target or target.startswith("mailto:"):
            continue
        if not (source_tree.ROOT / path.parent / target).exists():
            findings.append(f"{path.as_posix()}: the link {target} leads nowhere")
    return findings


def check_names(path, text, words):
    """What a document shows in backticks as a path or as a function() is there."""
    findings = []
    for number, line in enumerate(text.split("\n"), 1):
        for name in re.findall(r"`((?:[\w-][\w.-]*/)+[\w-][\w.-]*)`", line):
            generated = name.split("/")[0] in ("build", "bin", "data") or name.startswith(".venv/")
            if not generated and not (source_tree.ROOT / name).exists() \
                    and not (source_tree.ROOT / "src" / name).exists():
                findings.append(f"{path.as_posix()}:{number}: there is no {name}")
        for name in re.findall(r"`(\w+)\(\)`", line):
            if name not in words:
                findings.append(f"{path.as_posix()}:{number}: no source has {name}()")
    return findings


def check_python(path, text):
    findings = []
    name = path.as_posix()
    lines = text.split("\n")
    if len(lines) > FILE_LINES_MAX:
        findings.append(f"{name}: {len(lines)} lines, the limit is {FILE_LINES_MAX}")
    for number, line in enumerate(lines, 1):
        if len(line) > DOCUMENT_COLUMNS_MAX and not allowed(line, "length"):
            findings.append(f"{name}:{number}: {len(line)} columns, the limit is {DOCUMENT_COLUMNS_MAX}")
        if line != line.rstrip():
            findings.append(f"{name}:{number}: blanks at the end of the line")
    return findings


def check_spelling(paths):
    """codespell, where it is installed: names of the protocols that look like mistakes are in the list."""
    tool = shutil.which("codespell")
    if tool is None:
        print("check_style: codespell is not here, spelling is not checked")
        return []
    done = subprocess.run(
        [tool, "--ignore-words", "tools/spelling_allow.txt", *[p.as_posix() for p in paths]],
        cwd=source_tree.ROOT, capture_output=True, text=True)
    return [f"{line} (spelling; tools/spelling_allow.txt is the list of exceptions)"
            for line in done.stdout.splitlines() if line.strip()]


def self_test():
    """Faults that must be seen, and text that must not be taken for one."""
    bad = "#include <assert.h>\nint f(void)\n{\n    strcpy(a, b);\n\treturn atoi(x); // TODO\n}\n"
    seen = "\n".join(check_source(source_tree.Path("src/base/utils.c"), bad))
    for word in ("name the file", "strcpy", "atoi", "a tab", "TODO", "ASSERT"):
        if word not in seen:
            raise SystemExit(f"check_style: self-test failed: {word} was not found")
    deep = "int f(void)\n{\n" + "    if (a) {\n" * 5 + "    }\n" * 5 + "}\n"
    if "nested deeper" not in "".join(check_source(source_tree.Path("src/base/deep.c"), deep)):
        raise SystemExit("check_style: self-test failed: five levels were not seen")
    good = '/* strcpy( is banned */\nstatic const char *text = "atoi(";\nx->random(3);\n'
    found = check_source(source_tree.Path("src/base/good.c"), good)
    if found:
        raise SystemExit(f"check_style: self-test failed: {found}")


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    self_test()
    findings = []
    kinds = {".c": check_source, ".h": check_source, ".md": check_document, ".py": check_python}
    paths = source_tree.files(*kinds)
    for path in paths:
        findings += kinds[path.suffix](path, (source_tree.ROOT / path).read_text())
    words = set()
    for path in source_tree.files(".c", ".h"):
        words |= set(re.findall(r"\w+", (source_tree.ROOT / path).read_text()))
    for path in paths:
        # Decisions are not changed afterwards, so they may name what is gone.
        if path.suffix == ".md" and path.parts[:2] not in (("docs", "adr"), ("docs", "reference")):
            findings += check_names(path, (source_tree.ROOT / path).read_text(), words)
    findings += check_spelling(paths)
    source_tree.finish("check_style", findings, len(paths))


if __name__ == "__main__":
    main()
