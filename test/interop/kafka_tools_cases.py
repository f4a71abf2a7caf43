"""What the admin tools of Kafka are asked, in order, on a fresh broker: "tool words ...". {file} is a scratch folder.

The state goes on from step to step. RELEASE says whose words are expected: Apache's 3.9, but where a form is of 2.7.
"""

PRODUCED = {"g1": 5}

CASES = {
    "topics": """
        kafka-topics --list
        kafka-topics --create --topic a.b_c --partitions 3 --config retention.ms=1000 --config cleanup.policy=compact
        kafka-topics --create --topic a.b_c
        kafka-topics --create --topic a.b_c --if-not-exists
        kafka-topics --create --topic a_b.c
        kafka-topics --create --topic bad/name
        kafka-topics --create --topic q --partitions 0
        kafka-topics --create --topic q --partitions x
        kafka-topics --create --topic q --replication-factor 3
        kafka-topics --create --topic q --replication-factor 0
        kafka-topics --create --topic q --config bla=3
        kafka-topics --create --topic q --config bla
        kafka-topics --create --topic q --config retention.ms=abc
        kafka-topics --create --topic q --replica-assignment 0:0
        kafka-topics --create --topic q --replica-assignment 0,0
        kafka-topics --list
        kafka-topics --list --topic a.*
        kafka-topics --list --topic nope
        kafka-topics --list --exclude-internal
        kafka-topics --describe
        kafka-topics --describe --topic q|a.*
        kafka-topics --describe --topic q --at-min-isr-partitions
        kafka-topics --describe --under-replicated-partitions
        kafka-topics --describe --unavailable-partitions
        kafka-topics --describe --under-min-isr-partitions
        kafka-topics --describe --topics-with-overrides
        kafka-topics --describe --topic nope
        kafka-topics --describe --topic nope --if-exists
        kafka-topics --describe --topic-id AAAAAAAAAAAAAAAAAAAAAQ
        kafka-topics --alter --topic q --partitions 4
        kafka-topics --alter --topic q --partitions 2
        kafka-topics --alter --topic q
        kafka-topics --alter --topic q --config a=b --partitions 9
        kafka-topics --alter --topic nope --partitions 4
        kafka-topics --alter --topic nope --partitions 4 --if-exists
        kafka-topics --delete --topic q
        kafka-topics --delete --topic q
        kafka-topics --delete --topic q --if-exists
        kafka-topics --delete
        kafka-topics --list --create
        kafka-topics --list --if-exists
        kafka-topics --create --topic z --replica-assignment 0 --partitions 1
        kafka-topics --foo
        kafka-topics --topic
        kafka-topics -l
        kafka-topics --version
    """,
    "configs": """
        kafka-topics --create --topic t --partitions 1 --config retention.ms=1000
        kafka-configs --describe --entity-type topics --entity-name t
        kafka-configs --alter --topic t --add-config retention.ms=7,cleanup.policy=[compact,delete]
        kafka-configs --describe --topic t
        kafka-configs --alter --topic t --delete-config foo
        kafka-configs --alter --topic t --delete-config retention.ms
        kafka-configs --alter --topic t --add-config foo=1
        kafka-configs --alter --topic t --add-config foo
        kafka-configs --alter --topic t --add-config max.message.bytes=-4
        kafka-configs --describe --entity-type topics
        kafka-configs --alter --entity-type brokers --entity-default --add-config log.retention.ms=200000
        kafka-configs --alter --broker 0 --add-config log.retention.ms=100000
        kafka-configs --describe --entity-type brokers
        kafka-configs --describe --broker-defaults
        kafka-configs --alter --broker 0 --delete-config log.retention.ms
        kafka-configs --alter --broker-defaults --delete-config log.retention.ms
        kafka-configs --alter --broker x --add-config log.retention.ms=1
        kafka-configs --alter --broker 0 --add-config broker.id=1
        kafka-configs --alter --user alice --add-config producer_byte_rate=1024,consumer_byte_rate=20000000
        kafka-configs --alter --user alice --client app --add-config request_percentage=50.5
        kafka-configs --alter --user-defaults --add-config request_percentage=0.0001
        kafka-configs --describe --user alice
        kafka-configs --describe --entity-type users --entity-type clients
        kafka-configs --alter --user alice --delete-config producer_byte_rate,consumer_byte_rate
        kafka-configs --alter --user alice --delete-config producer_byte_rate
        kafka-configs --alter --user alice --add-config foo=3
        kafka-configs --alter --user alice --add-config producer_byte_rate=x
        kafka-configs --alter --client app --add-config consumer_byte_rate=9
        kafka-configs --describe --entity-type clients
        kafka-configs --alter --user bob --add-config SCRAM-SHA-256=[iterations=1,password=pw]
        kafka-configs --alter --ip 127.0.0.9 --add-config foo=5
        kafka-configs --describe --topic nope
        kafka-configs --alter --topic nope --add-config retention.ms=7
        kafka-configs --describe
        kafka-configs
        kafka-configs --describe --entity-type foo
        kafka-configs --describe --topic x --add-config a=b
        kafka-configs --alter --topic x
        kafka-configs --foo
        kafka-configs --describe --topic t --user x
    """,
    "groups": """
        kafka-consumer-groups --list
        kafka-consumer-groups --list --state
        kafka-consumer-groups --list --state Empty --type
        kafka-consumer-groups --list --state foo
        kafka-consumer-groups --list --type foo
        kafka-consumer-groups --describe --group grp
        kafka-consumer-groups --describe --all-groups --offsets
        kafka-consumer-groups --describe --group grp --members --verbose
        kafka-consumer-groups --describe --group grp --state
        kafka-consumer-groups --describe --group nope
        kafka-consumer-groups --describe --group nope --members
        kafka-consumer-groups --describe --group nope --state
        kafka-consumer-groups --describe --group grp --state foo
        kafka-consumer-groups --describe --group grp --state --members
        kafka-consumer-groups --reset-offsets --group grp --topic g1 --to-earliest --dry-run
        kafka-consumer-groups --reset-offsets --group grp --all-topics --to-latest --export --dry-run
        kafka-consumer-groups --reset-offsets --group grp --topic g2:0,1 --to-offset 1 --execute
        kafka-consumer-groups --reset-offsets --group grp --topic g2:0,x --to-offset 1 --execute
        kafka-consumer-groups --reset-offsets --group grp --topic g2:0 --shift-by 1 --dry-run
        kafka-consumer-groups --reset-offsets --group grp --topic g2 --to-current --dry-run
        kafka-consumer-groups --reset-offsets --group grp --topic g1 --to-datetime 2020-01-01T00:00:00.000 --dry-run
        kafka-consumer-groups --reset-offsets --group grp --topic g1 --by-duration PT0S --dry-run
        kafka-consumer-groups --reset-offsets --group grp --topic g1 --by-duration xx --dry-run
        kafka-consumer-groups --reset-offsets --group grp --topic g1 --to-datetime xx --dry-run
        kafka-consumer-groups --reset-offsets --group grp --to-latest --dry-run
        kafka-consumer-groups --reset-offsets --group grp --topic g1:0 --to-offset 99 --dry-run
        kafka-consumer-groups --reset-offsets --group grp --from-file {file}/plan.csv --dry-run
        kafka-consumer-groups --reset-offsets --group grp --to-latest --to-earliest --topic g1 --dry-run
        kafka-consumer-groups --reset-offsets --group grp --to-latest --topic g1 --dry-run --execute
        kafka-consumer-groups --delete-offsets --group grp --topic g2:0
        kafka-consumer-groups --delete-offsets --group grp --topic nope
        kafka-consumer-groups --delete-offsets --group nope --topic g1
        kafka-consumer-groups --delete-offsets --group grp
        kafka-consumer-groups --delete --group nope
        kafka-consumer-groups --delete --group grp
        kafka-consumer-groups --delete --topic g1 --group grp
        kafka-consumer-groups --list
        kafka-consumer-groups --describe
        kafka-consumer-groups --foo
        kafka-consumer-groups --list --members
        kafka-consumer-groups --list --describe --group x
        kafka-consumer-groups --describe --group x --timeout x
    """,
    "offsets": """
        kafka-get-offsets
        kafka-get-offsets --time -2
        kafka-get-offsets --topic g.* --time earliest
        kafka-get-offsets --topic g2 --partitions 0,2
        kafka-get-offsets --topic g2 --partitions x
        kafka-get-offsets --topic-partitions g1:0,g2:1-,a.*:-2
        kafka-get-offsets --topic nope
        kafka-get-offsets --topic g1 --time max-timestamp
        kafka-get-offsets --topic g1 --time 1
        kafka-get-offsets --topic g1 --time x
        kafka-get-offsets --topic g1 --topic-partitions g1
        kafka-get-offsets --foo
        kafka-get-offsets --exclude-internal-topics
        kafka-delete-records --offset-json-file {file}/delete.json
        kafka-delete-records --offset-json-file {file}/twice.json
        kafka-delete-records --offset-json-file {file}/version.json
        kafka-delete-records --offset-json-file {file}/noise.json
        kafka-delete-records
        kafka-get-offsets --topic g.* --time earliest
    """,
    "cluster": """
        kafka-cluster cluster-id
        kafka-cluster unregister --id 3
        kafka-features describe
        kafka-log-dirs --describe --broker-list 7
        kafka-log-dirs
        kafka-broker-api-versions --foo
        kafka-leader-election --election-type preferred --topic g1 --partition 0
        kafka-leader-election --election-type x --all-topic-partitions
        kafka-leader-election --all-topic-partitions
        kafka-leader-election --election-type unclean --topic g1
        kafka-leader-election --election-type unclean
        kafka-leader-election --election-type unclean --topic nope --partition 0
    """,
}

FILES = {
    "plan.csv": 'g2,0,1\n"g1",0,2\n',
    "delete.json": '{"partitions":[{"topic":"g1","partition":0,"offset":2}],"version":1}',
    "twice.json": '{"partitions":[{"topic":"g1","partition":0,"offset":2},{"topic":"g1","partition":0,"offset":3}]}',
    "version.json": '{"version":2,"partitions":[]}',
    "noise.json": "xx",
}


def steps(case):
    return [line.split() for line in CASES[case].strip().splitlines()]
