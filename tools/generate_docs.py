"""Pages of docs/reference/: messages and numbers from schema/, configuration keys from their table.

Used by check_generated.py, which compares them with the tree or (--fix) writes them.
"""

import re
import sys

import source_tree

sys.dont_write_bytecode = True
sys.path.insert(0, str(source_tree.ROOT / "schema"))
import grammar  # noqa: E402  (the path to it stands above)

TITLES = {"zookeeper": "ZooKeeper", "kafka": "Kafka"}
NOTE = "Generated from `schema/{0}/*.def` by `tools/check_generated.py --fix`; do not edit."


def cell(text):
    return text.replace("|", "\\|")


def type_of(field):
    name = field.struct_name or field.element or field.kind
    return f"[{name}]" if field.kind == "array" else name


def versions_of(field, message):
    if message.versions.first == message.versions.last:
        return ""
    first = max(field.versions.first, message.versions.first)
    last = min(field.versions.last, message.versions.last)
    if last == message.versions.last:
        return "all" if first == message.versions.first else f"{first}+"
    return str(first) if first == last else f"{first}-{last}"


def messages_page(folder):
    lines = [f"# {TITLES[folder.name]}: messages", "", NOTE.format(folder.name), ""]
    for message in sorted(folder.messages, key=lambda m: m.c_name):
        lines += [f"## {message.c_name.removeprefix(folder.prefix + '_')}", ""]
        if message.comment:
            lines += [*wrapped(message.comment), ""]
        if not message.fields:
            lines += ["No fields.", ""]
            continue
        lines += ["| field | type | versions | meaning |", "|---|---|---|---|"]
        lines += [f"| {f.name} | `{type_of(f)}` | {versions_of(f, message)} | {cell(f.comment)} |"
                  for f in message.fields]
        lines.append("")
    return "\n".join(lines)


def wrapped(text):
    """Lines of at most 100 columns."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > 100:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines


def constants_page(folder):
    lines = [f"# {TITLES[folder.name]}: numbers", "", NOTE.format(folder.name), ""]
    for enum in folder.enums:
        lines += [f"## {enum.name}", ""]
        if enum.comment:
            lines += [*wrapped(enum.comment), ""]
        lines += ["| number | name | text |", "|---:|---|---|"]
        lines += [f"| {number} | {printed} | {cell((text or '').strip(chr(34)))} |"
                  for _, number, printed, text in enum.values]
        lines.append("")
    return "\n".join(lines)


CONFIG_TABLE = "src/zookeeper/server/config_keys.c"
CONFIG_ROW = re.compile(
    r"""(?P<kind>BOOL|I32|I64|KIB|TEXT|SPECIAL|IGNORED|ENSEMBLE|REFUSED)\(\s*"(?P<name>[^"]+)"(?P<rest>[^()]*)\)\s*,"""
    r"""|\{\s*"(?P<raw_name>[^"]+)",\s*CONFIG_(?P<raw_kind>\w+)[^{}]*\}\s*,"""
    r"""|/\*(?P<section>.*?)\*/""", re.DOTALL)
CONFIG_FORMS = {"BOOL": "true or false", "I32": "number", "I64": "number", "KIB": "number of KiB", "TEXT": "text",
                "HOURS": "hours", "COMPRESSION": "gz, snappy or nothing", "SPECIAL": "see Apache's guide"}


def config_row(match, texts):
    name = match["name"] or match["raw_name"]
    kind = match["kind"] or match["raw_kind"]
    if kind not in ("IGNORED", "ENSEMBLE", "REFUSED"):
        return f"| `{name}` | {CONFIG_FORMS[kind]} | obeyed |"
    # A reason is one literal, or several that stand one behind another, or the name of a macro.
    literals = re.findall(r'"([^"]*)"', match["rest"])
    reason = "".join(literals) if literals else texts[match["rest"].strip(" ,\n")]
    said = "refused" if kind == "REFUSED" else "no effect"
    return f"| `{name}` | | {said}: {cell(reason)} |"


def configuration_page():
    source = (source_tree.ROOT / CONFIG_TABLE).read_text()
    texts = dict(re.findall(r'#define (\w+)(?:\s|\\\n)+"([^"]*)"', source))
    table = source[source.index("config_keys[] = {"):source.index("config_key_count")]
    lines = ["# ZooKeeper: configuration keys", "",
             f"Generated from `{CONFIG_TABLE}` by `tools/check_generated.py --fix`; do not edit.", "",
             "A key stands in `zoo.cfg`, or is given as a property: `-Dzookeeper.<key>=<value>` in `SERVER_JVMFLAGS`.",
             "Every key of Apache ZooKeeper 3.5 to 3.9 is known. A key without effect is told once at start, but",
             "for those that only tune ensembles of Java servers; a key that is refused stops the start with what to",
             "do; an unknown key is reported with the nearest known one."]
    rows = 0
    for match in CONFIG_ROW.finditer(table):
        if match["section"]:
            title = match["section"].strip()
            lines += ["", f"## {title[0].upper()}{title[1:]}", "", "| key | value | here |", "|---|---|---|"]
        else:
            rows += 1
            lines.append(config_row(match, texts))
    if rows != len(re.findall(r'^\s*(?:\w+\(|\{)\s*"', table, re.MULTILINE)):
        raise SystemExit(f"generate_docs: {CONFIG_TABLE} has rows that are not understood")
    return "\n".join(lines) + "\n"


