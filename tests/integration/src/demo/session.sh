# Runs the launcher once, with a network when NETWORK is 1. Busybox runs this, on the machine itself or in an emulated
# one; what stands above it are its parameters and functions.
exec 2>&1
# Nobody types where the machine ends by itself.
[ -z "$LIMIT" ] || exec </dev/null
if [ "$NETWORK" = 1 ]; then
  network_up "$BUSYBOX" || exit
  set -- --net tap=tap0
fi
[ -z "$INITRD" ] || set -- "$@" --initrd "$INITRD"
$BUSYBOX rm -f "$DISK"
$BUSYBOX truncate -s 64M "$DISK"
$LIMIT "$LAUNCHER" run --board "$BOARD" --kernel "$KERNEL" --cmdline "$CMDLINE" --cpus "$CPUS" --memory 512Mi \
  --disk "path=$DISK,serial=demo" --console stdio --boot-report "$REPORT" "$@"
status=$?
[ "$NETWORK" != 1 ] || network_down
exit $status
