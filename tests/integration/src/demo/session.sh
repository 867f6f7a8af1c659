# Runs the launcher once, with a network when NETWORK is 1. Busybox runs this, on the machine itself or in an emulated
# one; what stands above it are its parameters.
exec 2>&1
# Nobody types where the machine ends by itself.
[ -z "$LIMIT" ] || exec </dev/null
peers=
if [ "$NETWORK" = 1 ]; then
  $BUSYBOX ip link set lo up &&
    $BUSYBOX tunctl -t tap0 >/dev/null &&
    $BUSYBOX ip addr add 10.0.2.1/24 dev tap0 &&
    $BUSYBOX ip link set tap0 up || exit 1
  # The guest's peers: one tells the sum of what it gets, one sends a file, one pings back.
  $BUSYBOX nc -ll -p 7 -e "$BUSYBOX" sha256sum &
  peers=$!
  $BUSYBOX nc -ll -p 8 -e "$BUSYBOX" cat "$BUSYBOX" &
  peers="$peers $!"
  $BUSYBOX nc -ll -p 9 -e "$BUSYBOX" ping -c 3 -w 30 10.0.2.2 &
  peers="$peers $!"
  set -- --net tap=tap0
fi
[ -z "$INITRD" ] || set -- "$@" --initrd "$INITRD"
$BUSYBOX rm -f "$DISK"
$BUSYBOX truncate -s 64M "$DISK"
$LIMIT "$LAUNCHER" run --board "$BOARD" --kernel "$KERNEL" --cmdline "$CMDLINE" --cpus "$CPUS" --memory 512Mi \
  --disk "path=$DISK,serial=demo" --console stdio --boot-report "$REPORT" "$@"
status=$?
[ -z "$peers" ] || kill $peers 2>/dev/null
exit $status
