# The host's side of a guest's network: a TAP, and peers that the guest talks to.

# network_up FILE: makes tap0 with 10.0.2.1 and starts the peers. FILE is what the guest can get.
network_up() {
  $BUSYBOX ip link set lo up &&
    $BUSYBOX tunctl -t tap0 >/dev/null &&
    $BUSYBOX ip addr add 10.0.2.1/24 dev tap0 &&
    $BUSYBOX ip link set tap0 up || return
  peers=
  # The file's sum, the sum of what the guest sends, the file, and pings back.
  $BUSYBOX nc -ll -p 6 -e "$BUSYBOX" sha256sum "$1" &
  peers="$peers $!"
  $BUSYBOX nc -ll -p 7 -e "$BUSYBOX" sha256sum &
  peers="$peers $!"
  $BUSYBOX nc -ll -p 8 -e "$BUSYBOX" cat "$1" &
  peers="$peers $!"
  $BUSYBOX nc -ll -p 9 -e "$BUSYBOX" ping -c 3 -w 30 10.0.2.2 &
  peers="$peers $!"
}

# network_down: ends the peers and removes the TAP.
network_down() {
  kill $peers
  $BUSYBOX tunctl -d tap0 >/dev/null
}
