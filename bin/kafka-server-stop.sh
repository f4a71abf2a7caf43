#!/bin/sh
# kafka-server-stop.sh [--process-role=broker] [--node-id=N]
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
LOG_DIR=${LOG_DIR:-$ZOOBINDIR/../logs}
export LOG_DIR
exec "$SAMSA" kafka-server-stop "$@"
