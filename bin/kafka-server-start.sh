#!/bin/sh
# kafka-server-start.sh [-daemon] server.properties [--override property=value]*
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
LOG_DIR=${LOG_DIR:-$ZOOBINDIR/../logs}
export LOG_DIR
exec "$SAMSA" kafka-server-start "$@"
