# For developers of the service: slow tests, examples, benchmarks.

##@ More on a laptop
FUZZERS = $(shell grep -rlE '^(from|import) (hypothesis|schemathesis)|HYPOTHESIS_PROFILE' tests/api --include='test_*.py')
.PHONY: fuzz
fuzz: $(READY) ## Let schemathesis and Hypothesis look for new examples (about an hour; ARGS= for pytest's own arguments)
	@HYPOTHESIS_PROFILE=long $(BIN)/pytest $(FUZZERS) $(ARGS)

.PHONY: examples
examples: $(READY) ## Run the examples in README.md and docs/api.md and write their answers anew
	@$(PYTHON) -m tests.examples --write

.PHONY: renovate
renovate: $(READY) $(RENOVATE) ## See what Renovate makes of renovate.json5, without a network; Node comes from tools/node.txt (ARGS= for pytest's own)
	@$(BIN)/pytest -o addopts= -p no:cacheprovider tests/renovate $(ARGS)

.PHONY: bench
bench: $(READY) ## Time the API on ledgers of 10 thousand and 1 million deployments (about 15 minutes; ARGS=--help)
	@$(PYTHON) -m bench.ledger $(ARGS)

.PHONY: flood
flood: $(READY) ## Send a ledger 20,000 events while its database crashes, and account for each (about 5 minutes; ARGS=--help)
	@$(PYTHON) -m bench.flood $(ARGS)

.PHONY: clean
clean: ## Remove everything the targets made, the embedded database in .data/ excepted
	@rm -rf .venv .tools .build .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
