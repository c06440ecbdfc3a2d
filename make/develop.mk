# For developers of the service: slow tests, examples, benchmarks.

##@ More on a laptop
FUZZERS = $(shell grep -rlE '^(from|import) (hypothesis|schemathesis)|HYPOTHESIS_PROFILE' tests/api --include='test_*.py')
EXAMPLES ?= 1000
.PHONY: fuzz histories
fuzz: $(READY) ## Fuzz with schemathesis and Hypothesis for about an hour (EXAMPLES=, ARGS= for pytest)
	@HYPOTHESIS_PROFILE=long EXAMPLES=$(EXAMPLES) $(BIN)/pytest $(FUZZERS) $(ARGS)

histories: $(READY) ## Compare the kept rows of the metrics with a computation of everything, for 10,000 random histories, about an hour (HISTORIES=, FIRST=, ARGS= for pytest)
	@HISTORIES=$(or $(HISTORIES),10000) FIRST=$(or $(FIRST),0) \
		$(BIN)/pytest -n auto --dist worksteal tests/api/test_dora_kept.py -k computation_of_everything $(ARGS)

.PHONY: examples
examples: $(READY) ## Run the examples of README.md and docs/api.md, and update their answers
	@$(PYTHON) -m tests.examples --write

.PHONY: renovate
renovate: $(READY) $(RENOVATE) ## Test renovate.json5 with Renovate itself, offline (ARGS= for pytest)
	@$(BIN)/pytest -o addopts= -p no:cacheprovider tests/renovate $(ARGS)

.PHONY: browser-test
browser-test: $(READY) $(BROWSER) ## Test the pages in Chromium, on PostgreSQL (ARGS= for pytest)
	@$(call NEEDED,chromium,on Debian: apt-get install chromium)
	@REQUIRE_POSTGRES=1 AXE=.tools/browser/node_modules/axe-core PYTHONPATH=.tools/browser/python \
		$(BIN)/pytest -o addopts= -p no:cacheprovider -rs tests/browser $(ARGS)

.PHONY: screenshots
screenshots: $(READY) $(BROWSER) ## Take the pictures of the README in docs/pictures/ (ARGS='--every-page FOLDER' looks at every page)
	@$(call NEEDED,chromium,on Debian: apt-get install chromium)
	@PYTHONPATH=.tools/browser/python $(PYTHON) -m tests.browser.screenshots $(ARGS)

.PHONY: dashboard
dashboard: $(READY) ## Write the Grafana dashboard docs/grafana.json from tools/dashboard.py
	@$(PYTHON) -m tools.dashboard

.PHONY: bench
bench: $(READY) $(PEER) ## Measure the service beside FastAPI and BASE=, and write docs/benchmarks.md (about 25 minutes; ARGS=--quick, ARGS=--help)
	@$(PYTHON) -m bench $(if $(BASE),--base $(BASE)) $(ARGS)

.PHONY: flood
flood: $(READY) ## Send 20,000 events while the database crashes, and check that none is lost (about 5 minutes; ARGS=--help)
	@$(PYTHON) -m bench.flood $(ARGS)

.PHONY: clean
clean: ## Remove everything that the targets made, except the embedded database in .data/
	@rm -rf .venv .tools .build .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
