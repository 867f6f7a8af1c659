#!/bin/sh
# A guest's first program: loads the modules and goes on with /sbin/init on the disk, which the kernel's command line may
# name.
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
while read -r module; do
  [ "$module" != efivarfs.ko ] || [ -d /sys/firmware/efi ] || continue
  insmod "/modules/$module" || echo "guest: insmod $module failed"
done </modules/order
disk=${disk:-/dev/vda}
i=0
while [ ! -b "$disk" ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done
mount -t ext4 "$disk" /disk || echo "guest: no disk"
mount -o move /dev /disk/dev
mount -o move /proc /disk/proc
mount -o move /sys /disk/sys
exec switch_root /disk /sbin/init
