# make lab        set up, and open the lessons in JupyterLab (make lab PORT=8899, make lab ARGS=--no-browser;
#                 TORCH=cpu the first time: PyTorch without CUDA, 5 GB less, where your package index has it)
# make test       set up, and run every test and every lesson (make test ARGS="tests/test_shapes.py": a part)
# make notebooks  run every lesson from top to bottom and save its outputs (make notebooks ARGS=notebooks/02*: one)
# make slides     build a slide show of every lesson, in slides/ (make slides ARGS=notebooks/02*: one)
# make bundle     a folder for a USB stick that sets up without a network, in bundle/ (make bundle ARGS=FOLDER)
# make hub        a class on JupyterHub, on this machine: http://localhost:8888 (make hub IP=0.0.0.0 PASSWORD=...: for
#                 the others in the room; CPUS=2 MEMORY=4G: of each learner, in place of 1 and 3G)
# make lint       ruff's checks and its format, lessons included (make lint ARGS=--fix mends what it can)

PYTHON ?= python3
PORT ?= 8888
TORCH ?= cuda
ARGS ?=

BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
INSTALLED := .venv/installed
TESTS := .venv/tests-installed
HUB := .venv/hub-installed

# How long torch's threads spin while they wait, set before torch loads: mnist_helpers/__init__.py says why.
export GOMP_SPINCOUNT ?= 3000

# Before Python 3.13 an editable installation under a path that is not ASCII keeps Python from starting in this locale.
ifneq ($(filter C POSIX,$(LC_ALL)),)
export LC_ALL := C.UTF-8
endif

.PHONY: lab test notebooks slides bundle hub lint

lab: $(INSTALLED)
	$(BIN)/python open_lessons.py --port=$(PORT) $(ARGS)

test: $(TESTS)
	@$(BIN)/python -m pytest -n auto --maxprocesses=4 --dist loadscope --no-loadscope-reorder $(ARGS)

notebooks: $(TESTS)
	$(BIN)/python tools/run_notebooks.py $(ARGS)
	$(BIN)/python tools/chinese_edition.py

slides: $(TESTS)
	$(BIN)/python tools/build_slides.py $(ARGS)

bundle:
	@$(PYTHON) tools/make_bundle.py $(ARGS)

hub: export HUB_IP := $(IP)
hub: export HUB_PORT := $(PORT)
hub: export HUB_PASSWORD := $(PASSWORD)
hub: export HUB_CPUS := $(CPUS)
hub: export HUB_MEMORY := $(MEMORY)
hub: $(HUB)
	@$(BIN)/python -m jupyterhub --config=tools/hub/jupyterhub_config.py $(ARGS)

lint: $(TESTS)
	$(BIN)/python -m ruff check $(ARGS)
	$(BIN)/python -m ruff format $(if $(findstring --fix,$(ARGS)),,--check)
	$(BIN)/python tools/chinese_edition.py --check

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) tools/set_up.py --torch=$(TORCH)
	@touch $@

$(TESTS): requirements-test.lock $(INSTALLED)
	@$(PYTHON) tools/set_up.py --tests
	@touch $@

$(HUB): requirements-hub.lock $(INSTALLED)
	@$(PYTHON) tools/set_up.py --hub
	@touch $@
