# The guest's side of its network; `host-network.sh` is the other.

network_up() {
  ip link set lo up
  ip addr add 10.0.2.2/24 dev eth0
  ip link set eth0 up
}

# check_network MIB: pings and transfers both ways, and prints `check: good|bad NAME: DETAIL` for each.
check_network() {
  there=$(ping -c 3 -w 30 10.0.2.1 | grep 'packets transmitted')
  back=$(nc 10.0.2.1 9 </dev/null | grep 'packets transmitted')
  case "$there, $back" in
  "3 packets transmitted, 3 packets received"*", 3 packets transmitted, 3 packets received"*)
    echo "check: good ping: 3 to the host and 3 from it, all answered"
    ;;
  *) echo "check: bad ping: to the host: ${there:-nothing}; from it: ${back:-nothing}" ;;
  esac
  head -c $(($1 * 1048576)) /dev/urandom >/tmp/ours
  sent=$(sha256sum </tmp/ours)
  arrived=$(nc 10.0.2.1 7 </tmp/ours)
  nc 10.0.2.1 8 </dev/null >/tmp/theirs
  fetched=$(sha256sum </tmp/theirs)
  wanted=$(nc 10.0.2.1 6 </dev/null)
  if [ "$sent" = "$arrived" ] && [ "${fetched%% *}" = "${wanted%% *}" ]; then
    size=$(wc -c </tmp/theirs)
    echo "check: good TCP: $1 MiB to the host and $((size / 1048576)) MiB from it, unchanged"
  else
    echo "check: bad TCP: sent $sent, arrived $arrived; fetched $fetched of $wanted"
  fi
  rm /tmp/ours /tmp/theirs
}
