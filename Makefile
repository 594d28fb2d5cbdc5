# `make demo` and `make test` are the two commands; `make help` lists the rest.
# Everything that can be fetched or built again lies under HINDSIGHT_CACHE (default ~/.cache/hindsight).

.DEFAULT_GOAL := help
.PHONY: help demo build console sdk libchdb tools samples shop-samples lint test e2e screens chaos corpus bench bench-clients bench-sdk audit clean-data

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## Build everything, start it on ./hindsight-data, import the samples, print the addresses
	@tools/demo

build: ## Console, recorder and release binary ($CARGO_TARGET_DIR/release/hindsight)
	@tools/build

console: ## The console alone (console/dist)
	@tools/build-console

sdk: ## The browser recorder alone (sdk/dist)
	@tools/build-sdk

libchdb: ## Fetch the embedded ClickHouse, pinned and checked by hash
	@tools/fetch-libchdb

tools: ## Say which tools are missing (and install them where run as root)
	@tools/check-tools

samples: ## Make samples/ again from recordings (CORPUS=folder)
	@tools/make-samples "$(CORPUS)"

shop-samples: ## Visit the demo shop with a headless browser; its recordings (OUT=folder), ready to be imported
	@tools/shop-samples "$(OUT)"

lint: ## Formatting, clippy, spelling, licences; console lint and types
	@tools/test lint

test: ## Everything, from nothing: lint, unit, integration, end to end
	@tools/test all

e2e: ## End to end alone: a real server, sample data, a real browser, every documented call
	@tools/test e2e

screens: ## End to end, and take the screenshots in docs/screens anew
	@SCREENS="$(CURDIR)/docs/screens" tools/test e2e

chaos: ## Break a whole installation under load, FAULTS times by SEED (WITHOUT=intent|settle|lease), and count what is lost
	@tools/chaos "$(or $(SEED),1)" "$(or $(FAULTS),200)" "$(WITHOUT)"

corpus: ## Import CORPUS=folder of recordings, compare what the API gives with what was sent, play each
	@tools/test corpus "$(CORPUS)"

bench: ## Benchmarks; CORPUS=folder of recordings for the end-to-end ones
	@tools/bench

bench-clients: ## What a call costs a service (Java, Node, Rust), and whether the events arrive
	@tools/bench-clients

bench-sdk: ## What the recorder costs a page beside bare rrweb, and what arrives of visits that end suddenly
	@tools/bench-sdk

audit: ## Known vulnerabilities in dependencies (needs the advisory database: network)
	@tools/audit

clean-data: ## Remove ./hindsight-data
	rm -rf hindsight-data