KAFKA_TABLES = (
    ("kafka-broker-configuration.md", "src/kafka/server/broker_config_keys.c", "Kafka: brokers' configuration keys",
     ["A key stands in `server.properties`, or is given as `--override <key>=<value>`. Every key of Apache Kafka 2.7",
      "to 3.9 in ZooKeeper mode is known. A key without effect is told once at start; a key that is refused stops the",
      "start with what to do, when it has another value than its default; an unknown key is reported with the nearest",
      "known one. Keys of the modes `cluster` and `broker` can be changed while the broker runs",
      "(`kafka-configs.sh`)."]),
    ("kafka-topic-configuration.md", "src/kafka/server/topic_config_keys.c", "Kafka: topics' configuration keys",
     ["A key is given when a topic is made, or changed by `kafka-configs.sh --alter --topic`. What a topic does not",
      "set comes from the broker's key beside it."]),
)
KAFKA_ROW = re.compile(
    r"""(?P<kind>OBEYED|CHOICE|SPECIAL|IDLE|REFUSED)\((?P<args>(?:[^()"]|"[^"]*"|\([^()]*\))*)\)\s*,"""
    r"""|/\*(?P<section>.*?)\*/""", re.DOTALL)
KAFKA_MODES = {"RO": "", "CW": "cluster", "PB": "broker"}


def kafka_arguments(text, texts):
    """The arguments of a row; strings without their quotes, names of macros replaced."""
    values = []
    for word in re.findall(r'(?:"[^"]*"\s*)+|[^,\s][^,]*', text):
        word = word.strip()
        literals = re.findall(r'"([^"]*)"', word)
        values.append("".join(literals) if literals else texts.get(word, word))
    return values


def kafka_page(table, title, words):
    source = (source_tree.ROOT / table).read_text()
    texts = {name: "".join(re.findall(r'"([^"]*)"', text))
             for name, text in re.findall(r'#define (\w+)\s+(?:\\\n\s*)?("[^"\n]*")', source)}
    body = source[source.index("config_key keys[] = {"):source.index("\n};")]
    of_topics = "topic" in table
    note = f"Generated from `{table}` by `tools/check_generated.py --fix`; do not edit."
    lines = [f"# {title}", "", note, "", *words]
    rows = 0
    for match in KAFKA_ROW.finditer(body):
        if match["section"]:
            name = match["section"].strip()
            lines += ["", f"## {name[0].upper()}{name[1:]}", ""]
            lines += ["| key | type | default | broker's key | here |", "|---|---|---|---|---|"] if of_topics else [
                "| key | type | default | dynamic | here |", "|---|---|---|---|---|"]
            continue
        rows += 1
        values = kafka_arguments(match["args"], texts)
        key, kind, default, fourth, text = values[0], values[1].lower(), values[2], values[3], values[-1]
        shown = "" if default == "NULL" else f"`{default}`" if default else "empty"
        fourth = ("" if fourth == "NULL" else f"`{fourth}`") if of_topics else KAFKA_MODES[fourth]
        said = {"IDLE": "no effect: ", "REFUSED": "refused: "}.get(match["kind"], "")
        lines.append(f"| `{key}` | {kind} | {cell(shown)} | {fourth} | {said}{cell(text)} |")
    if rows != len(re.findall(r"^    (?:OBEYED|CHOICE|SPECIAL|IDLE|REFUSED)\(", body, re.MULTILINE)):
        raise SystemExit(f"generate_docs: {table} has rows that are not understood")
    return "\n".join(lines) + "\n"


def pages():
    """{path: text} of every generated page."""
    made = {}
    base = source_tree.ROOT / "docs/reference"
    for directory in sorted(p for p in (source_tree.ROOT / "schema").iterdir() if p.is_dir()):
        paths = [(path, path.name) for path in sorted(directory.glob("*.def"))]
        if not paths:
            continue
        folder = grammar.read_folder(directory.name, paths)
        made[base / f"{folder.name}-messages.md"] = messages_page(folder)
        made[base / f"{folder.name}-numbers.md"] = constants_page(folder)
    made[base / "zookeeper-configuration.md"] = configuration_page()
    for name, table, title, words in KAFKA_TABLES:
        made[base / name] = kafka_page(table, title, words)
    return made
