# Everyday commands. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo build check test test-majors proof-bugs bench servers clean
.PHONY: help demo build check test test-majors proof proof-report bench servers clean
.PHONY: help demo build check test test-majors proof-seeds bench servers clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the whole story on this machine in about a minute; brings what it needs
	@scripts/setup.sh demo
	@cargo build --release --locked
	@target/release/postrider demo $(if $(POSTRIDER_TEST_PG_BIN),--postgres-bin $(POSTRIDER_TEST_PG_BIN)) $(DEMO)

build: ## the release binary, target/release/postrider, and its man pages beside it
	@scripts/setup.sh build
	cargo build --release --locked
	target/release/postrider man target/release/man

check: ## formatting, lints, tidy rules, documentation; starts no server
	scripts/setup.sh check
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	cargo clippy --features failpoints --example failpoints --locked -- -D warnings
	cargo test --locked --test tidy
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked

test: ## all tests, against a PostgreSQL and an Apache Kafka that they start themselves
	@scripts/test.sh

test-majors: ## a slice of the tests against PostgreSQL 14, 16, 17 and 18, fetched once
	@scripts/test-majors.sh

proof-bugs: ## plants the bugs of tests/bugs one at a time and shows which test catches each; BUGS='05 16' for some
	@scripts/setup.sh all
	@scripts/proof-bugs.sh $(BUGS)
proof: ## faults for the record: SLICE=kills MINUTES=25 SEED=7; all five kinds without SLICE
	@SLICE="$(SLICE)" MINUTES="$(MINUTES)" SEED="$(SEED)" RATE="$(RATE)" scripts/proof.sh

proof-report: ## proof/REPORT.md from proof/LEDGER.csv
	@scripts/proof-report.sh
proof-seeds: ## a million runs of the simulated publisher, or SEEDS=…, from FIRST=… on; see CONTRIBUTING.md
	@scripts/setup.sh build
	POSTRIDER_SEEDS=$(or $(SEEDS),1000000) POSTRIDER_FIRST_SEED=$(or $(FIRST),0) \
	  cargo test --release --locked --lib every_seed_keeps -- --nocapture

bench: ## speed, CPU and memory beside pg_recvlogical; about ten minutes, see benches/drain
	scripts/setup.sh all
	cargo bench --locked --bench drain

servers: ## installs and fetches what `make test` needs, and says what it cannot
	@scripts/setup.sh all

clean: ## removes everything that was built or fetched
	cargo clean
