# Sourced by the scripts beside it: finds the program, and the environment that ZooKeeper's scripts honour.
# Sets SAMSA (the program), ZOOBINDIR, ZOOCFGDIR, ZOOCFG, ZOO_LOG_DIR; takes "--config <dir>" off the arguments.

ZOOBINDIR=$(cd "$(dirname "$(readlink -f "$SAMSA_SCRIPT")")" && pwd)
if [ -z "$SAMSA" ]; then
    for candidate in "$ZOOBINDIR/../build/release/samsa" "$ZOOBINDIR/samsa" "$ZOOBINDIR/../libexec/samsa" /usr/bin/samsa; do
        if [ -x "$candidate" ]; then
            SAMSA=$candidate
            break
        fi
    done
fi
if [ ! -x "$SAMSA" ]; then
    echo "Error: the program samsa is not built. Run make in $(cd "$ZOOBINDIR/.." && pwd), or set SAMSA to its path." >&2
    exit 1
fi

if [ $# -gt 1 ] && [ "$1" = "--config" ]; then
    ZOOCFGDIR=$2
    shift 2
fi
if [ -z "$ZOOCFGDIR" ]; then
    if [ -e "$ZOOBINDIR/../conf" ]; then
        ZOOCFGDIR=$ZOOBINDIR/../conf
    else
        ZOOCFGDIR=$ZOOBINDIR/../etc/zookeeper
    fi
fi
if [ -f "$ZOOCFGDIR/zookeeper-env.sh" ]; then
    . "$ZOOCFGDIR/zookeeper-env.sh"
fi
if [ -f "$ZOOCFGDIR/java.env" ]; then
    . "$ZOOCFGDIR/java.env"
fi
ZOOCFG=$ZOOCFGDIR/${ZOOCFG:-zoo.cfg}
ZOO_LOG_DIR=${ZOO_LOG_DIR:-$ZOOBINDIR/../logs}

export SAMSA SAMSA_SCRIPT ZOOBINDIR ZOOCFGDIR ZOOCFG ZOO_LOG_DIR ZOO_LOG_FILE ZOOPIDFILE ZOO_NOEXEC ZOO_DATADIR_AUTOCREATE_DISABLE
export SERVER_JVMFLAGS CLIENT_JVMFLAGS JVMFLAGS JMXDISABLE JMXPORT JMXAUTH JMXSSL JMXLOG4J JMXLOCALONLY JMXHOSTNAME
