#!/bin/sh
# A guest that talks to its host by every way but the network, and gives memory back.
export PATH=/bin
mount -t tmpfs tmp /tmp
. /lib/steps

# much TIMES: as many copies of a program that host and guest have alike.
much() {
  i=0
  while [ $i -lt "$1" ]; do cat /bin/busybox; i=$((i + 1)); done
}

name=$(grep -l org.qemu.guest_agent.0 /sys/class/virtio-ports/*/name)
port=/dev/$(basename "$(dirname "$name")")

# The host says how much, and what it gets is checked there.
echo "guest port ready"
# Open throughout: what comes while nobody has the port is thrown away by the kernel.
exec 4<>"$port"
until read -r times bytes <&4 && [ -n "$bytes" ]; do sleep 0.2; done
much "$times" | head -c "$bytes" >&4
sum=$(head -c "$bytes" <&4 | md5sum)
echo "guest port from the host $sum"
echo "guest port done after $(cut -d. -f1 /proc/uptime) s"

# Open throughout, too: the last who closes the line makes it an ordinary terminal again.
exec 5<>/dev/hvc0
stty raw -echo <&5
head -c 1000000 /bin/busybox >&5
echo "guest hvc0 written"

stream vsock-listen 52 </dev/null 2>/dev/null | md5sum >/tmp/sum &
# Soon: the host tries until it is.
echo "guest vsock listening"
wait
echo "guest vsock from the host $(cat /tmp/sum)"
much 4 | stream vsock 2 53

i=0
while [ "$(awk '/^balloon_inflate/ { print $2 }' /proc/vmstat)" -lt 16384 ] && [ $i -lt 1200 ]; do
  sleep 0.1
  i=$((i + 1))
done
echo "guest balloon $(awk '/^balloon_inflate/ { print $2 }' /proc/vmstat)"

# Free memory is reported to the host some time later, which sees its launcher have less.
dd if=/dev/zero of=/tmp/fill bs=1M count=96 2>/dev/null
echo "guest filled"
read -r seen <&4
rm /tmp/fill
read -r seen <&4
finish
