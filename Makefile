# What to do with a checkout of Myna; `make help` lists it. Each target makes the environments it needs.
#
#   .venv        Myna installed from a wheel, its wire, core and sockets compiled where a C compiler is found
#   .venv-pure   Myna installed from a wheel, everything interpreted, for the tests
#
# Both hold an installed copy, never the source tree: beside an edited .py, the old .so would win.

ARGS ?=
ROUNDS ?= 1
CONSTRAINTS ?= constraints.txt
SECONDS ?= $(shell expr 10 \* $(ROUNDS))
export MYNA_PURE MYNA_COMPILED MYNA_OPT

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: run test test-pure test-compiled build check verify conformance slow bench fuzz coverage proto dist clean help \
  environments newest FORCE
.SECONDARY:

# A virtual environment whose Python has gone cannot be mended.
$(foreach env,.venv .venv-pure,$(shell test -e $(env)/bin/python || rm -rf $(env)))

UV := $(shell command -v uv)
SOURCES := $(shell find src -type f ! -path '*/__pycache__/*' ! -path '*.egg-info/*') setup.py pyproject.toml
PYTEST := -m pytest --hypothesis-seed=0
PROTO := src/myna/faces/webpubsub/protobuf
SUITE := --ignore=tests/conformance --ignore=tests/fuzz

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile
	@echo
	@echo '  MYNA_PURE=1      do not compile                      MYNA_OPT=0       compile quickly, for development'
	@echo '  MYNA_COMPILED=1  fail where compiling is impossible  PYTHON=python3.12  build with this Python'

run: build ## build, install and start the broker: make run ARGS='--mqtt localhost:1884'
	@.venv/bin/myna serve $(ARGS)

build: .venv/installed ## build and install: .venv/bin/myna
	@.venv/bin/myna --version

test: test-pure test-compiled ## the tests: wire, core and sockets interpreted, then everything on the build

test-pure: .venv-pure/installed .venv-pure/dev ## the tests of wire, core and sockets, interpreted
	@.venv-pure/bin/myna --version | grep 'pure Python'
	.venv-pure/bin/python $(PYTEST) -m 'not slow' tests/wire tests/core tests/sockets

test-compiled: .venv/installed .venv/dev ## all tests on the build
	@.venv/bin/myna --version
	.venv/bin/python $(PYTEST) -m 'not slow' $(SUITE) tests

check: .venv/dev ## format, lint, strict types, floors
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy src tests setup.py
	.venv/bin/python -m pytest -q tests/test_floors.py tests/test_core_is_pure.py tests/test_mirror.py

verify: conformance slow fuzz ## what takes long, ROUNDS=1 times: conformance, crashes, fuzzing

conformance: .venv/installed .venv/dev
	@.venv/bin/myna --version
	MYNA_ROUNDS=$(ROUNDS) .venv/bin/python $(PYTEST) tests/conformance

slow: .venv/installed .venv/dev
	MYNA_ROUNDS=$(ROUNDS) .venv/bin/python $(PYTEST) -m slow $(SUITE) tests

bench: .venv/installed .venv/dev ## measure against other brokers: make bench ARGS=…
	.venv/bin/python bench/compare.py $(ARGS)

fuzz: .venv/installed .venv/dev ## feed the decoders hostile bytes, SECONDS=10 each
	MYNA_FUZZ_SECONDS=$(SECONDS) .venv/bin/python -m pytest tests/fuzz

coverage: .venv-pure/installed .venv-pure/dev ## which lines of wire and core their own tests reach
	.venv-pure/bin/python -m coverage run $(PYTEST) -q tests/wire tests/core tests/sockets
	.venv-pure/bin/python -m coverage report

proto: .venv/dev ## write anew what the broker loads of webpubsub.proto
	.venv/bin/python -m grpc_tools.protoc -I$(PROTO) --include_imports --descriptor_set_out=$(PROTO)/webpubsub.binpb \
	  webpubsub.proto

dist: .venv/run ## the wheel and the source archive, in dist/
	@rm -rf dist
	$(call setup,.venv) sdist bdist_wheel
	@ls -1 dist

