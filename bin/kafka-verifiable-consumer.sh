#!/bin/sh
# kafka-verifiable-consumer.sh --bootstrap-server HOST:PORT --topic TOPIC ...
SAMSA_SCRIPT=$0
. "$(dirname "$(readlink -f "$0")")/samsa-env.sh"
exec "$SAMSA" kafka-verifiable-consumer "$@"
