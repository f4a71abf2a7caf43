#!/bin/sh
# zkCleanup.sh -n count
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" zkCleanup $* # words are split, as in Apache's script
