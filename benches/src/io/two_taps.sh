# Two TAP interfaces with a bridge between them, in a network namespace of their own; then the command.
set -e
# The kernel has nothing to say on them.
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 2> /dev/null || true
ip link add bridge0 type bridge
ip link set bridge0 addrgenmode none up
for tap in tap0 tap1; do
    ip tuntap add dev $tap mode tap
    ip link set $tap addrgenmode none master bridge0 up
done
exec "$@"
