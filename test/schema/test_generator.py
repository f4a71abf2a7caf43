"""The schema generator: what it refuses, and that what it writes is repeatable."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATE = ROOT / "schema" / "generate.py"


def generate(schema, out, *options):
    return subprocess.run([sys.executable, "-B", str(GENERATE), "--schema", str(schema), "--out", str(out), *options],
                          capture_output=True, text=True, timeout=60, check=False)


def schema_of(tmp_path, text):
    folder = tmp_path / "schema" / "sample"
    folder.mkdir(parents=True)
    (folder / "sample.def").write_text(text, encoding="utf-8")
    return tmp_path / "schema"


KAFKA = "dialect kafka\nprefix k\n"
FLEXIBLE = KAFKA + "message m versions 0-3 flexible 2+\n"
JUTE = "dialect jute\nprefix j\nmessage m\n"

REFUSED = {
    "no dialect": ("prefix k\n", "names no dialect"),
    "unknown dialect": ("dialect xdr\n", "unknown dialect"),
    "no prefix": ("dialect jute\nmessage m\n    a int32\n", "names a prefix"),
    "two prefixes": (KAFKA + "prefix other\n", "prefix is k already"),
    "field outside": (KAFKA + "    a int32\n", "outside of a message"),
    "tab": (FLEXIBLE + "\ta int32\n", "a tab"),
    "open quote": (FLEXIBLE + '    a string default "x\n', "quote"),
    "bad name": (FLEXIBLE + "    camelCase int32\n", "cannot be a name"),
    "word of C": (FLEXIBLE + "    int int32\n", "cannot be a name"),
    "no type": (FLEXIBLE + "    a\n", "type is missing"),
    "unknown struct": (FLEXIBLE + "    a nowhere\n", "no struct nowhere"),
    "unknown option": (FLEXIBLE + "    a int32 0+ sometimes\n", "unknown option"),
    "kafka type in jute": (JUTE + "    a int8\n", "no type of the dialect jute"),
    "null in jute": (JUTE + "    a string nullable\n", "jute knows neither"),
    "backward versions": (FLEXIBLE + "    a int32 3-1\n", "ends before it begins"),
    "open message versions": (KAFKA + "message m versions 1+\n", "names its last version"),
    "flexible ends": (KAFKA + "message m versions 0-3 flexible 1-2\n", "always flexible"),
    "null number": (FLEXIBLE + "    a int32 nullable\n", "cannot be null"),
    "null before the field": (FLEXIBLE + "    a string 2+ nullable 1+\n", "lack the field"),
    "null default": (FLEXIBLE + "    a string default null\n", "never allowed"),
    "default too big": (FLEXIBLE + "    a int8 default 128\n", "does not fit"),
    "default no number": (FLEXIBLE + "    a int8 default many\n", "is no number"),
    "default of bytes": (FLEXIBLE + '    a bytes default "x"\n', "cannot have the default"),
    "tag too early": (FLEXIBLE + "    a int32 tag 0 1+\n", "not flexible"),
    "tags descend": (FLEXIBLE + "    a int32 2+ tag 1\n    b int32 2+ tag 0\n", "must ascend"),
    "tag twice": (FLEXIBLE + "    a int32 2+ tag 1\n    b int32 2+ tag 1\n", "must ascend"),
    "classic number": (FLEXIBLE + "    a int32 classic\n", "only strings"),
    "field twice": (FLEXIBLE + "    a int32\n    a int32\n", "stands twice"),
    "message twice": (FLEXIBLE + FLEXIBLE.removeprefix(KAFKA), "stands twice"),
    "struct twice": (FLEXIBLE + "    a s\n    struct s\n    struct s\n", "stands twice"),
    "unused struct": (FLEXIBLE + "    a int32\n    struct s\n        b int32\n", "nothing uses"),
    "unused shared struct": (FLEXIBLE + "    a int32\nstruct s\n    b int32\n", "nothing uses"),
    "recursion": (FLEXIBLE + "    a [s]\n    struct s\n        b int32\n        c [s]\n", "contains itself"),
    "empty elements": (JUTE + "    a [s]\nmessage s\n", "no bytes"),
    "one word too many": (KAFKA + "struct s 0+\n", "one word too many"),
    "enum number twice": ("dialect constants\nprefix k\nenum e K\n    A 1 a\n    B 1 b\n", "number stands twice"),
    "enum lower case": ("dialect constants\nprefix k\nenum e K\n    a 1 a\n", "upper case"),
    "enum texts": ("dialect constants\nprefix k\nenum e K\n    A 1 a\n    B 2 b \"text\"\n", "or none"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case, tmp_path):
    text, words = REFUSED[case]
    result = generate(schema_of(tmp_path, text), tmp_path / "out")
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "out").rglob("*.h"))


def test_names_file_and_line(tmp_path):
    result = generate(schema_of(tmp_path, JUTE + "    a int32\n    b int8\n"), tmp_path / "out")
    assert "sample/sample.def:5:" in result.stderr


def test_nesting_has_a_limit(tmp_path):
    text = "dialect jute\nprefix j\n" + "".join(f"message m{i}\n    a m{i + 1}\n" for i in range(13)) + \
        "message m13\n    a int32\n"
    assert "nested deeper" in generate(schema_of(tmp_path, text), tmp_path / "out").stderr


def test_a_second_run_touches_nothing(tmp_path):
    def times():
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}

    assert generate(ROOT / "schema", tmp_path / "out").returncode == 0
    first = times()
    listed = generate(ROOT / "schema", tmp_path / "out", "--list-outputs").stdout.split()
    assert {str(path.relative_to(tmp_path / "out")) for path in first} == set(listed)
    assert generate(ROOT / "schema", tmp_path / "out").returncode == 0
    assert times() == first
