"""Reads .def files (the grammar stands in README.md) into plain objects and checks them.

Everything that the generated tables promise to the codec (codec_table.h) is checked here: names resolve, no struct
contains itself, nesting is bounded, array elements take at least a byte, tags ascend.
"""
import re
import struct
from dataclasses import dataclass, field as dataclass_field

VERSION_MAX = 32767
MAX_DEPTH = 12
INTEGERS = {"int8": (1, True), "int16": (2, True), "int32": (4, True), "int64": (8, True),
            "uint16": (2, False), "uint32": (4, False)}
JUTE_TYPES = {"bool", "int32", "int64", "string", "bytes"}
KAFKA_TYPES = JUTE_TYPES | {"int8", "int16", "uint16", "uint32", "float64", "uuid", "records"}
FIXED_BYTES = {"bool": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8,
               "float64": 8, "uuid": 16}
LENGTH_BYTES = {"jute": {}, "classic": {"string": 2}, "compact": {}}
NAME = re.compile(r"[a-z][a-z0-9_]*$")
C_WORDS = {"auto", "bool", "break", "case", "char", "const", "continue", "default", "do", "double",
           "else", "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
           "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union",
           "unsigned", "void", "volatile", "while", "true", "false"}


class SchemaError(Exception):
    """A line of a .def file that breaks the grammar."""


@dataclass(frozen=True)
class Versions:
    first: int
    last: int

    def has(self, version):
        return self.first <= version <= self.last

    def common(self, other):
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Versions(first, last) if first <= last else NONE

    def inside(self, other):
        return self.first > self.last or (other.first <= self.first and self.last <= other.last)


NONE = Versions(1, 0)
ALL = Versions(0, VERSION_MAX)


@dataclass
class Field:
    name: str
    kind: str               # a primitive, "struct" or "array"
    element: str = ""       # of an array: a primitive or "struct"
    struct_name: str = ""   # as written
    record: object = None   # the Message that struct_name means
    versions: Versions = ALL
    nullable: Versions = NONE
    tag: int = -1
    tagged: Versions = NONE
    default: object = None
    default_null: bool = False
    ignorable: bool = False
    classic: bool = False
    is_key: bool = False
    entity: str = ""
    comment: str = ""
    place: str = ""


@dataclass
class Message:
    name: str
    c_name: str
    dialect: str
    versions: Versions
    flexible: Versions
    is_top: bool            # a message, not only a part of one
    api_key: int = -1
    role: str = ""
    comment: str = ""
    place: str = ""
    fields: list = dataclass_field(default_factory=list)
    structs: dict = dataclass_field(default_factory=dict)
    # (versions, flexible versions) of every message that it is or is part of: how it stands on the wire.
    contexts: set = dataclass_field(default_factory=set)

    def is_flexible(self):
        return any(flexible != NONE for _, flexible in self.contexts)


@dataclass
class Enum:
    name: str
    c_name: str
    c_prefix: str
    comment: str
    values: list = dataclass_field(default_factory=list)  # (NAME, number, name, text or None)


@dataclass
class Folder:
    """All .def files of one folder: they share one name space."""
    name: str
    prefix: str = ""
    messages: list = dataclass_field(default_factory=list)  # structs too, parts before wholes
    enums: list = dataclass_field(default_factory=list)


def parse_versions(text, place):
    if text == "none":
        return NONE
    match = re.fullmatch(r"(\d+)(?:(\+)|-(\d+))?", text)
    if not match:
        raise SchemaError(f"{place}: '{text}' is no version range (a, a-b, a+, none)")
    first = int(match[1])
    last = VERSION_MAX if match[2] else int(match[3]) if match[3] else first
    if last < first:
        raise SchemaError(f"{place}: '{text}' ends before it begins")
    return Versions(first, last)


def looks_like_versions(text):
    return re.fullmatch(r"none|\d+(\+|-\d+)?", text) is not None


def split_line(line, place):
    """Words of a line (quoted text is one word, quotes kept) and its comment."""
    words, rest = [], line.strip()
    while rest:
        if rest[0] == "#":
            return words, rest[1:].strip()
        match = re.match(r'"[^"]*"|[^\s#"]+', rest)
        if not match:
            raise SchemaError(f"{place}: a quote is not closed")
        words.append(match[0])
        rest = rest[match.end():].lstrip()
    return words, ""


