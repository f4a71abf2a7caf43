"""Replies as lines of text, with what differs from run to run replaced by names.

One line for each struct: its path, then its fields.  Replaced are UUIDs (topic ids and those inside
of member ids), ports, folders, the cluster's id, ids of fetch sessions, times near now, and free
space.  Where Apache answers in the order of a hash map, elements are sorted.
"""

import base64
import gzip
import re
import struct
import time
import zlib

from . import batch, codec

DAY_MS = 24 * 3600 * 1000
UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME_RANGE = re.compile(r"within \[-?\d+, -?\d+\]")
SHORT_ID = re.compile(r"(?<![\w-])[A-Za-z0-9_-]{22}(?![\w-])")

# (message, field) of arrays that Apache fills from a hash map, and what they are sorted by.
SORTED = {
    ("metadata_response", "topics"): ("name", "error_code"),
    ("topic", "partitions"): ("partition_index",),
    ("create_topics_response", "topics"): ("name",),
    ("delete_topics_response", "responses"): ("name", "error_code"),
    ("create_partitions_response", "results"): ("name",),
    ("describe_configs_response", "results"): ("resource_type", "resource_name"),
    ("result", "configs"): ("name",),
    ("topic", "configs"): ("name",),
    ("alter_configs_response", "responses"): ("resource_type", "resource_name"),
    ("incremental_alter_configs_response", "responses"): ("resource_type", "resource_name"),
    ("list_groups_response", "groups"): ("group_id",),
    ("delete_groups_response", "results"): ("group_id",),
    ("offset_commit_response", "topics"): ("name",),
    ("offset_fetch_response", "topics"): ("name",),
    ("group", "topics"): ("name",),
    ("group_topic", "partitions"): ("partition_index",),
    ("group", "members"): ("client_id", "group_instance_id"),
    ("join_group_response", "members"): ("group_instance_id", "metadata"),
    ("offset_delete_response", "topics"): ("name",),
    ("describe_log_dirs_response", "results"): ("log_dir",),
    ("log_dir", "topics"): ("name",),
    ("describe_client_quotas_response", "entries"): ("entity", "values"),
    ("entry", "entity"): ("entity_type",),
    ("entry", "values"): ("key",),
    ("alter_client_quotas_response", "entries"): ("entity",),
    ("list_offsets_response", "topics"): ("name",),
    ("delete_records_response", "topics"): ("name",),
    ("describe_producers_response", "topics"): ("name",),
    ("partition", "active_producers"): ("producer_id",),
    ("offset_for_leader_epoch_response", "topics"): ("topic",),
    ("list_partition_reassignments_response", "topics"): ("name",),
    ("alter_partition_reassignments_response", "responses"): ("name",),
    ("elect_leaders_response", "replica_election_results"): ("topic",),
    ("replica_election_result", "partition_result"): ("partition_id",),
    ("topic_result", "partition_result"): ("partition_id",),
    ("alter_user_scram_credentials_response", "results"): ("user",),
    ("describe_user_scram_credentials_response", "results"): ("user",),
    ("list_transactions_response", "transaction_states"): ("transactional_id",),
    ("describe_transactions_response", "transaction_states"): ("transactional_id",),
    ("add_partitions_to_txn_response", "results_by_topic_v3_and_below"): ("name",),
    ("topic_result", "results_by_partition"): ("partition_index",),
    ("txn_offset_commit_response", "topics"): ("name",),
    ("write_txn_markers_response", "markers"): ("producer_id",),
    ("describe_acls_response", "resources"): ("resource_type", "resource_name"),
    ("api_versions_response", "supported_features"): ("name",),
    ("produce_response", "responses"): ("name",),
    ("topic", "partition_responses"): ("index",),
    ("alter_replica_log_dirs_response", "results"): ("topic_name",),
    ("leader_and_isr_response", "partition_errors"): ("topic_name", "partition_index"),
    ("stop_replica_response", "partition_errors"): ("topic_name", "partition_index"),
}
# Long arrays, told by this field of their elements and without their length.
LABELLED = {"configs": "name", "api_keys": "api_key"}
# Configuration keys that only our broker has.
OURS = re.compile(r"samsa\.|flush\.before\.ack$|validate\.compressed\.records$")
BYTES_OF_DISK = {"total_bytes", "usable_bytes"}
# Numbers of an enum are told with their names.
ENUM_FIELDS = {"error_code": "error", "partition_error_code": "error"}


