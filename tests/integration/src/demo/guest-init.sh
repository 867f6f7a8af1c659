#!/bin/busybox sh
# The demo guest's first program: loads drivers, sets the network up, and goes on with the check or with a shell.
export PATH=/bin HOME=/root TERM=linux ENV=/etc/shellrc
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mark 1
while read -r module; do
  insmod "/modules/$module" || echo "guest: insmod $module failed"
done </modules/order
i=0
while [ ! -b /dev/vda ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done
. /lib/network
[ "$demo_network" != 1 ] || network_up
# The power button, which Ctrl-] on the host's terminal presses, is the only input there is.
(dd if=/dev/input/event0 of=/dev/null bs=24 count=1 2>/dev/null && sync && poweroff -f) &
mark 2
if [ -z "$demo_shell" ]; then
  check
else
  cat /etc/motd
  setsid cttyhack sh
fi
sync
poweroff -f
