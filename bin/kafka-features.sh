#!/bin/sh
# kafka-features.sh: see --help
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" kafka-features "$@"
