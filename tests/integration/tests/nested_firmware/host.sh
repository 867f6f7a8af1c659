# Functions of L1 for these tests.

# start LIMIT UNTIL ARGUMENTS...: runs the launcher for at most LIMIT seconds and prints what it and its console say, each
# line with the milliseconds since the start. With UNTIL, a pattern, it is ended when the console has said that.
start() {
  limit=$1 until=$2
  shift 2
  : >/tmp/log
  {
    PODVISOR_LOG=info,vmm::machine::firmware=debug timeout "$limit" launcher run --console stdio --grace 0 --boot-report text "$@" </dev/null 2>&1
    echo "launcher ended with $?"
  } | stamp >/tmp/log &
  if [ -n "$until" ]; then
    while ! grep -q -E "$until|launcher ended" /tmp/log; do sleep 0.5; done
    kill -TERM "$(pidof launcher)"
  fi
  wait
  tr -d '\033\r' </tmp/log
}

# steps TEXT: makes the disk that tells a guest what to do.
steps() {
  echo "$1" >/tmp/steps
  truncate -s 4096 /tmp/steps
}
