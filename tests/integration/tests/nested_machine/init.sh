#!/bin/sh
# What a guest of these tests does: the steps that the kernel's command line names, then it switches itself off.
export PATH=/bin
mount -t tmpfs tmp /tmp
. /lib/network
[ ! -e /sys/class/net/eth0 ] || network_up
for step in $(echo "$steps" | tr , ' '); do
  case $step in
  restarts:*) # so many restarts; the disk's data must be whole after each
    boots=$(cat /boots 2>/dev/null || echo 0)
    if [ "$boots" = 0 ]; then
      dd if=/dev/urandom of=/data bs=1M count=4 2>/dev/null
      sha256sum /data >/data.sum
    else
      sha256sum -c /data.sum || exit
    fi
    if [ "$boots" -lt "${step#*:}" ]; then
      echo $((boots + 1)) >/boots
      sync
      echo "guest restarts"
      reboot -f
    fi
    ;;
  cpus) lscpu ;;
  memory) awk '/^MemTotal/ { print "guest mib=" int($2 / 1024) }' /proc/meminfo ;;
  pci) lspci -vvv ;;
  network) check_network 8 ;;
  button)
    event=$(grep -l 'Power Button' /sys/class/input/event*/device/name | head -n 1 | cut -d / -f 5)
    echo "button ready: ${event:-none}"
    # struct input_event: two words of time, then type and code.
    echo "button $(dd if="/dev/input/$event" bs=24 count=1 2>/dev/null | od -An -tu2 -j16 -N4)"
    ;;
  esac
done
dmesg | grep -E "$(cat /lib/complaints)"
echo "guest done cpus=$(nproc)"
sync
poweroff -f
