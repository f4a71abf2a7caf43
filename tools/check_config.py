"""A configuration key that is said to be obeyed is read by something: its field stands in a source beside config*.c.

    python3 tools/check_config.py
"""

import argparse
import re

import generate_docs
import source_tree

FOLDER = "src/zookeeper/server/"
KAFKA_PARSERS = ("src/kafka/server/broker_config", "src/kafka/server/config_value")


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    table = (source_tree.ROOT / generate_docs.CONFIG_TABLE).read_text()
    table = table[table.index("config_keys[] = {"):]
    fields = {}
    for name, field in re.findall(r'(?:BOOL|I32|I64|KIB|TEXT)\(\s*"([^"]+)",\s*(\w+)', table):
        fields[field] = name
    for name, field in re.findall(r'\{\s*"([^"]+)",\s*CONFIG_\w+,\s*AT\((\w+)\)', table):
        fields[field] = name
    words = set()
    for path in source_tree.files(".c"):
        name = path.as_posix()
        is_reader = not name.startswith((FOLDER + "config", *KAFKA_PARSERS))
        if name.startswith("src/") and is_reader:
            words |= set(re.findall(r"(?:->|\.)(\w+)", (source_tree.ROOT / path).read_text()))
    for _, table, _, _ in generate_docs.KAFKA_TABLES:
        rows = (source_tree.ROOT / table).read_text()
        for match in generate_docs.KAFKA_ROW.finditer(rows[rows.index("config_key keys[] = {"):]):
            if match["kind"] in ("OBEYED", "CHOICE"):
                values = generate_docs.kafka_arguments(match["args"], {})
                fields[values[5].removeprefix("topic.")] = values[0]
    findings = [f"{name} is said to be obeyed, but nothing reads {field}"
                for field, name in fields.items() if field not in words]
    source_tree.finish("check_config", findings, len(fields), "Obey the key, or say in the table why not")


if __name__ == "__main__":
    main()
