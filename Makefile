# What the project can do with itself. `make run` and `make test` need only Go.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10
# Minutes, and random cases of a property at a time.
EXPLORETIME   ?= 10
EXPLORECHECKS ?= 500
GO       ?= go
BIN      := bin/conclave
STATICCHECK := bin/staticcheck

# Packages whose tests run concurrently enough for the race detector to matter.
CONCURRENT := ./lock/... ./store/... ./journal/... ./broker/... ./transport/... ./client/... ./network/... ./console/... ./jdbcstore/... ./migrate/... ./spool/... ./cmd/...
# Debian packages that `make interop`, `make mixed` and `make bench` need.
PEERS := activemq libactivemq-java default-jdk-headless
DATABASE := postgresql libpostgresql-jdbc-java libcommons-dbcp2-java pgbouncer nftables libjaxb-api-java

.PHONY: build run test race fuzz fuzz-list lint interop jms network mixed ha fault nfs model postgres postgres-jms bench combined peers all-peers clean

build: ## a static binary, bin/conclave
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) ./cmd/conclave

run: build ## a broker on tcp://127.0.0.1:61616 with its store in ./data/kahadb
	./$(BIN) start

combined: build ## three brokers on this machine: A, bridged with the pair of B and C; see etc/combined-a.yaml
	CONCLAVE_BIN=$(CURDIR)/$(BIN) etc/combined.sh

VET ?= $(GO) vet ./...
test: ## every test that needs only Go
	$(VET)
	$(GO) test ./...

# Random cases of each property; `make test` has as many as rapid takes by itself.
CHECKS ?= 100
race: ## the concurrent packages under the race detector (needs a C compiler)
	CGO_ENABLED=1 RAPID_CHECKS=$(CHECKS) $(GO) test -race $(CONCURRENT)

# One line for each fuzz target: package directory and name.
fuzz-list:
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . \
		| sed -E 's|^(.*)/[^/]*:[0-9]+:func (Fuzz.*)$$|\1 \2|' | sort

# A target runs in batches of executions: at the end of a time, Go's fuzzer may
# report the run that it cuts off as failed.
fuzz: ## every fuzz target for about FUZZTIME seconds
	@$(MAKE) -s fuzz-list | while read -r dir name; do \
		echo "== $$dir $$name"; \
		end=$$((SECONDS + $(FUZZTIME:s=))); \
		while :; do \
			$(GO) test "$$dir" -run '^$$' -fuzz "^$$name\$$" -fuzztime 5000x -fuzzminimizetime 1s; \
			[ $$SECONDS -lt $$end ] || break; \
		done; \
	done

# One line for each test of random cases against a property: package directory
# and name.
property-list:
	@grep -rlE --include='*_test.go' 'rapid\.(Check|MakeCheck)\(' . | sort | xargs awk ' \
		/^func Test/ { name = $$2; sub(/\(.*/, "", name) } \
		/rapid\.(Check|MakeCheck)\(/ { dir = FILENAME; sub(/\/[^\/]*$$/, "", dir); print dir, name }' | sort -u

# Fuzz targets and properties in another order each round. What it finds is
# repaired with a committed case; the gate, .ci/run, only repeats cases.
.PHONY: property-list explore
explore: ## what nobody knows yet: EXPLORETIME minutes of fresh random cases; stops at the first finding
	@end=$$((SECONDS + 60 * $(EXPLORETIME:m=))); \
	list=$$({ $(MAKE) -s fuzz-list | sed 's/^/fuzz /'; $(MAKE) -s property-list | sed 's/^/property /'; }); \
	while :; do \
		while read -r kind dir name; do \
			echo "== $$dir $$name"; \
			if [ $$kind = fuzz ]; then \
				command="$(GO) test $$dir -run '^$$' -fuzz '^$$name\$$' -fuzztime 20000x -fuzzminimizetime 10s"; \
				again="$(GO) test $$dir -run '^$$name\$$' # reads the input that is new in $$dir/testdata/fuzz/$$name"; \
			else \
				seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' '); \
				command="RAPID_SEED=$$seed RAPID_CHECKS=$(EXPLORECHECKS) $(GO) test -count=1 $$dir -run '^$$name\$$'"; \
				again=$$command; \
			fi; \
			eval "$$command" < /dev/null || { echo "== found. To repeat it:"; echo "$$again"; exit 1; }; \
			[ $$SECONDS -lt $$end ] || { echo "== nothing found"; exit 0; }; \
		done < <(shuf <<< "$$list"); \
	done

