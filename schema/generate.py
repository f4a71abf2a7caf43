#!/usr/bin/env python3
"""Writes C from the .def files below this folder: structs and codec tables, constants and their names.

    generate.py --out DIR [--schema DIR]   writes DIR/<folder>/messages.{h,c} and constants.{h,c}
    generate.py --list-outputs             prints what it would write, relative to DIR

<folder> is a folder of .def files (zookeeper, kafka). A file that would not change is not touched. The grammar
stands in README.md, the meaning of the tables in src/wire/codec_table.h. Nothing but Python's own library is needed.
"""
import argparse
import pathlib
import sys
import textwrap

import grammar

C_TYPES = {"bool": "bool", "int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "int64": "int64_t",
           "uint16": "uint16_t", "uint32": "uint32_t", "float64": "double", "uuid": "struct codec_uuid",
           "string": "struct slice", "bytes": "struct slice", "records": "struct slice"}
LINE_MAX = 100


def versions_text(versions):
    if versions.first > versions.last:
        return "never"
    if versions.first == versions.last:
        return f"{versions.first}"
    return f"{versions.first}+" if versions.last == grammar.VERSION_MAX else f"{versions.first}-{versions.last}"


def c_type(kind, record):
    return f"struct {record.c_name}" if kind == "struct" else C_TYPES[kind]


def field_remark(field, message):
    """The comment behind a member: versions where they are not the message's, then the schema's words."""
    parts = []
    if message.dialect == "kafka":
        if field.versions != grammar.ALL:
            parts.append(f"versions {versions_text(field.versions)}")
        if field.nullable != grammar.NONE:
            parts.append(f"null {versions_text(field.nullable)}")
        if field.tag >= 0:
            parts.append(f"tag {field.tag}")
    elif field.versions != grammar.ALL:
        parts.append(f"versions {versions_text(field.versions)}")
    if field.comment:
        parts.append(field.comment)
    return "; ".join(parts)


def comment_lines(text, indent=""):
    if not text:
        return []
    lines = textwrap.wrap(text, LINE_MAX - len(indent) - 6)
    if len(lines) == 1:
        return [f"{indent}/* {lines[0]} */"]
    return [f"{indent}/* {lines[0]}"] + [f"{indent} * {line}" for line in lines[1:-1]] + [f"{indent} * {lines[-1]} */"]


def member_lines(field, message):
    if field.kind == "array":
        lines = [f"    {c_type(field.element, field.record)} *{field.name};",
                 f"    int32_t {field.name}_count;"]
    else:
        lines = [f"    {c_type(field.kind, field.record)} {field.name};"]
        if field.kind == "struct" and field.nullable != grammar.NONE:
            lines.append(f"    bool has_{field.name};")
    remark = field_remark(field, message)
    if remark:
        with_remark = f"{lines[0]} /* {remark} */"
        fits = len(with_remark) <= LINE_MAX
        lines[0:1] = [with_remark] if fits else comment_lines(remark, "    ") + [lines[0]]
    return lines


def struct_lines(message):
    lines = comment_lines(message.comment) + [f"struct {message.c_name} {{"]
    for field in message.fields:
        lines += member_lines(field, message)
    if message.is_flexible():
        lines += ["    struct codec_tagged *unknown_tagged_fields;",
                  "    int32_t unknown_tagged_fields_count;"]
    if lines[-1].endswith("{"):
        lines.append("    char no_fields; /* C has no empty structs */")
    lines += ["};", f"extern const struct codec_message {message.c_name}_message;", ""]
    return lines


def versions_c(versions):
    last = "CODEC_VERSION_MAX" if versions.last == grammar.VERSION_MAX else versions.last
    return f"{{{versions.first}, {last}}}"


def number_c(number):
    if number == -(1 << 63):
        return "INT64_MIN"
    return f"{number}" if abs(number) < 1 << 31 else f"{number}LL"


def field_table_lines(field, message):
    struct_name = f"struct {message.c_name}"
    parts = [f'.name = "{field.name}"', f".kind = CODEC_{field.kind.upper()}",
             f".offset = offsetof({struct_name}, {field.name})",
             f".versions = {versions_c(field.versions)}", f".nullable = {versions_c(field.nullable)}",
             f".tagged = {versions_c(field.tagged)}", f".tag = {field.tag}"]
    if field.kind == "array":
        parts.append(f".element = CODEC_{field.element.upper()}")
    if field.record is not None:
        parts.append(f".record = &{field.record.c_name}_message")
    if field.kind == "struct" and field.nullable != grammar.NONE:
        parts.append(f".present_offset = offsetof({struct_name}, has_{field.name})")
    if isinstance(field.default, str):
        parts.append(f".default_text = {field.default}")
    elif field.default:
        parts.append(f".default_number = {number_c(field.default)}")
    flags = [name for name, on in (("CODEC_FIELD_DEFAULT_NULL", field.default_null),
                                   ("CODEC_FIELD_IGNORABLE", field.ignorable),
                                   ("CODEC_FIELD_CLASSIC", field.classic)) if on]
    if flags:
        parts.append(f".flags = {' | '.join(flags)}")
    lines, line = [], "    {"
    for part in parts:
        if len(line) + len(part) + 2 > LINE_MAX:
            lines.append(line.rstrip())
            line = "     "
        line += part + ", "
    return lines + [line[:-2] + "},"]


