#!/bin/sh
# What a guest with disks and drives on each bus does, each bus in its turn, then it switches itself off.
export PATH=/bin
mount -t tmpfs tmp /tmp
. /lib/steps

# bus NAME: what a block device is connected to.
bus() {
  case $(readlink "/sys/block/$1") in
  */ata*) echo sata ;;
  */host*) echo scsi ;;
  *) echo virtio ;;
  esac
}

# ask WORDS...: the host does it, and answers in a line.
ask() {
  echo "host: $*"
  read -r answer
  echo "host answers to $*: $answer"
}

# test_disk BUS NAME: it keeps what is written to it, and says who it is.
test_disk() {
  /bin/fio --name="$1" --filename="/dev/$2" --ioengine=libaio --direct=1 --iodepth=8 --rw=randwrite --bsrange=4k-64k \
    --size="${mib}m" --verify=crc32c --randrepeat=1 --minimal >/tmp/fio 2>&1
  status=$?
  echo "fio on $1 ended with $status: $(cut -d ';' -f 5,6,47 /tmp/fio)"
  [ $status = 0 ] || cat /tmp/fio
  ask grow "$1" "/tmp/$1" 134217728
  # The driver looks when it is told, by an interrupt; that of SATA is told nothing.
  i=0
  while [ "$1" != sata ] && [ "$(blockdev --getsize64 "/dev/$2")" = 67108864 ] && [ $i -lt 600 ]; do
    sleep 0.1
    i=$((i + 1))
  done
  echo "disk on $1 has $(blockdev --getsize64 "/dev/$2") bytes"
  [ "$1" = virtio ] || /bin/smartctl -i "/dev/$2" | sed "s/^/smartctl on $1: /"
}

# test_read_only BUS NAME: it can be read, and not be written.
test_read_only() {
  dd if="/dev/$2" of=/tmp/read bs=64k count=1 2>/dev/null && echo "reading on $1 succeeds"
  dd if=/tmp/read of="/dev/$2" bs=64k count=1 conv=fsync 2>/dev/null || echo "writing on $1 fails"
}

# test_drive BUS NAME: both sides open its tray and change its disc.
test_drive() {
  mkdir -p /tmp/disc
  mount -t iso9660 -o ro "/dev/$2" /tmp/disc && echo "disc on $1 has $(ls /tmp/disc | wc -l) files"
  ask drive "cd-$1"
  ask eject "cd-$1"
  umount /tmp/disc
  /bin/eject "/dev/$2" && echo "guest ejects on $1"
  ask drive "cd-$1"
  mount -t iso9660 -o ro "/dev/$2" /tmp/disc 2>/dev/null || echo "no disc on $1"
  /bin/eject -t "/dev/$2" && echo "guest loads on $1"
  ask drive "cd-$1"
  ask eject "cd-$1"
  blockdev --getsize64 "/dev/$2" 2>/dev/null || echo "disc on $1 has gone"
  ask insert "cd-$1" /tmp/second
  echo "disc on $1 has $(blockdev --getsize64 "/dev/$2") bytes"
  cmp -n 65536 "/dev/$2" /tmp/pattern && echo "disc on $1 is the second"
}

echo "messages of sata: $(grep -c 'PCI-MSI.*ahci' /proc/interrupts)"
yes 'another disc' | head -c 65536 >/tmp/pattern
for path in /sys/block/vd[b-z] /sys/block/sd* /sys/block/sr*; do
  name=${path##*/}
  bus=$(bus "$name")
  echo "found $bus $name: $(blockdev --getsize64 "/dev/$name") bytes ro=$(cat "$path/ro") removable=$(cat "$path/removable")"
  case $name,$(cat "$path/size") in
  sr*) test_drive "$bus" "$name" ;;
  *,8192) test_read_only "$bus" "$name" ;;
  *) test_disk "$bus" "$name" ;;
  esac
done
finish