$(STATICCHECK): tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../$(STATICCHECK) honnef.co/go/tools/cmd/staticcheck

lint: $(STATICCHECK) ## gofmt, vet, staticcheck and the rules of test/arch
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
		if [ -n "$$files" ]; then echo "not formatted by gofmt:"; echo "$$files"; exit 1; fi
	$(GO) vet -tags interop,jms,network,fault,nfs,mixed,model,traced,postgres ./...
	$(STATICCHECK) -tags interop,jms,network,fault,nfs,mixed,model,traced,postgres ./...
	$(GO) test ./test/arch

peers: # ActiveMQ itself and a JDK, from Debian
	@missing=""; for p in $(PEERS); do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "*** missing Debian packages:$$missing" >&2; \
			echo "*** install them (apt-get install$$missing) or run this as root on Debian" >&2; exit 1; \
		fi; \
		echo "installing$$missing"; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	fi

all-peers: PEERS += libjolokia-core-java $(DATABASE)
all-peers: peers ## what the suites with peers need, all at once

interop: PEERS += libjolokia-core-java
interop: build peers ## real ActiveMQ clients and brokers against this one
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags interop -count=1 -p 1 -timeout 20m -parallel 3 -v ./test/interop/... ./test/client

jms: build peers ## what applications do with JMS, with real Java clients
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags jms -count=1 -timeout 20m -parallel 2 -v ./test/jms

ALTERNATIONS ?= 50
KILLS        ?= 20

network: PEERS += nftables
network: build peers ## networks of Conclaves and ActiveMQs, with real Java clients; needs root for partitions
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags network -count=1 -timeout 20m -v ./test/network -parallel 3 -kills $(KILLS)

mixed: build peers ## ActiveMQ and Conclave as one pair, killed ALTERNATIONS times
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags mixed -count=1 -timeout 6h -parallel 2 -v ./test/mixed -alternations $(ALTERNATIONS)

ha: build ## pairs of real processes: take-over, clean stop, lost locks
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags traced -count=1 -timeout 10m -parallel 4 -v ./test/ha

fault: build ## bad input on ports and disks, processes that die and hang; root runs all of it
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags fault -count=1 -timeout 20m -parallel 3 -v ./test/fault

# NFS=TestKill runs one test, NFSFLAGS=-keep leaves its logs; see test/nfs/doc.go.
# All of them are two runs at once: each has kernels and networks of its own,
# and mostly waits for leases to end.
NFSHALF := TestStorageCut|TestClockStep|TestPowerOff
NFSTEST = CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags nfs -count=1 -timeout 15m -v ./test/nfs
nfs: build ## a pair on a real NFS server, three kernels of Debian's user-mode-linux; needs root
ifdef NFS
	$(NFSTEST) -run '$(NFS)' $(NFSFLAGS)
else
	$(NFSTEST) -run '$(NFSHALF)' $(NFSFLAGS) & half=$$!; \
		code=0; $(NFSTEST) -skip '$(NFSHALF)' $(NFSFLAGS) || code=$$?; \
		wait $$half; exit $$code
endif

model: ## the election as a model, explored in full (needs spin and gcc)
	$(GO) test -tags model -count=1 -timeout 20m -v ./test/model

postgres: PEERS += $(DATABASE)
postgres: build peers ## stores, locks and pairs on private PostgreSQL servers
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags postgres -count=1 -timeout 20m -p 2 -v -parallel 4 $(DATABASE_TESTS)
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags interop -count=1 -timeout 20m -v ./test/interop -store postgres -run 'TestFailoverLedger$$'

postgres-jms: PEERS += $(DATABASE)
postgres-jms: build peers ## what applications do with JMS, on a database
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) test -tags jms -count=1 -timeout 20m -v -parallel 3 ./test/jms -store postgres -run '$(DATABASE_JMS)'

# The packages that test with a database, and what of the JMS suites is run on one.
DATABASE_TESTS := ./test/postgres ./test/harness ./test/harness/postgres ./lock/pglock ./jdbcstore ./migrate
DATABASE_JMS := TestXA|TestDurable|TestLocalTransactions|TestPipeKilled|TestFailoverInTransaction|TestOrder

bench: PEERS += $(DATABASE)
bench: build peers ## figures beside ActiveMQ's, in the same run; BENCH has flags, see test/bench/doc.go
	CONCLAVE_BIN=$(CURDIR)/$(BIN) $(GO) run ./test/bench $(BENCH)

clean:
	rm -rf bin
