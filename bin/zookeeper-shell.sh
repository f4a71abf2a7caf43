#!/bin/sh
# zookeeper-shell.sh host:port[/path] [command]: zkCli, as Kafka calls it
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" zookeeper-shell "$@"
