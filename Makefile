SHELL := /bin/bash
.DEFAULT_GOAL := demo
.PHONY: demo test test-coverage lint validate fuzz constructs public-models bench reports coverage referees \
        browser bubblewrap picture clean

VENV := .venv
BIN := $(VENV)/bin
# Made last, so that an environment left half-installed is taken up again.
READY := $(VENV)/.ready
CANDIDATES := $(PYTHON) python3 python3.13 python3.12 python3.14 python
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 12))

demo: $(READY)
	$(BIN)/latentfit compare exponential-missing
	$(BIN)/latentfit compare gaussian-mixture

test: $(READY)
	$(BIN)/pytest -n auto --dist loadgroup

# Which lines of the package the tests run; the report is printed and written to htmlcov/.
test-coverage: $(READY)
	$(BIN)/pytest -n auto --dist loadgroup --cov --cov-report=term:skip-covered --cov-report=html

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# What the tests show on a simulated data set or two, on fifty or more for each model; and what they
# show of ten models with quadrature, on thirty.
validate: $(READY)
	FALSE_ALARM_SAMPLES=50 QUADRATURE_MODELS=all $(BIN)/pytest -n auto -v -rP -m slow \
	    tests/check/test_mutants.py tests/bayes/marginalize/test_quadrature_under_any_prior.py

# Random declarations: log p(x | θ) beside brute force, and the check of right and wrong steps; writes
# reports/fuzz.md.
fuzz: $(READY)
	$(BIN)/python validation/fuzz_declarations.py

# log p(x | θ) of many PyMC constructs beside independent computations; writes docs/constructs.md.
constructs: $(READY)
	$(BIN)/python validation/tabulate_constructs.py $(NAME)

# EM, MLE and posterior of public models beside reference results; writes reports/public_models.md.
public-models: $(READY)
	$(BIN)/python validation/compare_public_models.py $(NAME)

# How long a check takes, beside the import that it cannot do without; an EM iteration, beside
# scikit-learn, hmmlearn and stepmix; how many passes over the data online EM needs; an iteration
# on a cluster, of data larger than its memory; how long a whole answer takes, beside a bare PyMC
# script; and what compiles a log-density best, which alone takes more than an hour.
bench: $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	$(BIN)/python benchmarks/bench_check.py
	$(BIN)/python benchmarks/bench_engine_peers.py
	$(BIN)/python benchmarks/bench_stochastic.py
	$(BIN)/python benchmarks/bench_distributed.py
	$(BIN)/python benchmarks/bench_answer.py
	$(BIN)/python benchmarks/bench_backends.py

$(READY): pyproject.toml constraints.txt
	@python=; seen=; \
	for candidate in $(CANDIDATES); do \
	    version=$$("$$candidate" -c 'import platform; print(platform.python_version())' 2>/dev/null) \
	        || { seen="$$seen, $$candidate (not found)"; continue; }; \
	    seen="$$seen, $$candidate ($$version)"; \
	    if "$$candidate" -c '$(NEW_ENOUGH)'; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "latentfit needs Python 3.12 or newer; looked for $${seen#, }." \
	        "Name one with: make PYTHON=/path/to/python" >&2; \
	    exit 2; \
	fi; \
	$(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null || "$$python" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

# The comparison of every model in the catalogue, or of NAME=coins alone, and the index of it.
reports: $(READY)
	$(BIN)/python validation/gallery.py $(NAME)

# How often 95 % intervals cover the truth in data simulated from each model: an hour and more.
coverage: $(READY)
	$(BIN)/python validation/interval_coverage.py

# The maxima beside those that other packages find: those of PyPI are installed for it, R's are
# Debian's r-cran-flexmix, -lavaan, -lme4, -mass, -mclust, -metafor, -mixtools, -nlme, -pscl,
# -survival and -vgam.
referees: $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	$(BIN)/python validation/compare_referees.py

# Selenium drives a browser; Debian packages one, and only root can install it.
browser:
	@if [ -x /usr/bin/chromium ] && command -v chromedriver >/dev/null; then \
	    :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
	        chromium chromium-driver >/dev/null; \
	else \
	    echo "no chromium with chromedriver, and no way to install them here" >&2; \
	fi

# One of two isolations of the sandbox; the other needs nothing. Only root can install it.
bubblewrap:
	@if command -v bwrap >/dev/null; then \
	    :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends bubblewrap \
	        >/dev/null || echo "bubblewrap could not be installed" >&2; \
	else \
	    echo "no bubblewrap, and no way to install it here" >&2; \
	fi

# What the README shows of a report.
picture: $(READY) browser
	$(BIN)/latentfit compare gaussian-mixture --quiet
	profile=$$(mktemp -d) && \
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
	    --disable-background-networking --disable-component-update --disable-sync \
	    --user-data-dir="$$profile" --window-size=1100,1830 \
	    --screenshot=reports/gaussian-mixture.png \
	    "file://$$PWD/reports/gaussian-mixture/report.html" && \
	rm -rf "$$profile"

clean:
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find latentfit models tests -name __pycache__ -type d -prune -exec rm -rf {} +
