"""The servers that the tests talk to: Apache ZooKeeper of several versions, and Samsa.

`ApacheServer` and `SamsaServer` have one interface, so a test is written once and takes the
server's class as a parameter.  Apache's jars come through Maven into a cache folder outside the
tree (`$SAMSA_PEERS`, else ~/.cache/samsa-peers); nothing of them is ever committed.
"""

from .maven import NEWEST, PeerUnavailable, VERSIONS, class_path, java_program
from .ports import free_port
from .servers import ApacheServer, SamsaServer, Server, ServerDied, project_root, samsa_program

__all__ = [
    "ApacheServer", "NEWEST", "PeerUnavailable", "SamsaServer", "Server", "ServerDied", "VERSIONS",
    "class_path", "free_port", "java_program", "project_root", "samsa_program",
]