class Names:
    """What this recording's own ids, ports and folders are called."""

    def __init__(self, replaced):
        self.replaced = replaced        # [(text, name)]: ports and folders
        self.uuids = {}

    def forget(self):
        """Ids are named anew in each section, so that one more of them does not rename all that follow."""
        self.uuids = {}
        self.producers = {}

    def producer(self, value):
        """Which ids a broker gives away depends on its blocks of them."""
        if value < 0:
            return str(value)
        return self.producers.setdefault(value, f"<producer {len(self.producers) + 1}>")

    def uuid(self, value):
        """Named in the order in which they appear; Kafka writes some of them in base 64."""
        if value not in self.uuids:
            name = f"<uuid {len(self.uuids) // 2 + 1}>"
            raw = bytes.fromhex(value.replace("-", ""))
            self.uuids[value] = name
            self.uuids[base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")] = name
        return self.uuids[value]

    def text(self, value):
        for text, name in self.replaced:
            value = value.replace(text, name)
        value = TIME_RANGE.sub("within [<from>, <to>]", value)
        value = UUID_TEXT.sub(lambda match: self.uuid(match[0]), value)
        return SHORT_ID.sub(lambda match: self.uuids.get(match[0], match[0]), value)


def is_near_now(value):
    return abs(value - time.time() * 1000) < DAY_MS


def show_number(value):
    return "<now>" if is_near_now(value) else str(value)


def show_bytes(data):
    if data is None:
        return "null"
    text = "".join(chr(c) if 32 < c < 127 and c not in b'"\\' else f"\\x{c:02x}" for c in data)
    return f'"{text}"'


def show_text(value):
    return '"' + value.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def show_records(data, names):
    """One text for each batch: what the broker may change by name, the records as bytes."""
    if data is None:
        return ["null"]
    out = []
    for offset, raw in batch.split(data):
        if offset < 0:
            continue        # what Apache fills up a conversion with: clients take it for the begin of a message
        if len(raw) < 17 or len(raw) - 12 < struct.unpack_from(">i", raw, 8)[0]:
            out.append(f"offset={offset} cut off")
        elif raw[16] < 2:
            out.append(show_old_message(offset, raw))
        else:
            out.append(show_batch(raw, names))
    return out


def unzip(data):
    try:
        return gzip.decompress(data)
    except (OSError, EOFError):
        return b"not gzip: " + data


def show_old_message(offset, raw):
    """What is compressed is shown as it was before: compressors differ."""
    crc, magic, attributes = struct.unpack_from(">IBb", raw, 12)
    at, fields = 18, []
    checked = "ok" if zlib.crc32(raw[16:]) == crc else "WRONG"
    if magic == 1:
        fields.append("time=" + show_number(struct.unpack_from(">q", raw, at)[0]))
        at += 8
    for name in ("key", "value"):
        size = struct.unpack_from(">i", raw, at)[0]
        data = None if size < 0 else raw[at + 4:at + 4 + size]
        at += 4 + max(size, 0)
        if name == "value" and attributes & 7 == 1:
            inner = [show_old_message(*one) for one in batch.split(unzip(data))]
            fields.append("[" + "; ".join(inner) + "]")
        else:
            fields.append(f"{name}={'null' if data is None else data.hex()}")
    return f"offset={offset} magic={magic} crc={checked} attributes={attributes} {' '.join(fields)}"


def show_batch(raw, names):
    base, _, epoch, magic, crc = struct.unpack_from(">qiibI", raw)
    attributes, last, first_time, max_time, producer, producer_epoch, sequence, count = struct.unpack_from(
        ">hiqqqhii", raw, 21)
    body = raw[61:]
    if attributes & 7 == 1:
        body = unzip(body)
    # A control record's body tells the coordinator's epoch; its time is the broker's.
    checked = "ok" if batch.crc32c(raw[21:]) == crc else "WRONG"
    return (f"offset={base} magic={magic} epoch={epoch} crc={checked} attributes={attributes} last={last} "
            f"time={show_number(first_time)}-{show_number(max_time)} "
            f"producer={names.producer(producer)}/{producer_epoch}/{sequence} count={count} {body.hex()}")


class Shower:
    def __init__(self, names):
        self.names = names
        self.lines = []

    def scalar(self, kind, name, value):
        if value is None:
            return "null"
        if name in BYTES_OF_DISK and value > 0:
            return "<bytes>"
        if kind == "uuid":
            return "0" if value == codec.NO_UUID else self.names.uuid(uuid_text(value))
        if kind == "string":
            if name == "documentation" and value:
                return "<text>"
            return "<cluster>" if name == "cluster_id" else show_text(self.names.text(value))
        if kind == "bytes":
            return show_bytes(value)
        if kind == "bool":
            return "true" if value else "false"
        if name == "port":
            return self.names.text(str(value))
        if name == "session_id" and value:
            return "<session>"
        if name in ("producer_id", "producer_id_filters"):
            return self.names.producer(value)
        if name in ENUM_FIELDS:
            return codec.ERRORS.get(value, str(value))
        return show_number(value) if kind == "int64" else str(value)

    def record(self, message, values, path):
        """This struct's line, then those of the structs in it."""
        line, deeper = [], []
        for field in message.fields:
            if field.name not in values:
                continue
            value = values[field.name]
            where = f"{path}.{field.name}" if path else field.name
            if field.kind == "records":
                deeper += [(None, one, where) for one in show_records(value, self.names)]
            elif field.kind == "array" and field.element == "struct" and value is not None:
                if field.name == "configs":
                    value = [one for one in value if not OURS.match(str(one.get("name")))]
                if field.name not in LABELLED:
                    line.append(f"{field.name}={len(value)}")
                deeper += [(field.record, one, f"{where}[{label}]") for label, one in
                           self.labelled(message, field, value)]
            elif field.kind == "array" and value is not None:
                line.append(f"{field.name}=[" + ",".join(self.scalar(field.element, field.name, one)
                                                         for one in value) + "]")
            elif field.kind == "struct" and value is not None:
                deeper.append((field.record, value, where))
            else:
                line.append(f"{field.name}={self.scalar(field.kind, field.name, value)}")
        for tag, data in values.get("unknown_tags", []):
            line.append(f"tag{tag}={data.hex()}")
        if line or not path:
            self.lines.append((f"{path}: " if path else "") + (" ".join(line) or "empty"))
        for record, value, where in deeper:
            if record is None:
                self.lines.append(f"{where}: {value}")
            else:
                self.record(record, value, where)

    def labelled(self, message, field, elements):
        """Sorted where Apache has no order; named by their key, so that one more does not rename the rest."""
        by = LABELLED.get(field.name)
        order = SORTED.get((message.name, field.name))
        if order is not None:
            elements = sorted(elements, key=lambda one: [str(one.get(name)) for name in order])
        labels = [self.names.text(str(one.get(by))) for one in elements] if by else []
        if not by or len(set(labels)) < len(elements):
            labels = range(len(elements))
        return zip(labels, elements)


def uuid_text(value):
    """As the textual form, so that an id has one name in both."""
    text = value.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def show_reply(api_key, values, names):
    shower = Shower(names)
    shower.record(codec.RESPONSES[api_key], values, "")
    return shower.lines


def show_request(api_key, version, values, names):
    """The fields that the script gave and the version has, on one line."""
    return show_part(codec.REQUESTS[api_key], version, values, names)


def show_part(message, version, values, names):
    shower = Shower(names)
    parts = []
    for field in message.fields:
        if field.name not in values or not field.versions.has(version):
            continue
        value = values[field.name]
        if value is None:
            text = "null"
        elif field.kind == "records":
            text = f"<{len(value)} bytes>"
        elif field.kind == "struct":
            text = show_part(field.record, version, value, names)
        elif field.kind == "array":
            text = "[" + ", ".join(show_part(field.record, version, one, names) if field.element == "struct"
                                   else shower.scalar(field.element, field.name, one) for one in value) + "]"
        else:
            text = shower.scalar(field.kind, field.name, value)
        parts.append(f"{field.name}={text}")
    return "{" + " ".join(parts) + "}"
