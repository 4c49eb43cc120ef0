#!/bin/sh
# Starts the three brokers of etc/combined-*.yaml on this machine and ends them
# with Ctrl-C. Data and logs are below data/combined.
set -eu
cd "$(dirname "$0")/.."
bin=${CONCLAVE_BIN:-bin/conclave}
[ -x "$bin" ] || { echo "no $bin: run make build, or set CONCLAVE_BIN" >&2; exit 1; }
mkdir -p data/combined
pids=
end() {
	trap - INT TERM EXIT
	[ -z "$pids" ] || kill $pids 2>/dev/null || :
	wait
}
trap end EXIT
trap 'exit 0' INT TERM
for name in a b c; do
	"$bin" start -c "etc/combined-$name.yaml" >>"data/combined/$name.log" 2>&1 &
	echo "$name: pid $!, log data/combined/$name.log"
	pids="$pids $!"
done
echo "clients: failover:(tcp://127.0.0.1:61616,tcp://127.0.0.1:61617,tcp://127.0.0.1:61618)"
echo "status:  $bin status -c etc/combined-a.yaml; kill -9 one of b and c to see the other take over"
wait
