"""Writes record_vectors.txt: batches of every magic and codec as Apache Kafka's classes make and read them.

    python3 test/schema/record_records.py
    python3 test/schema/record_records.py --check <build>/test/test_kafka_record_vectors

test_kafka_record_vectors reads every batch, compares what is in it, makes the uncompressed ones again to the same
bytes, and converts them down. With --check it is the other way round: the program writes batches of every magic and
codec, Apache's classes read them, and the program compares what they saw. Needs Java and Maven, see test/peers.
"""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from peers import java_program, kafka_class_path  # noqa: E402  (needs the path above)


def run_java(*arguments, stdin=""):
    command = [java_program(), "-cp", kafka_class_path(), str(HERE / "RecordVectors.java"), *arguments]
    return subprocess.run(command, input=stdin, text=True, stdout=subprocess.PIPE, check=True).stdout


def check(program):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "ours.txt"
        subprocess.run([program, "--write", str(path)], check=True)
        seen = run_java("read", stdin=path.read_text(encoding="ascii"))
        path.write_text(seen, encoding="ascii")
        subprocess.run([program, str(path)], check=True)
        print(f"Apache's classes read {seen.count('batch ')} of our batches, {seen.count('record ')} records")


def main():
    if sys.argv[1:2] == ["--check"]:
        check(sys.argv[2])
        return
    text = run_java()
    (HERE / "record_vectors.txt").write_text(text, encoding="ascii")
    print(f"{text.count('batch ')} batches, {text.count('record ')} records, {len(text)} bytes")


if __name__ == "__main__":
    main()
