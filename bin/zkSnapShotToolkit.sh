#!/bin/sh
# zkSnapShotToolkit.sh [-d|-json] snapshot_file
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" zkSnapShotToolkit "$@"