class Words:
    """The words of one line, taken from the left."""

    def __init__(self, words, place):
        self.words, self.place, self.at = words, place, 0

    def more(self):
        return self.at < len(self.words)

    def take(self, what):
        if not self.more():
            raise SchemaError(f"{self.place}: {what} is missing")
        self.at += 1
        return self.words[self.at - 1]

    def peek(self):
        return self.words[self.at] if self.more() else ""

    def take_int(self, what):
        word = self.take(what)
        if not re.fullmatch(r"-?\d+", word):
            raise SchemaError(f"{self.place}: {what} must be a number, not '{word}'")
        return int(word)


def check_name(name, place):
    if not NAME.match(name) or name in C_WORDS:
        raise SchemaError(f"{place}: '{name}' cannot be a name (snake case, no word of C)")
    return name


class FileParser:
    """One .def file: fills the folder."""

    def __init__(self, folder, path, label):
        self.folder, self.label = folder, label
        self.dialect = ""
        self.message = self.record = self.enum = None
        self.pending_comment = []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                self.parse_line(line.rstrip("\n"), f"{label}:{number}")
        if not self.dialect:
            raise SchemaError(f"{label}: the file names no dialect")

    def parse_line(self, line, place):
        if "\t" in line:
            raise SchemaError(f"{place}: a tab; indent with spaces")
        words, comment = split_line(line, place)
        if not words:
            self.pending_comment = self.pending_comment + [comment] if comment else []
            return
        above, self.pending_comment = " ".join(self.pending_comment), []
        indented = line[0] == " "
        rest = Words(words, place)
        if not indented:
            self.parse_top(rest, comment or above, place)
        elif self.enum is not None:
            self.parse_value(rest, place)
        elif self.message is None:
            raise SchemaError(f"{place}: a field outside of a message")
        elif rest.peek() == "struct" and len(words) == 2:
            self.start_nested(rest, comment or above, place)
        else:
            self.record.fields.append(self.parse_field(rest, comment, place))

    def parse_top(self, rest, comment, place):
        word = rest.take("a keyword")
        if word == "dialect":
            self.dialect = rest.take("the dialect")
            if self.dialect not in ("jute", "kafka", "constants"):
                raise SchemaError(f"{place}: unknown dialect '{self.dialect}'")
        elif word == "prefix":
            prefix = check_name(rest.take("the prefix"), place)
            if self.folder.prefix not in ("", prefix):
                raise SchemaError(f"{place}: this folder's prefix is {self.folder.prefix} already")
            self.folder.prefix = prefix
        elif word in ("message", "struct") and self.dialect in ("jute", "kafka"):
            self.start_message(word, rest, comment, place)
        elif word == "enum" and self.dialect == "constants":
            name = check_name(rest.take("the name"), place)
            self.enum = Enum(name, f"{self.folder.prefix}_{name}", rest.take("the prefix"), comment)
            self.folder.enums.append(self.enum)
        else:
            raise SchemaError(f"{place}: '{word}' does not belong here")
        if rest.more():
            raise SchemaError(f"{place}: '{rest.peek()}' is one word too many")

    def start_message(self, word, rest, comment, place):
        name = check_name(rest.take("the name"), place)
        message = Message(name, f"{self.folder.prefix}_{name}", self.dialect, Versions(0, 0), NONE,
                          word == "message", comment=comment, place=place)
        while word == "message" and rest.more():
            option = rest.take("an option")
            if option == "versions":
                message.versions = parse_versions(rest.take("the versions"), place)
            elif option == "flexible" and self.dialect == "kafka":
                message.flexible = parse_versions(rest.take("the versions"), place)
            elif option == "api" and self.dialect == "kafka":
                message.api_key = rest.take_int("the API's key")
            elif option in ("request", "response", "header", "data") and self.dialect == "kafka":
                message.role = option
            else:
                raise SchemaError(f"{place}: unknown option '{option}'")
        if message.versions.last == VERSION_MAX or message.versions == NONE:
            raise SchemaError(f"{place}: a message names its last version")
        if message.flexible != NONE and message.flexible.last != VERSION_MAX:
            raise SchemaError(f"{place}: once flexible, always flexible (a+)")
        if any(other.c_name == message.c_name for other in self.folder.messages):
            raise SchemaError(f"{place}: {name} stands twice")
        self.folder.messages.append(message)
        self.message = self.record = message
        self.enum = None

    def start_nested(self, rest, comment, place):
        rest.take("struct")
        name = check_name(rest.take("the name"), place)
        outer = self.message
        if name in outer.structs:
            raise SchemaError(f"{place}: {name} stands twice in {outer.name}")
        self.record = Message(name, f"{outer.c_name}_{name}", outer.dialect, outer.versions,
                              outer.flexible, False, comment=comment, place=place)
        outer.structs[name] = self.record
        self.folder.messages.append(self.record)

    def parse_value(self, rest, place):
        name = rest.take("the name")
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            raise SchemaError(f"{place}: '{name}' must be upper case")
        number = rest.take_int("the number")
        printed = rest.take("the printed name")
        text = rest.take("the text") if rest.more() else None
        if text is not None and text[0] != '"':
            raise SchemaError(f"{place}: the text stands in quotes")
        self.enum.values.append((name, number, printed, text))

    def parse_field(self, rest, comment, place):
        field = Field(check_name(rest.take("the name"), place), "", comment=comment, place=place)
        self.parse_type(field, rest.take("the type"), place)
        if rest.more() and looks_like_versions(rest.peek()):
            field.versions = parse_versions(rest.take("the versions"), place)
        default = None
        while rest.more():
            option = rest.take("an option")
            if option == "nullable":
                given = rest.more() and looks_like_versions(rest.peek())
                field.nullable = parse_versions(rest.take(""), place) if given else field.versions
            elif option == "tag":
                field.tag = rest.take_int("the tag")
                given = rest.more() and looks_like_versions(rest.peek())
                field.tagged = parse_versions(rest.take(""), place) if given else field.versions
            elif option == "default":
                default = rest.take("the default")
            elif option in ("ignorable", "classic"):
                setattr(field, option, True)
            elif option == "key":
                field.is_key = True
            elif option == "entity":
                field.entity = rest.take("the entity")
            else:
                raise SchemaError(f"{place}: unknown option '{option}'")
        self.set_default(field, default, place)
        return field

    def parse_type(self, field, text, place):
        inner = re.fullmatch(r"\[(\w+)\]", text)
        name = inner[1] if inner else text
        known = JUTE_TYPES if self.dialect == "jute" else KAFKA_TYPES
        if name not in known:
            if name in KAFKA_TYPES or not NAME.match(name):
                raise SchemaError(f"{place}: '{name}' is no type of the dialect {self.dialect}")
            field.struct_name, name = name, "struct"
        field.kind, field.element = ("array", name) if inner else (name, "")

    @staticmethod
    def set_default(field, text, place):
        if text is None:
            return
        if text == "null":
            field.default_null = True
        elif field.kind in INTEGERS:
            size, signed = INTEGERS[field.kind]
            try:
                field.default = int(text, 0)
            except ValueError:
                raise SchemaError(f"{place}: the default '{text}' is no number") from None
            low, high = (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
            if not low <= field.default <= high:
                raise SchemaError(f"{place}: the default {text} does not fit into {field.kind}")
        elif field.kind == "bool" and text in ("true", "false"):
            field.default = int(text == "true")
        elif field.kind == "float64":
            field.default = struct.unpack("<q", struct.pack("<d", float(text)))[0]
        elif field.kind == "string" and text[0] == '"':
            field.default = text
        else:
            raise SchemaError(f"{place}: {field.kind} cannot have the default {text}")


def resolve(folder):
    """Finds what the struct names mean, and orders the messages so that parts stand before wholes."""
    shared = {m.name: m for m in folder.messages if m.c_name == f"{folder.prefix}_{m.name}"}
    ordered, open_names, done = [], [], set()

    def visit(message, scope):
        if message.c_name in done:
            return
        if message.c_name in open_names:
            raise SchemaError(f"{message.place}: {message.name} contains itself")
        open_names.append(message.c_name)
        if len(open_names) > MAX_DEPTH:
            raise SchemaError(f"{message.place}: nested deeper than {MAX_DEPTH}")
        for field in message.fields:
            if field.struct_name:
                field.record = scope.get(field.struct_name) or shared.get(field.struct_name)
                if field.record is None:
                    raise SchemaError(f"{field.place}: there is no struct {field.struct_name}")
                visit(field.record, {**scope, **field.record.structs})
        open_names.pop()
        done.add(message.c_name)
        ordered.append(message)

    for message in folder.messages:
        if message.c_name == f"{folder.prefix}_{message.name}":
            visit(message, message.structs)
    unused = [m for m in folder.messages if m.c_name not in done]
    if unused:
        raise SchemaError(f"{unused[0].place}: nothing uses the struct {unused[0].name}")
    folder.messages = ordered
    for message in reversed(ordered):
        if message.is_top:
            message.contexts.add((message.versions, message.flexible))
        for field in message.fields:
            if field.record is not None:
                field.record.contexts |= {(versions.common(field.versions), flexible)
                                          for versions, flexible in message.contexts}
    unused = [m for m in ordered if not m.contexts]
    if unused:
        raise SchemaError(f"{unused[0].place}: nothing uses the struct {unused[0].name}")


def field_min_bytes(field, version, form):
    length = LENGTH_BYTES[form].get(field.kind, 1 if form == "compact" else 4)
    if field.kind in FIXED_BYTES:
        return FIXED_BYTES[field.kind]
    if field.kind != "struct":
        return 2 if field.classic else length
    if field.nullable.has(version):
        return 1
    return min_bytes_in(field.record, version, form)


def min_bytes_in(message, version, form):
    total = 1 if form == "compact" else 0
    for field in message.fields:
        if field.versions.has(version) and not field.tagged.has(version):
            total += field_min_bytes(field, version, form)
    return total


def min_bytes(message):
    """The least that it takes in any message around it, in any version."""
    sizes = []
    for versions, flexible in message.contexts:
        for version in range(versions.first, versions.last + 1):
            form = ("jute" if message.dialect == "jute" else
                    "compact" if flexible.has(version) else "classic")
            sizes.append(min_bytes_in(message, version, form))
    return min(sizes, default=0)


def fixed_bytes(message):
    """What every value takes on the wire, whatever the version; 0 when that depends."""
    if message.is_flexible():
        return 0
    total = 0
    for field in message.fields:
        size = FIXED_BYTES.get(field.kind, 0)
        if field.kind == "struct" and field.nullable == NONE:
            size = fixed_bytes(field.record)
        if size == 0 or field.versions != ALL:
            return 0
        total += size
    return total


def check_field(field, message):
    place, is_jute = field.place, message.dialect == "jute"
    if is_jute and (field.nullable != NONE or field.tag >= 0 or field.default is not None or
                    field.default_null or field.ignorable or field.classic):
        raise SchemaError(f"{place}: jute knows neither null versions, tags, defaults nor ignorable fields")
    can_be_null = field.kind in ("string", "bytes", "records", "array", "struct")
    if field.nullable != NONE and not can_be_null:
        raise SchemaError(f"{place}: a {field.kind} cannot be null")
    if not field.nullable.inside(field.versions) or not field.tagged.inside(field.versions):
        raise SchemaError(f"{place}: null or tagged in versions that lack the field")
    for _, flexible in message.contexts:
        if field.tag >= 0 and not field.tagged.inside(flexible):
            raise SchemaError(f"{place}: tagged in versions that are not flexible")
    if field.default_null and field.nullable == NONE:
        raise SchemaError(f"{place}: the default is null, but null is never allowed")
    if field.classic and field.kind != "string":
        raise SchemaError(f"{place}: only strings have a classic form to keep")
    if field.kind == "array" and field.element == "struct" and min_bytes(field.record) == 0:
        raise SchemaError(f"{place}: elements of no bytes can be claimed without end")


def check(folder):
    for message in folder.messages:
        names = [field.name for field in message.fields]
        for name in names:
            if names.count(name) > 1:
                raise SchemaError(f"{message.place}: {name} stands twice in {message.name}")
        tags = [field.tag for field in message.fields if field.tag >= 0]
        if tags != sorted(set(tags)):
            raise SchemaError(f"{message.place}: the tags of {message.name} must ascend")
        for field in message.fields:
            check_field(field, message)
    for enum in folder.enums:
        numbers = [value[1] for value in enum.values]
        if not numbers or len(set(numbers)) != len(numbers):
            raise SchemaError(f"enum {enum.name}: no values, or a number stands twice")
        if len({value[3] is None for value in enum.values}) > 1:
            raise SchemaError(f"enum {enum.name}: all values have a text, or none")


def read_folder(name, paths):
    folder = Folder(name)
    for path, label in paths:
        FileParser(folder, path, label)
    if not folder.prefix:
        raise SchemaError(f"{name}: no file of the folder names a prefix")
    resolve(folder)
    check(folder)
    return folder
