#!/bin/sh
# What a guest does with its network: looks at queues and offloads, and transfers with offloads and without.
export PATH=/bin
mount -t tmpfs tmp /tmp
. /lib/steps
. /lib/network
network_up
tell_queues() { echo "guest queues" $(ethtool -l eth0 | awk '/^Combined/ { print $2 }'); }
tell_offloads() {
  ethtool -k eth0 | grep -E '^(tx-checksumming|tcp-segmentation-offload|rx-gro-hw):' | sed "s/^/guest offloads $1 /"
}
parts=$(sed 's/.*parts=//;s/ .*//' /proc/cmdline)
contents() { for part in $(seq $parts); do cat /tmp/part; done; }
# transfer NAME: so many times 4 MiB each way, by two connections at a time.
transfer() {
  nc 10.0.2.1 8 </dev/null | md5sum >/tmp/fetched &
  arrived=$(contents | nc 10.0.2.1 7)
  wait
  sent=$(contents | md5sum)
  wanted=$(nc 10.0.2.1 6 </dev/null)
  if [ "$arrived" = "$sent" ] && [ "$(cat /tmp/fetched)" = "$wanted" ]; then
    echo "guest transfer $1 good"
  else
    echo "guest transfer $1 bad: sent $sent arrived $arrived, fetched $(cat /tmp/fetched) of $wanted"
  fi
}
head -c 4194304 /dev/urandom >/tmp/part
tell_queues
ethtool -L eth0 combined 1
tell_queues
ethtool -L eth0 combined 2
tell_queues
echo "guest link $(cat /sys/class/net/eth0/carrier)"
tell_offloads with
transfer with
echo "guest threads $(nc 10.0.2.1 9 </dev/null)"
ethtool -K eth0 tx off tso off gso off gro off rx-gro-hw off
tell_offloads without
transfer without
finish
