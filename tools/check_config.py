"""A configuration key that is said to be obeyed is read by something: its field stands in a source beside config*.c.

    python3 tools/check_config.py
"""

import argparse
import re

import generate_docs
import source_tree

FOLDER = "src/zookeeper/server/"


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
        if name.startswith("src/") and not name.startswith(FOLDER + "config"):
            words |= set(re.findall(r"(?:->|\.)(\w+)", (source_tree.ROOT / path).read_text()))
    findings = [f"{generate_docs.CONFIG_TABLE}: {name} is said to be obeyed, but nothing reads {field}"
                for field, name in fields.items() if field not in words]
    source_tree.finish("check_config", findings, len(fields), "Obey the key, or say in the table why not")


if __name__ == "__main__":
    main()