def table_lines(message):
    lines = []
    for field in message.fields:
        if field.kind == "array":
            lines.append(f"_Static_assert(offsetof(struct {message.c_name}, {field.name}_count) ==\n"
                         f"                   offsetof(struct {message.c_name}, {field.name}) + sizeof(void *),\n"
                         '               "the count follows the pointer");')
    fields = "NULL"
    if message.fields:
        fields = f"{message.c_name}_fields"
        lines.append(f"static const struct codec_field {fields}[] = {{")
        for field in message.fields:
            lines += field_table_lines(field, message)
        lines.append("};")
    unknown = "UINT32_MAX"
    if message.is_flexible():
        unknown = f"offsetof(struct {message.c_name}, unknown_tagged_fields)"
    flexible = message.flexible.first if message.is_flexible() else "CODEC_VERSION_MAX"
    lines += [f"const struct codec_message {message.c_name}_message = {{",
              f'    .name = "{message.name}",', f"    .fields = {fields},",
              f"    .size = sizeof(struct {message.c_name}),",
              f"    .min_bytes = {grammar.min_bytes(message)},",
              f"    .fixed_bytes = {grammar.fixed_bytes(message)},", f"    .unknown_offset = {unknown},",
              f"    .field_count = {len(message.fields)},", f"    .api_key = {message.api_key},",
              f"    .min_version = {message.versions.first},", f"    .max_version = {message.versions.last},",
              f"    .flexible_from = {flexible},", f"    .dialect = CODEC_{message.dialect.upper()},", "};", ""]
    return lines


def header_text(folder, file_name, includes, body):
    guard = f"GENERATED_{folder.name.upper()}_{file_name.upper()}_H"
    lines = [f"/* Generated by schema/generate.py from the .def files of {folder.name}/. Do not edit. */",
             f"#ifndef {guard}", f"#define {guard}", ""]
    lines += [f'#include "{include}"' for include in includes] + [""] + body + ["#endif", ""]
    return "\n".join(lines)


def source_text(folder, includes, body):
    lines = [f"/* Generated by schema/generate.py from the .def files of {folder.name}/. Do not edit. */"]
    lines += [f'#include "{include}"' for include in includes] + [""] + body
    return "\n".join(lines).rstrip("\n") + "\n"


def message_files(folder):
    prefix = folder.prefix
    tops = [message for message in folder.messages if message.is_top]
    body = []
    for message in folder.messages:
        body += struct_lines(message)
    body += ["/* Every message, for tests, fuzzers and tools. */",
             f"extern const struct codec_message *const {prefix}_messages[];",
             f"extern const size_t {prefix}_message_count;", ""]
    tables = []
    for message in folder.messages:
        tables += table_lines(message)
    tables.append(f"const struct codec_message *const {prefix}_messages[] = {{")
    tables += [f"    &{message.c_name}_message," for message in tops]
    tables += ["};", f"const size_t {prefix}_message_count = {len(tops)};"]
    yield f"{folder.name}/messages.h", header_text(folder, "messages", ["wire/codec.h"], body)
    yield (f"{folder.name}/messages.c",
           source_text(folder, [f"generated/{folder.name}/messages.h", "wire/codec_table.h"], tables))


def name_function(enum, suffix, column):
    lines = [f"const char *{enum.c_name}_{suffix}(int value)", "{", "    switch (value) {"]
    for value in enum.values:
        text = value[column] if value[column][0] == '"' else f'"{value[column]}"'
        lines += [f"    case {enum.c_prefix}_{value[0]}:", f"        return {text};"]
    return lines + ["    default:", '        return "unknown";', "    }", "}", ""]


def constant_files(folder):
    body, functions = [], []
    for enum in folder.enums:
        body += comment_lines(enum.comment) + [f"enum {enum.c_name} {{"]
        body += [f"    {enum.c_prefix}_{name} = {number}," for name, number, _, _ in enum.values]
        body += ["};", ""]
        body.append('/* The name as Apache prints it; "unknown" when there is none. */')
        body += [f"const char *{enum.c_name}_name(int value);", ""]
        functions += name_function(enum, "name", 2)
        if enum.values[0][3] is not None:
            body += [f"const char *{enum.c_name}_text(int value);", ""]
            functions += name_function(enum, "text", 3)
    yield f"{folder.name}/constants.h", header_text(folder, "constants", ["base/base.h"], body)
    yield (f"{folder.name}/constants.c",
           source_text(folder, [f"generated/{folder.name}/constants.h"], functions))


def outputs(schema_dir):
    """(relative path, text) of every file."""
    for directory in sorted(path for path in schema_dir.iterdir() if path.is_dir()):
        paths = [(path, str(path.relative_to(schema_dir))) for path in sorted(directory.glob("*.def"))]
        if not paths:
            continue
        folder = grammar.read_folder(directory.name, paths)
        if folder.messages:
            yield from message_files(folder)
        if folder.enums:
            yield from constant_files(folder)


def write_if_changed(path, text):
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="C from schema/*.def")
    parser.add_argument("--out", type=pathlib.Path, help="where the generated folders go")
    parser.add_argument("--schema", type=pathlib.Path, default=here, help="where the .def folders are")
    parser.add_argument("--list-outputs", action="store_true")
    arguments = parser.parse_args()
    if not arguments.list_outputs and arguments.out is None:
        parser.error("--out is needed")
    try:
        files = list(outputs(arguments.schema))
    except grammar.SchemaError as error:
        print(f"schema: {error}", file=sys.stderr)
        return 1
    for name, text in files:
        if arguments.list_outputs:
            print(name)
        else:
            write_if_changed(arguments.out / name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
