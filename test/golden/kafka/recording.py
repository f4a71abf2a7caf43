"""Runs the script against a broker and writes down what the broker said.

A recording is text: one block for each step, one line for what is sent, then lines for what came.

    [0007] a Metadata v9 unknown topic          the step: number, connection, API and version
      > {topics=[{name="nobody"}]}              the fields that the script gave
      < throttle_time_ms=0 brokers=1 ...        the reply: one line for each struct, see show.py
      = closed                                  anything else that happened

Steps are numbered within their section.
"""

import time

from . import codec, show
from .client import CLOSED, Connection

WAIT_S = 10


class Recording:
    """The text that grows, and the sections' access to the broker under test."""

    def __init__(self, broker, replaced, config):
        self.broker = broker
        self.config = config
        self.names = show.Names(replaced)
        self.lines = []
        self.count = 0
        self.step = 0
        self.open = []
        self.quiet = None

    # --- writing ---

    def begin_section(self, name, about):
        self.step = 0
        self.names.forget()
        self.lines += ["", f"=== {name}: {about}"]

    def end_section(self):
        for talk in self.open:
            talk.close()
        self.open = []

    def begin_step(self, text):
        self.step += 1
        self.count += 1
        self.lines.append(f"[{self.step:04d}] {text}")

    def happened(self, text):
        self.lines.append(f"  = {text}")

    # --- acting ---

    def connect(self, name="a"):
        talk = Talk(self, name)
        self.open.append(talk)
        return talk

    def call(self, api, version, **values):
        """A request that is not recorded, on a connection of its own."""
        for _ in range(2):
            if self.quiet is None:
                self.quiet = Connection(self.broker.address)
            try:
                return self.quiet.call(api, version, **values)
            except ConnectionError:
                self.quiet.close()
                self.quiet = None
        return {}

    def wait(self, what, question):
        """Polls, unrecorded, until `question` gives something true."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            found = question()
            if found:
                return found
            time.sleep(0.05)
        if self.step == 0:
            self.begin_step("a first wait")
        self.happened(f"waited in vain for {what}")
        return None

    def topic(self, name, partitions=1, **configs):
        """Makes a topic, unrecorded; one of this name may still be about to be deleted."""
        self.wait(f"making {name}", lambda: self.call("create_topics", 5, timeout_ms=30000, topics=[
            {"name": name, "num_partitions": partitions, "replication_factor": 1,
             "configs": [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()]}])[
                 "topics"][0]["error_code"] == 0)
        self.wait(f"topic {name}", lambda: self.is_led(name, partitions))
        return self.topic_id(name)

    def is_led(self, name, partitions=1):
        topics = self.call("metadata", 12, topics=[{"name": name}], allow_auto_topic_creation=False).get("topics")
        return bool(topics) and topics[0]["error_code"] == 0 and len(topics[0]["partitions"]) == partitions and all(
            one["error_code"] == 0 for one in topics[0]["partitions"])

    def topic_id(self, name):
        topics = self.call("metadata", 12, topics=[{"name": name}], allow_auto_topic_creation=False).get("topics")
        return topics[0]["topic_id"] if topics else codec.NO_UUID

    def fill(self, name, *batches, partition=0):
        """Appends, unrecorded."""
        for data in batches:
            self.call("produce", 9, acks=-1, timeout_ms=10000, topic_data=[
                {"name": name, "partition_data": [{"index": partition, "records": data}]}])

    def troubles(self):
        """Steps of this section that brought no answer, for who makes the script."""
        last = max(i for i, line in enumerate(self.lines) if line.startswith("==="))
        found, step = [], ""
        for line in self.lines[last:]:
            step = line if line.startswith("[") else step
            if line.startswith(("  = no answer", "  = waited", "  = the section", "  = a malformed")):
                found.append(f"{step}: {line.strip()}")
        return found

    def text(self):
        head = [
            f"# Apache Kafka's answers, configuration {self.config.name!r}.",
            f"# {self.config.about}",
            "# Written by `python3 test/golden/kafka record`; do not edit.",
            f"# {self.count} steps.",
        ]
        return "\n".join(head + self.lines).encode("ascii", "backslashreplace").decode("ascii") + "\n"


class Talk:
    """One connection of the script; everything that it sends and gets is written down."""

    def __init__(self, recording, name):
        self.recording = recording
        self.name = name
        self.conn = None
        self.client_id = "golden"

    def live(self):
        if self.conn is None:
            self.conn = Connection(self.recording.broker.address)
        return self.conn

    def close(self):
        if self.conn is not None:
            self.conn.close()
            self.conn = None

    def ask(self, api, version, what="", **values):
        """One request and its reply, which is returned ({} when there is none)."""
        self.send(api, version, what, **values)
        return self.receive()

    def each(self, api, what="", versions=None, **values):
        """The same request in every version; returns the last reply."""
        reply = {}
        for version in versions or codec.versions_of(api):
            reply = self.ask(api, version, what, **values)
        return reply

    def send(self, api, version, what="", answered=True, **values):
        api_key = codec.APIS[api]
        self.recording.begin_step(f"{self.name} {codec.API_NAMES[api_key]} v{version} {what}".rstrip())
        self.recording.lines.append(
            f"  > {show.show_request(api_key, version, values, self.recording.names)}")
        self.live().send(api_key, version, values, self.client_id, answered)

    def receive(self, timeout=None):
        """The oldest reply under way, as lines of the present step."""
        reply = self.live().receive(*([timeout] if timeout else []))
        if isinstance(reply, str):
            self.recording.happened(reply)
            self.close()
            return {}
        api_key, _, values = reply
        for line in show.show_reply(api_key, values, self.recording.names):
            self.recording.lines.append(f"  < {line}")
        return values

    def expect_reply(self, what):
        """A step in which nothing is sent."""
        self.recording.begin_step(f"{self.name} {what}")
        return self.receive()

    def payload(self, data, what, api=None, version=None):
        """A frame of exactly these bytes; the answer is decoded as this API's."""
        self.recording.begin_step(f"{self.name} {what}")
        self.recording.lines.append(f"  > {data.hex()}")
        self.live().send_frame(data)
        self.answer(api, version)

    def bytes(self, data, what):
        """These bytes, whatever they are."""
        self.recording.begin_step(f"{self.name} {what}")
        self.recording.lines.append(f"  > {data.hex()}")
        self.live().send_bytes(data)
        self.answer(None, None)

    def answer(self, api, version):
        data = self.live().receive_frame(5)
        if isinstance(data, str):
            self.recording.happened(data)
            self.close()
        elif api is None:
            self.recording.happened(f"a frame of {len(data)} bytes")
        else:
            _, values = codec.decode_response(codec.APIS[api], version, data)
            for line in show.show_reply(codec.APIS[api], values, self.recording.names):
                self.recording.lines.append(f"  < {line}")


__all__ = ["CLOSED", "Recording", "Talk"]
