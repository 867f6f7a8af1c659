#!/bin/sh
# The demo's check, in two boots: the first writes to the disk and restarts the machine, the second looks at everything.
# Each line `demo: good|bad NAME: DETAIL` is a result.
good() { echo "demo: good $1: $2"; }
bad() { echo "demo: bad $1: $2"; }

mkdir -p /disk /tmp
# The two bytes that every ext2 filesystem has.
if [ "$(dd if=/dev/vda bs=1 skip=1080 count=2 2>/dev/null | od -An -tx1)" != " 53 ef" ]; then
  mke2fs /dev/vda >/dev/null && mount -t ext4 /dev/vda /disk || { bad disk "no filesystem on it"; exit 1; }
  head -c 16777216 /dev/urandom >/disk/data
  (cd /disk && sha256sum data >data.sum)
  umount /disk
  echo "demo: 16 MiB are on the disk; the guest restarts"
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

if [ "$demo_network" = 1 ]; then
  pings=$(ping -c 3 -w 30 10.0.2.1 | grep 'packets transmitted')
  back=$(nc 10.0.2.1 9 </dev/null | grep 'packets transmitted')
  case "$pings, $back" in
  "3 packets transmitted, 3 packets received"*", 3 packets transmitted, 3 packets received"*)
    good network "3 pings to the host and 3 from it, all answered" ;;
  *) bad network "to the host: ${pings:-nothing}; from it: ${back:-nothing}" ;;
  esac
  head -c 4194304 /dev/urandom >/tmp/data
  ours=$(sha256sum </tmp/data)
  theirs=$(nc 10.0.2.1 7 </tmp/data)
  nc 10.0.2.1 8 </dev/null >/tmp/busybox
  if [ "$ours" = "$theirs" ] && cmp /tmp/busybox /bin/busybox; then
    good TCP "4 MiB to the host and 2 MiB from it, unchanged"
  else
    bad TCP "what came is not what was sent"
  fi
fi
