#!/bin/sh
# L1's init: loads the modules, runs /l1/command as root, reports its output and status by virtio ports, powers off.
# Busybox runs its applets without exec, so these steps are cheap even in an emulated machine.
export PATH=/bin:/usr/bin HOME=/root TERM=dumb
ulimit -n 65536
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /proc /sys /tmp /run /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
ln -s /proc/self/fd /dev/fd
while read -r module; do
  insmod "/l1/modules/$module" || echo "L1: insmod $module failed" >/dev/kmsg
done </l1/modules/order
# Guests have more memory than L1; they do not touch it all.
echo 1 >/proc/sys/vm/overcommit_memory
ip link set lo up
i=0
while [ ! -c /dev/vport0p2 ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done
if ! grep -q tsc /sys/devices/system/clocksource/clocksource0/available_clocksource; then
  echo "no TSC" >/dev/vport0p2
elif [ -c /dev/kvm ]; then
  cd /root
  input=/dev/null output=/dev/vport0p1
  [ -e /l1/live ] && input=/dev/hvc0 output=/dev/hvc0
  sh /l1/command <$input >$output 2>&1
  echo "exit $?" >/dev/vport0p2
else
  echo "L1 has no /dev/kvm" >/dev/vport0p2
fi
poweroff -f
