# Every command that anybody needs, in one place. `make help` lists them; README.md names the two to start with.

SWIFT ?= swift
PYTHON ?= /usr/bin/python3
# Seconds that each fuzzer gets: `make fuzz FUZZ_SECONDS=3600`. Within `make test` it is a short, fixed budget.
FUZZ_SECONDS ?= 300
FUZZ_SECONDS_IN_TEST ?= 15
# Of `make simulate` and `make simulate-many`.
SEED ?=
NODES ?=
STEPS ?=
SEEDS ?= 1000
# Handed on to ops/chaos.
CHAOS ?=
# Handed on to bench/run: `make bench BENCH="1k tls --rounds 3"`, `make bench-cache BENCH="--keep"`.
BENCH ?=
# Handed on to ops/quickstart: `make run QUICKSTART="--ports auto"`.
QUICKSTART ?=

BINARY := .build/release/tidegate
# Debug builds, which compile the tests too, take no warning. Release builds, which users make with compilers we have not seen, do.
STRICT := -Xswiftc -warnings-as-errors
FUZZERS := http1 configuration packets streams schemas
FUZZ_FLAGS := --scratch-path .build-fuzz -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld
# The parts of the integration tests that measure nothing, run once more against a sanitised gateway.
LEAKS := LSAN_OPTIONS=suppressions=$(CURDIR)/ops/leaks.supp:print_suppressions=0
SANITIZED := test_http1 test_http2 test_malformed test_tls test_forwarding test_upstreams test_cluster test_cache test_cache_together

.PHONY: help setup setup-run build run test lint format test-unit test-integration test-simulation test-asan test-tsan fuzz simulate simulate-many bench-gossip chaos bench bench-cache docs clean
.DEFAULT_GOAL := help
.NOTPARALLEL:

help: ## list these jobs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' Makefile

setup: ## install what building and testing needs (as root), or say what is missing
	@ops/setup test

setup-run:
	@ops/setup run

build: setup-run ## build .build/release/tidegate
	$(SWIFT) build -c release --product tidegate

run: build ## build, then start the quickstart: a gateway, two upstreams, a status line a second
	@ops/quickstart --binary $(BINARY) $(QUICKSTART)

test: setup lint test-unit build test-integration test-simulation ## everything that must pass: lint, unit, build, integration, a short fuzz run
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=$(FUZZ_SECONDS_IN_TEST)
	@echo "make test: all passed"

lint: ## check the format of the sources (make test-unit holds the tidy rules)
	@$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests || { echo "lint: make format mends most of it"; exit 1; }

format: ## bring the sources into the format that lint wants
	$(SWIFT) format --in-place --parallel --recursive Package.swift Sources Tests

# One after the other: tests that wait for threads of their own hold one of the pool's, of which there are as many as cores.
test-unit: setup ## build with warnings as errors and run the unit and tidy tests
	$(SWIFT) build --build-tests $(STRICT)
	$(SWIFT) test --skip-build --disable-xctest --no-parallel $(STRICT)

test-integration: build ## drive the release build over real sockets
	TIDEGATE_BIN=$(CURDIR)/$(BINARY) $(PYTHON) -B -m unittest discover -s Tests/Integration

test-simulation: setup-run ## two processes run the same lives the same way
	@$(SWIFT) build -c release --product simulate
	@mkdir -p var; for run in 1 2; do \
		for seed in 1 2 3 4 5; do .build/release/simulate life --seed $$seed --steps 120; done > var/simulation-$$run || exit 1; done
	@cmp var/simulation-1 var/simulation-2 && echo "simulation: five lives, byte for byte the same in two processes"

test-asan: setup ## the tests under AddressSanitizer
	$(LEAKS) $(SWIFT) test --disable-xctest --no-parallel --scratch-path .build-asan --sanitize=address
	cd Tests/Integration && $(LEAKS) TIDEGATE_BIN=$(CURDIR)/.build-asan/debug/tidegate $(PYTHON) -B -m unittest $(SANITIZED)

test-tsan: setup ## the tests under ThreadSanitizer
	TSAN_OPTIONS="halt_on_error=1 $(TSAN_OPTIONS)" $(SWIFT) test --disable-xctest --no-parallel --scratch-path .build-tsan --sanitize=thread
	cd Tests/Integration && TSAN_OPTIONS="halt_on_error=1 $(TSAN_OPTIONS)" \
		TIDEGATE_BIN=$(CURDIR)/.build-tsan/debug/tidegate $(PYTHON) -B -m unittest $(SANITIZED)

# libFuzzer writes what it learns to var/fuzz/<name> and starts from there and from Tests/Fuzz/Corpus/<name>. An input that fails
# becomes var/fuzz/<name>-crash-*: put it into the corpus together with the fix. Swift's own backtracer and libFuzzer wait for each other.
fuzz: setup-run ## fuzz each parser for FUZZ_SECONDS (default 300)
	@for name in $(FUZZERS); do \
		TIDEGATE_FUZZ=1 $(SWIFT) build $(FUZZ_FLAGS) --product fuzz-$$name || exit 1; \
		mkdir -p var/fuzz/$$name; \
		echo "fuzz: $$name for $(FUZZ_SECONDS) s"; \
		SWIFT_BACKTRACE=enable=no .build-fuzz/debug/fuzz-$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
			-print_final_stats=1 -verbosity=0 -artifact_prefix=var/fuzz/$$name- var/fuzz/$$name Tests/Fuzz/Corpus/$$name || exit 1; \
	done

simulate: setup-run ## one simulated life of a cluster: make simulate SEED=7 NODES=12 STEPS=200
	@$(SWIFT) build -c release --product simulate
	@.build/release/simulate life $(if $(SEED),--seed $(SEED)) $(if $(NODES),--nodes $(NODES)) $(if $(STEPS),--steps $(STEPS))

simulate-many: setup-run ## SEEDS (default 1000) fresh lives, until one goes wrong
	@$(SWIFT) build -c release --product simulate
	@.build/release/simulate many --count $(SEEDS)

bench-gossip: setup-run ## the figures of gossip, simulated and on real processes (about twelve minutes; see bench/README.md)
	@$(SWIFT) build -c release --product simulate
	@.build/release/simulate consume
	@.build/release/simulate figures
	@.build/release/simulate real limits
	@.build/release/simulate real deaths
	@.build/release/simulate real limits --kill

chaos: build ## hurt a cluster of five real nodes, then one whose cache is under load: make chaos CHAOS="--seed 7 --rounds 50"
	@ops/setup bench
	@ops/chaos --binary $(BINARY) $(CHAOS)

bench: build ## measure beside nginx, HAProxy, Envoy and Caddy (about twenty minutes; see bench/README.md)
	@ops/setup bench
	bench/run $(BENCH)

bench-cache: build ## measure the cache beside nginx, HAProxy and Varnish, and over nodes (some ten minutes; see bench/README.md)
	@ops/setup bench
	@$(SWIFT) build -c release --product simulate
	@.build/release/simulate placement
	bench/run hit1k hit64k peerhit collapse purge diskhit restart killratio $(BENCH)

docs: setup-run ## write docs/reference anew from the code
	TIDEGATE_WRITE_REFERENCE=1 $(SWIFT) test --disable-xctest $(STRICT) --filter ReferenceTests

clean: ## remove what was built (var/, which holds data, stays)
	rm -rf .build .build-asan .build-tsan .build-fuzz
	find Tests bench ops -name __pycache__ -type d -exec rm -rf {} +
