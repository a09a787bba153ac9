import importlib.util
import os
from pathlib import Path
import sys
import tempfile

import matplotlib

# Several workers share the cores: one thread each is the quickest for all together. Before torch loads, as below.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Set below by the process that started the workers; with it all of them would be kept to the same core.
    os.environ.pop("OMP_PROC_BIND", None)

# Before torch loads, here and in the kernels that nbval starts: mnist_helpers/__init__.py says why.
import mnist_helpers  # noqa: F401

# isort: split
from jaxtyping import install_import_hook

# Every call that a test makes is held to the signature, shapes included. In a learner's kernel nothing is.
TYPED = [
    ".".join(path.relative_to(Path(__file__).parent).with_suffix("").parts)
    for path in Path(__file__).parent.glob("mnist_helpers/**/*.py")
    if "jaxtyping" in path.read_text(encoding="utf-8")
]
install_import_hook(TYPED, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

from leftovers import note_fresh, with_leftovers
import pytest
import torch  # noqa: F401

# No test draws on a screen. (Not by a variable: the kernels would inherit it, and show no figures.)
matplotlib.use("agg")

# Each thread of a kernel kept to its core: beside another training that is faster by a third. Not so for a learner's
# kernel: what it starts would be kept to one core too. This process has read its own settings above, with torch.
if sys.platform == "linux" and "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ.setdefault("OMP_PROC_BIND", "true")

# Lesson 06 keeps its experiments in a file beside it. Here it finds none, and leaves none.
_experiments = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
os.environ["MNIST_EXPERIMENTS_DIR"] = _experiments.name

# No test, and no program that one starts, may ask another computer for anything. Workers find this done.
OFFLINE = Path(__file__).parent / "tests" / "offline" / "sitecustomize.py"
if "MNIST_CONNECTIONS" not in os.environ:
    _connections = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    os.environ["MNIST_CONNECTIONS"] = str(Path(_connections.name) / "connections.txt")
    _paths = [str(OFFLINE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(_paths)
    _spec = importlib.util.spec_from_file_location("offline", OFFLINE)
    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))

# What takes longest first, else one worker would begin with it when the others are done. (xdist's loadscope keeps
# together what one module or one lesson holds.)
LONGEST = ("test_lessons_in_the_browser", "04_", "06_", "05_", "07_")


def pytest_configure(config: pytest.Config) -> None:
    config.option.nbval_sanitize_with = str(OFFLINE.parent.parent / "sanitize.cfg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = with_leftovers(items)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_place)


@pytest.hookimpl(trylast=True)  # only then does the kernel run
def pytest_runtest_setup(item: pytest.Item) -> None:
    note_fresh(item)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ and _tried_connections():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _tried_connections():
        terminalreporter.write_line(f"FAILED: a connection was tried: {line}", red=True)


def _tried_connections() -> list[str]:
    log = Path(os.environ["MNIST_CONNECTIONS"])
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def _place(item: pytest.Item) -> int:
    starts = [item.path.name.startswith(name) for name in LONGEST]
    return starts.index(True) if True in starts else len(LONGEST)
