#!/bin/sh
# What a guest of these tests does: the steps that the kernel's command line names, then it switches itself off.
export PATH=/bin
mount -t tmpfs tmp /tmp
. /lib/steps
. /lib/network
[ ! -e /sys/class/net/eth0 ] || network_up
for step in $(echo "$steps" | tr , ' '); do
  case $step in
  restarts:*) restarts "${step#*:}" ;;
  cpus) lscpu ;;
  memory) tell_memory ;;
  identity) echo "guest is $(cat /sys/class/dmi/id/product_uuid) $(cat /sys/class/dmi/id/product_serial)" ;;
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
finish
