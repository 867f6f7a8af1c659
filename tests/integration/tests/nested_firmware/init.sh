#!/bin/sh
# What a guest of these tests does: the steps that the second disk names, then it switches itself off.
export PATH=/bin
mount -t tmpfs tmp /tmp
. /lib/steps
echo "guest begins: $(grep -o 'via=[^ ]*' /proc/cmdline) after $(cut -d ' ' -f 1 /proc/uptime) s"
efi=/sys/firmware/efi/efivars
[ ! -d $efi ] || mount -t efivarfs efivarfs $efi || echo "guest: no UEFI variables"
steps=$(head -n 1 /dev/vdb)
for step in $(echo "$steps" | tr , ' '); do
  case $step in
  restarts:*) restarts "${step#*:}" ;;
  entry) # an entry of our own, before all others
    if ! efibootmgr | grep -q Podvisor; then
      efibootmgr --create --disk /dev/vda --part 2 --label Podvisor --loader '\EFI\podvisor\grubx64.efi' ||
        echo "guest: efibootmgr failed"
    fi
    efibootmgr
    ;;
  dmi) dmidecode ;;
  memory) tell_memory ;;
  write:*) # so many blocks of 8 MiB, each with its number, read back from the disk
    head -c 8388096 /dev/urandom >/tmp/block
    wanted=$(md5sum </tmp/block)
    for block in $(seq "${step#*:}"); do
      printf '%0511d\n' "$block"
      cat /tmp/block
    done >/big
    sync
    echo 3 >/proc/sys/vm/drop_caches
    good=0
    for block in $(seq "${step#*:}"); do
      dd if=/big of=/tmp/back bs=8388608 skip=$((block - 1)) count=1 2>/dev/null
      [ "$(head -n 1 /tmp/back)" = "$(printf '%0511d' "$block")" ] && [ "$(tail -c +513 /tmp/back | md5sum)" = "$wanted" ] &&
        good=$((good + 1))
    done
    echo "guest wrote ${step#*:} blocks and read $good back"
    rm /big
    ;;
  esac
done
dmesg | grep -E 'MMCONFIG|ECAM|root bus resource|DMI: |efi: |Command line' | sed 's/^/log: /'
finish
