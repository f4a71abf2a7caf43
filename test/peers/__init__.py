"""The servers that the tests talk to: Apache ZooKeeper and Kafka of several versions, and Samsa.

`ApacheServer` and `SamsaServer` (ZooKeeper) have one interface, `ApacheBroker` and `SamsaBroker`
(Kafka) another, so a test is written once and takes the server's class as a parameter.  Apache's
jars come through Maven into a cache folder outside the tree (`$SAMSA_PEERS`, else
~/.cache/samsa-peers); nothing of them is ever committed.
"""

from .bad_disk import DiskOrders, build_bad_disk
from .brokers import ApacheBroker, Broker, SamsaBroker, cluster_members, samsa_broker_program
from .ensemble import Ensemble, Loopback, Namespaces, namespaces_work
from .fault_proxy import FaultProxy, Proxied
from .maven import (KAFKA_CLIENT_4, KAFKA_NEWEST, KAFKA_OLDEST, KAFKA_VERSIONS, NEWEST, PeerUnavailable, VERSIONS,
                    class_path, java_program, kafka_class_path, kafka_client_class_path)
from .ports import free_port
from .process import ServerDied, ServerProcess
from .servers import ApacheServer, SamsaServer, Server, project_root, samsa_program

__all__ = [
    "ApacheBroker", "ApacheServer", "Broker", "DiskOrders", "Ensemble", "FaultProxy", "KAFKA_CLIENT_4",
    "KAFKA_NEWEST", "KAFKA_OLDEST", "KAFKA_VERSIONS", "Loopback", "NEWEST", "Namespaces", "PeerUnavailable", "Proxied",
    "SamsaBroker", "SamsaServer", "Server", "ServerDied", "ServerProcess", "VERSIONS", "build_bad_disk", "class_path",
    "cluster_members", "free_port", "java_program", "kafka_class_path", "kafka_client_class_path", "namespaces_work",
    "project_root", "samsa_broker_program", "samsa_program",
]
