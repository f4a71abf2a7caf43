#!/bin/sh
# zkServer.sh [--config confdir] {start|start-foreground|stop|version|restart|status|print-cmd} [zoo.cfg]
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" zkServer "$@"
