# Steps that guests of several tests do.

# restarts COUNT: so many restarts; what was written to the disk before the first must be whole after each.
restarts() {
  boots=$(cat /boots 2>/dev/null || echo 0)
  if [ "$boots" = 0 ]; then
    head -c 4194304 /dev/urandom >/data
    sha256sum /data >/data.sum
  else
    sha256sum -c /data.sum || exit
  fi
  if [ "$boots" -lt "$1" ]; then
    echo $((boots + 1)) >/boots
    sync
    echo "guest restarts"
    reboot -f
  fi
}

# tell_memory: how much of it the kernel has.
tell_memory() {
  awk '/^MemTotal/ { print "guest mib=" int($2 / 1024) }' /proc/meminfo
}

# finish: what the kernel complained of, and the end.
finish() {
  dmesg | grep -E "$(cat /lib/complaints)"
  echo "guest done cpus=$(nproc)"
  sync
  poweroff -f
}
