#!/bin/sh
# zkServer-initialize.sh [--configfile=F] [--myid=N] [--force]
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" zkServer-initialize "$@"
