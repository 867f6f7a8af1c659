# Functions of L1 for these tests.

# start LIMIT UNTIL ARGUMENTS...: runs the launcher for at most LIMIT seconds and prints what it and its console say, each
# line with the milliseconds since the start. With UNTIL, a pattern, it is ended when the console has said that.
start() {
  limit=$1 until=$2
  shift 2
  : >/tmp/log
  {
    timeout "$limit" launcher run --console stdio --grace 0 --boot-report text "$@" </dev/null 2>&1
    echo "launcher ended with $?"
  } | stamp | tee /tmp/log &
  console=$!
  if [ -n "$until" ]; then
    while ! grep -q -a -E "$until|launcher ended" /tmp/log; do sleep 0.5; done
    kill -TERM "$(pidof launcher)"
  fi
  wait $console
}

# steps TEXT: makes the disk that tells a guest what to do.
steps() {
  echo "$1" >/tmp/steps
  truncate -s 4096 /tmp/steps
}

# no_room: puts the variables on a filesystem that has no room for their next contents until the guest has restarted.
no_room() {
  mount -t tmpfs -o size=1200k small /tmp/vars
  head -c 400000 /dev/zero >/tmp/vars/filler
  : >/tmp/log
  { while ! grep -q -a 'guest restarts' /tmp/log; do sleep 0.5; done; rm /tmp/vars/filler; } &
}

# network_up FILE: makes tap0, and answers there to DHCP and TFTP; what boots from the network gets FILE.
network_up() {
  ip link set lo up
  tunctl -t tap0 >/dev/null
  ip addr add 10.0.2.1/24 dev tap0
  ip link set tap0 up
  /net/lib64/ld-linux-x86-64.so.2 --library-path /net/lib /net/bin/dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file=/tmp/dnsmasq.pid \
    --user=root --interface=tap0 --port=0 --dhcp-range=10.0.2.10,10.0.2.20 --dhcp-leasefile=/tmp/leases \
    --dhcp-authoritative --no-ping --dhcp-boot="$1" --enable-tftp --tftp-root=/media/tftp --log-facility=/tmp/dnsmasq.log &
  dnsmasq=$!
}

# network_down: the end of that, with what was asked of it.
network_down() {
  kill $dnsmasq
  wait $dnsmasq
  tunctl -d tap0 >/dev/null
  sed 's/^/network: /' /tmp/dnsmasq.log
  rm -f /tmp/leases /tmp/dnsmasq.log
}
