#!/bin/sh
# The demo's check, in two boots: the first writes to the disk and restarts the machine, the second looks at everything.
# Each line `check: good|bad NAME: DETAIL` is a result.
. /lib/network
good() { echo "check: good $1: $2"; }
bad() { echo "check: bad $1: $2"; }

mkdir -p /disk /tmp
# The two bytes that every ext2 filesystem has.
if [ "$(dd if=/dev/vda bs=1 skip=1080 count=2 2>/dev/null | od -An -tx1)" != " 53 ef" ]; then
  mke2fs /dev/vda >/dev/null && mount -t ext4 /dev/vda /disk || { bad disk "no filesystem on it"; exit 1; }
  head -c 16777216 /dev/urandom >/disk/data
  (cd /disk && sha256sum data >data.sum)
  umount /disk
  echo "check: 16 MiB are on the disk; the guest restarts"
  reboot -f
fi

mount -t ext4 /dev/vda /disk
sum=$(cd /disk && sha256sum -c data.sum 2>&1)
[ "$sum" = "data: OK" ] && good disk "16 MiB read back after the restart, unchanged" || bad disk "$sum"

cpus=$(nproc)
[ "$cpus" = "$demo_cpus" ] && good CPUs "$cpus, as asked for" || bad CPUs "$cpus, not $demo_cpus"

memory=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
[ "$memory" -gt 400 ] && good memory "$memory MiB of 512 are the guest's to use" || bad memory "$memory MiB of 512"

source=$(cat /sys/class/misc/hw_random/rng_current)
bytes=$(head -c 16 /dev/hwrng | od -An -tx1 | tr -d ' \n')
[ ${#bytes} = 32 ] && good entropy "$bytes from $source" || bad entropy "nothing from ${source:-no device}"

[ "$demo_network" != 1 ] || check_network 4
