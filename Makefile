# The commands of the repository. On a fresh Debian with Rust, none needs a step before it.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: help demo test check e2e bench soak fmt openapi fuzz clean-cache

help: ## Show this
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: ## Build, start a server, import a manifest it made, ask for it; leaves the server running
	$(CARGO) build --quiet -p portolan
	./target/debug/portolan demo

test: ## Run every test, on SQLite and on a private PostgreSQL
	scripts/with-postgres $(CARGO) test --workspace

check: ## Format, lints, layers, OpenAPI drift, dependencies
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --workspace --no-deps --document-private-items --quiet
	scripts/check-layers
	$(CARGO) test --quiet -p portolan-openapi
	scripts/check-dependencies

e2e: ## Faults of the database, deploy/ with the real programs, clients generated from openapi.json, and look for answers that it does not describe
	$(CARGO) build --quiet -p portolan
	PORTOLAN=$(CURDIR)/target/debug/portolan deploy/faults/run
	PORTOLAN=$(CURDIR)/target/debug/portolan deploy/e2e/run
	PORTOLAN=$(CURDIR)/target/debug/portolan openapi/e2e/run
	PORTOLAN=$(CURDIR)/target/debug/portolan openapi/e2e/conformance/run

bench: ## Measure the service beside the least that could do the same: docs/performance.md
	$(CARGO) build --quiet --release -p portolan -p portolan-bench
	PORTOLAN=$(CURDIR)/target/release/portolan REFERENCE=$(CURDIR)/target/release/reference bench/run $(TABLES)

soak: ## Imports, reads and revocations for an hour (SOAK_SECONDS): no error, and flat memory; ENGINE=postgres or sqlite for one alone
	$(CARGO) build --quiet --release -p portolan
	PORTOLAN=$(CURDIR)/target/release/portolan ENGINE=$(ENGINE) deploy/soak/run

fmt: ## Format the code
	$(CARGO) fmt --all

openapi: ## Write openapi/openapi.json again
	$(CARGO) run --quiet -p portolan-openapi

fuzz: ## Fuzz what reads untrusted bytes, five minutes for each target
	cd domain/fuzz && for target in archive manifest_json ostree edge_uri; do \
	  mkdir -p corpus/$$target && $(CARGO) fuzz run --sanitizer none $$target corpus/$$target seeds/$$target -- \
	    -max_total_time=300 -max_len=65536 -rss_limit_mb=1024 -timeout=20 || exit 1; done

clean-cache: ## Remove what e2e and check installed for themselves
	rm -rf .cache
