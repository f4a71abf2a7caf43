"""What Kafka's tools are asked, in order, on a fresh broker: "tool words ...". The state goes on from step to step.

{file} is a scratch folder, {data} the broker's folder of logs, {server} and {zk} the addresses: where a step has
neither, --bootstrap-server is put in. "<name" gives the tool that file of FILES as its standard input. A step that
begins with @ is the harness's: it waits, or has a consumer come and go, and writes nothing down. "theirs:" is for
Apache's tools alone: ours say the same as those of 3.9.

release() says whose tools are asked: those of Apache's 3.9, or of 2.7 for the forms that only it has.
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
        kafka-features upgrade --feature x=1
        kafka-features upgrade --feature x
        kafka-features upgrade
        kafka-features disable --feature x --dry-run
        kafka-features nope
        kafka-log-dirs --describe
        kafka-log-dirs --describe --topic-list g1,nope
    """,
    "members": """
        @join grp g1
        kafka-consumer-groups --list --state
        kafka-consumer-groups --list --state stable,empty
        kafka-consumer-groups --describe --group grp
        kafka-consumer-groups --describe --group grp --members
        kafka-consumer-groups --describe --group grp --members --verbose
        kafka-consumer-groups --describe --group grp --state
        kafka-consumer-groups --describe --group grp --group nope
        kafka-consumer-groups --reset-offsets --group grp --topic g1 --to-earliest --execute
        kafka-consumer-groups --delete --group grp
        kafka-consumer-groups --delete --group grp --group nope
        kafka-consumer-groups --delete-offsets --group grp --topic g1
        kafka-consumer-groups --delete-offsets --group grp --topic g2
        @leave
        kafka-consumer-groups --list --state
        kafka-consumer-groups --describe --group grp --state
        kafka-consumer-groups --reset-offsets --all-groups --topic g1 --to-earliest --execute
        kafka-consumer-groups --delete --all-groups
        kafka-consumer-groups --list
    """,
    "data": """
        kafka-console-producer --topic d1 --property parse.key=true <keyed.txt
        @ready d1 1
        kafka-console-consumer --topic d1 --from-beginning --max-messages 3 --property print.key=true
        kafka-console-consumer --topic d1 --partition 0 --offset 1 --max-messages 2 --property print.offset=true
        kafka-console-producer --topic d1 --compression-codec zstd <words.txt
        kafka-console-producer --topic d1 --compression-codec gzip --sync --request-required-acks 1 <words.txt
        kafka-console-producer --topic d1 --compression-codec lz4 --request-required-acks 0 <words.txt
        kafka-console-producer --topic d1 --compression-codec snappy --producer-property acks=all <words.txt
        kafka-console-consumer --topic d1 --from-beginning --max-messages 15 --isolation-level read_committed
        kafka-console-consumer --include d. --from-beginning --max-messages 15 --group g --timeout-ms 20000
        kafka-console-consumer --topic g1 --from-beginning --timeout-ms 3000 --skip-message-on-error
        kafka-get-offsets --topic d1
        kafka-delete-records --offset-json-file {file}/d1.json
        kafka-console-consumer --topic d1 --from-beginning --max-messages 1
        kafka-dump-log --print-data-log --files {data}/g1-0/00000000000000000000.log
        kafka-dump-log --files {data}/g1-0/00000000000000000000.log --deep-iteration
        kafka-producer-perf-test --topic perf --num-records 500 --record-size 100 --throughput -1 \
            --producer-props bootstrap.servers={server}
        kafka-producer-perf-test --topic perf --num-records 500 --record-size 100 --throughput x \
            --producer-props bootstrap.servers={server}
        kafka-consumer-perf-test --topic perf --messages 500
        kafka-consumer-perf-test --topic perf --messages 500 --hide-header --show-detailed-stats
        kafka-verifiable-producer --topic v1 --max-messages 3 --value-prefix 4
        kafka-verifiable-consumer --topic v1 --group-id vg --max-messages 3 --verbose
        kafka-verifiable-producer --topic v1 --acks 7
        kafka-verifiable-producer --topic v1 --max-messages x
        kafka-verifiable-consumer --topic v1
    """,
    "old-topics": """
        kafka-topics --zookeeper {zk} --list
        kafka-topics --zookeeper {zk} --create --topic t1 --partitions 3 --replication-factor 1
        @ready t1 3
        kafka-topics --zookeeper {zk} --create --topic t1 --partitions 3 --replication-factor 1
        kafka-topics --zookeeper {zk} --create --topic t1 --partitions 3 --replication-factor 1 --if-not-exists
        kafka-topics --zookeeper {zk} --create --topic t2 --partitions 3 --replication-factor 2
        kafka-topics --zookeeper {zk} --create --topic t3 --partitions 1
        kafka-topics --zookeeper {zk} --create --topic t4 --replica-assignment 0,0 --config retention.ms=1000
        @ready t4 2
        kafka-topics --zookeeper {zk} --create --topic t5 --partitions 1 --replication-factor 1 --config bla=1
        kafka-topics --zookeeper {zk} --list
        kafka-topics --zookeeper {zk} --describe
        kafka-topics --zookeeper {zk} --describe --topic t4
        kafka-topics --zookeeper {zk} --describe --topic nope
        kafka-topics --zookeeper {zk} --describe --topic nope --if-exists
        kafka-topics --zookeeper {zk} --describe --under-replicated-partitions
        kafka-topics --zookeeper {zk} --describe --topics-with-overrides
        kafka-topics --zookeeper {zk} --alter --topic t1 --partitions 5
        @ready t1 5
        kafka-topics --zookeeper {zk} --alter --topic t1 --partitions 2
        kafka-topics --zookeeper {zk} --alter --topic t1 --config retention.ms=5
        kafka-topics --zookeeper {zk} --alter --topic t1 --delete-config retention.ms
        kafka-topics --zookeeper {zk} --alter --topic nope --partitions 2
        kafka-topics --zookeeper {zk} --describe --topic t1
        theirs: kafka-topics --bootstrap-server {server} --describe --topic t1
        kafka-topics --bootstrap-server {server} --create --topic t6
        kafka-topics --bootstrap-server {server} --list
        kafka-topics --zookeeper {zk} --delete --topic t4
        @gone t4
        kafka-topics --zookeeper {zk} --delete --topic t4
        kafka-topics --zookeeper {zk} --delete --topic t4 --if-exists
        kafka-topics --zookeeper {zk} --delete --topic __consumer_offsets
        kafka-topics --bootstrap-server {server} --delete --topic t6
        kafka-topics --list
        kafka-topics --zookeeper {zk} --bootstrap-server {server} --list
    """,
    "old-configs": """
        kafka-topics --zookeeper {zk} --create --topic t --partitions 1 --replication-factor 1
        @ready t 1
        kafka-configs --zookeeper {zk} --alter --entity-type topics --entity-name t --add-config retention.ms=9
        kafka-configs --zookeeper {zk} --describe --entity-type topics --entity-name t
        kafka-configs --zookeeper {zk} --describe --entity-type topics
        kafka-configs --zookeeper {zk} --alter --entity-type topics --entity-name t --delete-config retention.ms
        kafka-configs --zookeeper {zk} --alter --entity-type users --entity-name u --add-config producer_byte_rate=7
        kafka-configs --zookeeper {zk} --describe --entity-type users --entity-name u
        kafka-configs --zookeeper {zk} --alter --entity-type clients --entity-default --add-config consumer_byte_rate=8
        kafka-configs --zookeeper {zk} --describe --entity-type clients
        kafka-configs --zookeeper {zk} --alter --entity-type users --entity-name u --delete-config producer_byte_rate
        theirs: kafka-configs --zookeeper {zk} --alter --entity-type brokers --entity-name 0 \
            --add-config log.retention.ms=5
        kafka-configs --zookeeper {zk} --describe --entity-type brokers --entity-name 9
        kafka-configs --bootstrap-server {server} --describe --entity-type users
        kafka-configs --bootstrap-server {server} --describe --entity-type topics --entity-name t
        kafka-configs --describe --entity-type topics
    """,
    "old-data": """
        kafka-console-producer --broker-list {server} --topic d1 --property parse.key=true <keyed.txt
        @ready d1 1
        kafka-console-consumer --bootstrap-server {server} --topic d1 --from-beginning --max-messages 3 \
            --property print.key=true
        kafka-console-consumer --bootstrap-server {server} --whitelist d. --from-beginning --max-messages 3 --group g
        kafka-get-offsets --broker-list {server} --topic d1 --time -1
        kafka-get-offsets --broker-list {server} --topic d1 --time -2 --partitions 0
        theirs: kafka-get-offsets --broker-list {server} --topic nope
        kafka-consumer-groups --bootstrap-server {server} --describe --group g
        kafka-consumer-groups --bootstrap-server {server} --list
        kafka-consumer-groups --bootstrap-server {server} --list --state
        kafka-consumer-groups --bootstrap-server {server} --reset-offsets --group g --topic d1 --to-earliest --execute
        kafka-consumer-groups --bootstrap-server {server} --delete --group g
        kafka-delete-records --bootstrap-server {server} --offset-json-file {file}/d1.json
        kafka-log-dirs --bootstrap-server {server} --describe --topic-list g1
        kafka-features --bootstrap-server {server} --describe
        theirs: kafka-dump-log --print-data-log --files {data}/g1-0/00000000000000000000.log
        kafka-producer-perf-test --topic perf --num-records 500 --record-size 100 --throughput -1 \
            --producer-props bootstrap.servers={server}
        kafka-consumer-perf-test --broker-list {server} --topic perf --messages 500
        kafka-verifiable-producer --broker-list {server} --topic v1 --max-messages 3
        kafka-verifiable-consumer --broker-list {server} --topic v1 --group-id vg --max-messages 3 --verbose
        kafka-leader-election --bootstrap-server {server} --election-type preferred --all-topic-partitions
    """,
}


def release(case):
    """Of Apache's tools: the newest, or the oldest."""
    return "oldest" if case.startswith("old-") else "newest"

FILES = {
    "plan.csv": 'g2,0,1\n"g1",0,2\n',
    "delete.json": '{"partitions":[{"topic":"g1","partition":0,"offset":2}],"version":1}',
    "twice.json": '{"partitions":[{"topic":"g1","partition":0,"offset":2},{"topic":"g1","partition":0,"offset":3}]}',
    "version.json": '{"version":2,"partitions":[]}',
    "noise.json": "xx",
    "d1.json": '{"partitions":[{"topic":"d1","partition":0,"offset":2}]}',
    "keyed.txt": "k1\tone\nk2\ttwo\nk3\t\n",
    "words.txt": "alpha\nbeta\n测试数据\n",
}


def steps(case):
    return [line.split() for line in CASES[case].strip().splitlines()]
