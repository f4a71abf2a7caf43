"""Writes kafka_vectors.txt and kafka_names.txt: every message of schema/kafka as Apache Kafka's classes encode it.

    python3 test/schema/record_kafka.py

test_codec_kafka decodes every vector, must encode it to the same bytes, and compares errors and APIs with the names.
Needs Java and Maven, see test/peers.
"""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(ROOT / "schema")]

import grammar  # noqa: E402  (needs the path above)
from peers import java_program, kafka_class_path  # noqa: E402

# Messages that have no class under Apache's name for them.
CLASSES = {
    "offset_commit_key": "org.apache.kafka.coordinator.group.generated.OffsetCommitKey",
    "offset_commit_value": "org.apache.kafka.coordinator.group.generated.OffsetCommitValue",
    "group_metadata_key": "org.apache.kafka.coordinator.group.generated.GroupMetadataKey",
    "group_metadata_value": "org.apache.kafka.coordinator.group.generated.GroupMetadataValue",
    "transaction_log_key": "org.apache.kafka.coordinator.transaction.generated.TransactionLogKey",
    "transaction_log_value": "org.apache.kafka.coordinator.transaction.generated.TransactionLogValue",
    "consumer_subscription": "org.apache.kafka.common.message.ConsumerProtocolSubscription",
    "consumer_assignment": "org.apache.kafka.common.message.ConsumerProtocolAssignment",
}
# Apache writes these with Struct by hand.
WITHOUT_CLASS = {"control_record_key", "end_txn_marker"}


def class_of(message):
    camel = "".join(part.capitalize() for part in message.name.split("_"))
    return CLASSES.get(message.name) or f"org.apache.kafka.common.message.{camel}Data"


def main():
    paths = sorted((ROOT / "schema" / "kafka").glob("*.def"))
    folder = grammar.read_folder("kafka", [(path, path.name) for path in paths])
    asked = [f"{m.name} {m.versions.first} {m.versions.last} {class_of(m)}"
             for m in sorted(folder.messages, key=lambda m: m.name) if m.is_top and m.name not in WITHOUT_CLASS]
    result = subprocess.run([java_program(), "-cp", kafka_class_path(), str(HERE / "KafkaVectors.java")],
                            input="\n".join(asked) + "\n", text=True, stdout=subprocess.PIPE, check=True)
    lines = result.stdout.splitlines(keepends=True)
    names = [line for line in lines if re.match(r"(error|api) ", line)]
    (HERE / "kafka_names.txt").write_text("".join(names), encoding="ascii")
    vectors = lines[:len(lines) - len(names)]
    (HERE / "kafka_vectors.txt").write_text("".join(vectors), encoding="ascii")
    print(f"{len(vectors)} vectors of {len(asked)} messages, {len(names)} names")


if __name__ == "__main__":
    main()
