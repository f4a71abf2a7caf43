"""One member of a consumer group, as a process of its own that can be killed.

    member.py CLIENT HOSTS GROUP TOPIC [key=value ...]

CLIENT is confluent or kafka_python; keys are the client's own. Prints a JSON line for every change of
the assignment ({"assigned": [...]}, {"revoked": [...]}), commits what it has read after every batch
({"committed": offset of partition 0}), and leaves the group on SIGTERM.
"""

import json
import signal
import sys

STOPPED = []


def say(**what):
    print(json.dumps(what), flush=True)


def value(text):
    return int(text) if text.lstrip("-").isdigit() else text


def confluent(hosts, group, topic, config):
    from confluent_kafka import Consumer

    client = Consumer({"bootstrap.servers": hosts, "group.id": group, "auto.offset.reset": "earliest",
                       "enable.auto.commit": False, "session.timeout.ms": 6000,
                       "heartbeat.interval.ms": 300, **config})

    def changed(what):
        def heard(consumer, partitions):
            say(**{what: [p.partition for p in partitions]})
            if what == "assigned" and "cooperative" in config.get("partition.assignment.strategy", ""):
                consumer.incremental_assign(partitions)
        return heard

    client.subscribe([topic], on_assign=changed("assigned"), on_revoke=changed("revoked"),
                     on_lost=changed("lost"))
    while not STOPPED:
        messages = [m for m in client.consume(100, 0.1) if m.error() is None]
        if messages:
            done = client.commit(asynchronous=False)
            say(read=[m.value().decode() for m in messages],
                committed={p.partition: p.offset for p in done if p.offset >= 0})
    client.close()


def kafka_python(hosts, group, topic, config):
    from kafka import ConsumerRebalanceListener, KafkaConsumer

    class Listener(ConsumerRebalanceListener):
        def on_partitions_assigned(self, assigned):
            say(assigned=[p.partition for p in assigned])

        def on_partitions_revoked(self, revoked):
            say(revoked=[p.partition for p in revoked])

    client = KafkaConsumer(bootstrap_servers=hosts, group_id=group, auto_offset_reset="earliest",
                           enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=300, **config)
    client.subscribe([topic], listener=Listener())
    while not STOPPED:
        batches = client.poll(timeout_ms=100)
        if batches:
            client.commit()
            say(read=[m.value.decode() for batch in batches.values() for m in batch],
                committed={p.partition: batch[-1].offset + 1 for p, batch in batches.items()})
    client.close()


def main():
    client, hosts, group, topic, *pairs = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: STOPPED.append(1))
    config = {key: value(text) for key, text in (pair.split("=", 1) for pair in pairs)}
    {"confluent": confluent, "kafka_python": kafka_python}[client](hosts, group, topic, config)


if __name__ == "__main__":
    main()
