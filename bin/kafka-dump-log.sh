#!/bin/sh
# kafka-dump-log.sh --files FILE[,FILE...] [--print-data-log] [--offsets-decoder] ...
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" kafka-dump-log "$@"
