#!/bin/sh
# zkTxnLogToolkit.sh [-dhrvcy] [-z zxid] txn_log_file
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" zkTxnLogToolkit "$@"
