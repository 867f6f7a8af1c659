# Each target is one cargo command or one script. `make help` lists them.
.DEFAULT_GOAL := help
# A background job may have been started with signals ignored that tests send.
TIERS := env --default-signal cargo run --quiet --package integration --bin tiers --
SELECTION := $(if $(TIER),--tier $(TIER)) $(if $(FILTER),--filter '$(FILTER)')

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: demo
demo: ## boot a Linux with disk and network and see what it does; ARGS=--interactive leaves you at its shell
	@tests/demo.sh $(ARGS)

.PHONY: test
test: ## all tests that this machine can run; TIER=unit,golden,native,nested and FILTER=part-of-a-name choose
	$(TIERS) $(SELECTION)

.PHONY: test-full
test-full: ## as test, with 20,000 cases of each property as in CI, and with all nested machines on each kernel
	$(TIERS) $(SELECTION) --full --proptest-cases 20000

.PHONY: lint
lint: ## formatting, clippy and rustdoc without a warning, licences and sources of dependencies, structure
	tests/lint.sh

# Static, so that a start needs no dynamic linker. A target of its own keeps the flag from build scripts.
BENCH := RUSTFLAGS='-C target-feature=+crt-static' cargo run --quiet --release --target x86_64-unknown-linux-gnu --package benches --bin bench --

.PHONY: bench
bench: ## measure, and write target/bench/report.html; PARTS=start,memory N=50 SECONDS=60 AGAINST=<git revision>; ARGS=--help tells all
	$(BENCH) $(if $(PARTS),--parts $(PARTS)) $(if $(N),--runs $(N)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(AGAINST),--against $(AGAINST)) $(ARGS)

.PHONY: images
images: ## fetch and unpack the Debian packages that nested tests use, below target/images
	cargo run --quiet --package integration --bin images -- fetch

.PHONY: images-lock
images-lock: ## write tests/images.lock anew from what the mirror has now
	cargo run --quiet --package integration --bin images -- lock

.PHONY: mutants
mutants: ## a random sample of mutants of the virtio and memory code; SEED and COUNT choose it
	tests/mutants.sh

.PHONY: clean
clean: ## remove everything that was built or fetched
	cargo clean