clean: ## remove everything made here
	rm -rf .venv .venv-pure build dist .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis src/*.egg-info
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- installing: a wheel is built and put over the installed one when a source changed

.venv/installed: build/sources build/form $(SOURCES) .venv/run
	@$(call reinstall,.venv,build/wheel-built,)
	@touch $@

# Not after .venv/installed, which may compile: whoever edits wire or core sees the tests interpreted in seconds.
.venv-pure/installed: build/sources $(SOURCES) .venv-pure/run
	@$(call reinstall,.venv-pure,build/wheel-pure,MYNA_PURE=1 MYNA_COMPILED=) 2>build/pure.log || \
	  { cat build/pure.log; false; }
	@touch $@

# Two makes in one checkout wait for each other, where there is a flock: setuptools works in build/lib.
reinstall = $(LOCK) sh -ec 'rm -rf $(2); $(3) $(call setup,$(1)) bdist_wheel --dist-dir $(2); \
  $(call pip,$(1)) --no-deps --force-reinstall $(2)/*.whl'
setup = PYTHONWARNINGS=ignore $(1)/bin/python setup.py --quiet
LOCK := $(if $(shell command -v flock),flock build/lock)

# These two change only when what they list does: a file removed, or a compiler or an option that came or went.
build/sources: FORCE
	@mkdir -p build; echo '$(sort $(SOURCES))' | cmp -s - $@ || echo '$(sort $(SOURCES))' > $@
build/form: FORCE
	@mkdir -p build; form="$(MYNA_PURE) $(MYNA_COMPILED) $(MYNA_OPT) $$(command -v $${CC:-cc} gcc)"; \
	  echo "$$form" | cmp -s - $@ || echo "$$form" > $@

# ---- environments: what pyproject.toml asks for, installed again only when that list changed

environments: .venv/dev .venv-pure/dev

newest: ## install the newest versions of all we use, and write them into constraints.txt
	rm -rf .venv
	@$(MAKE) environments CONSTRAINTS=
	@{ sed '/^[^#]/d' constraints.txt; .venv/bin/python -m pip freeze --exclude myna --exclude pip; } > .venv/constraints
	@mv .venv/constraints constraints.txt && git --no-pager diff --stat constraints.txt

export PIP_DISABLE_PIP_VERSION_CHECK := 1
pip = $(if $(UV),$(UV) pip install --quiet --python $(1)/bin/python,$(1)/bin/python -m pip install --quiet)
requirements = $(1)/bin/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); $(2)'
# Paths in a list of requirements are relative to it.
constraints = $(if $(CONSTRAINTS),echo '-c ../$(CONSTRAINTS)'; printf '\043 %s\n' "$$(cksum < $(CONSTRAINTS))")
define install # environment, name of the list, the list as Python prints it
	@{ $(call requirements,$(1),$(3)); $(constraints); } > $@.new
	@cmp -s $@.new $@ || { echo 'installing what pyproject.toml asks for into $(1) ($(2))'; $(call pip,$(1)) -r $@.new; }
	@mv $@.new $@
endef

.venv/run .venv-pure/run: %/run: pyproject.toml $(CONSTRAINTS) | %/bin/python
	$(call install,$*,run,print(*p["build-system"]["requires"], "mypy>=2.0", *p["project"]["dependencies"], sep="\n"))

.venv/dev .venv-pure/dev: %/dev: pyproject.toml $(CONSTRAINTS) %/run
	$(call install,$*,dev,print(*p["project"]["optional-dependencies"]["dev"], sep="\n"))

%/bin/python:
	@python=$$(sh -c "$$find_python") && echo "making $* with $$($$python --version), $$python" && \
	  $(if $(UV),$(UV) venv --quiet --seed --python "$$python" $*,"$$python" -m venv $*)

# Prints the newest usable Python, or what is missing. Every name is tried: a pyenv shim may exist and yet not run.
define find_python
old='' novenv=''
for name in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python); do
  found=$$("$$name" -c 'import sys; print("%d.%d" % sys.version_info[:2], sys.executable)' 2>/dev/null) || continue
  case $${found%% *} in
    2.* | 3.? | 3.10) old="$$old $$name is $${found%% *}."; continue ;;
  esac
  if test -n '$(UV)' || "$$name" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$${found#* }"
    exit 0
  fi
  novenv="$$novenv $$found"
done
if test -n "$$novenv"; then
  set -- $$novenv
  echo "make: Python $$1 ($$2) lacks its venv module: apt-get install python3-venv (or python$$1-venv)" >&2
else
  echo "make: Myna needs Python 3.11 or later and none was found.$$old" >&2
  echo "      Debian 12 or later: apt-get install python3 python3-venv python3-dev" >&2
  echo "      It is elsewhere:    make PYTHON=/path/to/python3.11" >&2
fi
exit 1
endef
export find_python
