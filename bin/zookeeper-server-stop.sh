#!/bin/sh
# zookeeper-server-stop.sh
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
LOG_DIR=${LOG_DIR:-$ZOOBINDIR/../logs}
export LOG_DIR
exec "$SAMSA" zookeeper-server-stop "$@"
