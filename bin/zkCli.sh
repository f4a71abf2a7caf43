#!/bin/sh
# zkCli.sh [-server host:port[,...][/chroot]] [-timeout ms] [-r] [-client-configuration file] [-waitforconnection] [cmd args]
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" zkCli "$@"
