"""The tools that read logs and snapshots, given damaged ones: an error that names the file, or what
can still be read, and never a crash.
"""

import gzip
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

import peers

SAMPLE = Path(__file__).resolve().parent / "sample_data"
FILES_PER_KIND = 30
TIMEOUT_S = 60

LOG_COMMANDS = [
    ["zkTxnLogToolkit.sh", "{file}"],
    ["zkTxnLogToolkit.sh", "-r", "-y", "-v", "{file}"],
    ["zkTxnLogToolkit.sh", "-c", "-z", "0x5", "{file}"],
]
SNAPSHOT_COMMANDS = [
    ["zkSnapShotToolkit.sh", "-d", "{file}"],
    ["zkSnapShotToolkit.sh", "-json", "{file}"],
    ["zkSnapshotRecursiveSummaryToolkit.sh", "{file}", "/", "0"],
    ["zkSnapshotComparer.sh", "-l", "{file}", "-r", "good", "-b", "0", "-n", "0", "-d"],
]


def run(work, *words):
    environment = dict(os.environ, TZ="UTC", ZOOCFGDIR=str(work), ZOO_LOG_DIR=str(work))
    return subprocess.run(
        [peers.servers.samsa_bin_dir() / words[0], *words[1:]],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def damaged(data, dice):
    data = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 8])):
        kind = dice.random()
        at = dice.randrange(len(data))
        if kind < 0.6:
            data[at] ^= 1 << dice.randrange(8)
        elif kind < 0.75:
            data[at] = dice.choice([0, 0x7F, 0x80, 0xFF])
        elif kind < 0.9 and at > 0:
            del data[at:]
        else:
            data[at:at] = dice.randbytes(dice.randrange(1, 20))
    return bytes(data)


def check(work, commands, name):
    for command in commands:
        words = [word.format(file=name) for word in command]
        ended = run(work, *words)
        assert ended.returncode in (0, 1, 2), (words, ended)
        if ended.returncode != 0:
            said = ended.stderr.decode("utf-8", "backslashreplace").strip()
            assert said.count("\n") == 0 and said, (words, said)
            assert name in said or said == "Last transaction was partial.", (words, said)


@pytest.mark.parametrize("source", ["log.1", "log.1b"])
def test_damaged_logs(source, tmp_path):
    dice = random.Random(source)
    good = (SAMPLE / source).read_bytes()
    for number in range(FILES_PER_KIND):
        name = f"log.{number:x}"
        (tmp_path / name).write_bytes(damaged(good, dice))
        check(tmp_path, LOG_COMMANDS, name)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_snapshots(suffix, tmp_path):
    dice = random.Random(suffix)
    good = (SAMPLE / "snapshot.31").read_bytes()
    shutil.copyfile(SAMPLE / "snapshot.31", tmp_path / "good")
    for number in range(FILES_PER_KIND):
        name = f"snapshot.{number:x}{suffix}"
        data = gzip.compress(good, mtime=0) if suffix else good
        (tmp_path / name).write_bytes(damaged(data, dice))
        check(tmp_path, SNAPSHOT_COMMANDS, name)


def test_a_bad_length_is_not_the_end(tmp_path):
    data = bytearray((SAMPLE / "log.1").read_bytes())
    second = 16 + 13 + int.from_bytes(data[24:28], "big")
    data[second + 9] = 0x10
    (tmp_path / "log.1").write_bytes(data)
    ended = run(tmp_path, "zkTxnLogToolkit.sh", "log.1")
    assert ended.returncode == 1
    assert b"EOF reached" not in ended.stdout
    assert f"log.1: the entry at offset {second}".encode() in ended.stderr


def test_a_bad_seal_is_shown_with_a_warning(tmp_path):
    data = bytearray((SAMPLE / "snapshot.1a").read_bytes())
    at = data.index(b"configuration 2")
    data[at] ^= 1
    (tmp_path / "snapshot.1a").write_bytes(data)
    ended = run(tmp_path, "zkSnapShotToolkit.sh", "snapshot.1a")
    assert ended.returncode == 0
    assert b"/app/locked" in ended.stdout
    assert b"checksum mismatch" in ended.stderr


def test_chopping_leaves_nothing_behind_when_it_fails(tmp_path):
    shutil.copyfile(SAMPLE / "log.1", tmp_path / "log.1")
    ended = run(tmp_path, "zkTxnLogToolkit.sh", "-c", "-z", "0xffff", "log.1")
    assert ended.returncode == 0
    assert b"Failed to chop log.1" in ended.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["log.1"]


def test_output_that_cannot_be_written_is_told(tmp_path):
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [peers.servers.samsa_bin_dir() / "zkTxnLogToolkit.sh", SAMPLE / "log.1"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert ended.returncode == 1
    assert b"Cannot write the output" in ended.stderr
