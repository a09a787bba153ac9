"""What every run of the tests needs, wherever it starts, and in which order they run."""

import os
from pathlib import Path
import re
import runpy
import tempfile

import matplotlib

# Several workers share the cores: one thread each is the quickest for all. Before torch loads, too.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Before torch loads, here and in the kernels that start from here: the file itself says why.
import mnist_helpers  # noqa: F401

# isort: split
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from jaxtyping import install_import_hook
import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent / "tests"
# The English edition, whose code and outputs the others share, runs.
collect_ignore = ["notebooks/zh"]
# What takes longest first, else one worker would begin with it when the others are done.
LONGEST = ("04", "07", "06", "05", "08")


def pytest_configure(config: pytest.Config) -> None:
    # No test draws on a screen. (Not by a variable: kernels would inherit it, and show no figures.)
    matplotlib.use("agg")
    config.option.nbval_sanitize_with = str(TESTS / "sanitize.cfg")
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    # Lesson 07 keeps its experiments in a file beside it. Here it finds none, and leaves none.
    os.environ["MNIST_EXPERIMENTS_DIR"] = folder.name
    set_hypothesis_home_dir(folder.name)
    settings.load_profile("ci")  # hypothesis' own, with the same examples in every run
    os.environ["TQDM_MININTERVAL"] = "2"  # each update is drawn by the browser, beside the training
    os.environ["MNIST_PROGRESS"] = "off"  # what a user has solved is neither shown nor changed
    if "MNIST_CONNECTIONS" not in os.environ:  # a worker finds it done
        guard_connections(Path(folder.name) / "connections.txt")
    # Every call that a test makes is held to the signature, shapes included; a learner's is not.
    # An int will do where a float is asked for.
    checker = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
    install_import_hook("mnist_helpers", checker)


def guard_connections(log: Path) -> None:
    """Let no test, and no program that one starts, ask another computer for anything."""
    os.environ["MNIST_CONNECTIONS"] = str(log)
    paths = [str(TESTS / "offline"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    runpy.run_path(str(TESTS / "offline" / "sitecustomize.py"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=place)


def place(item: pytest.Item) -> int:
    lesson = item.callspec.params.get("desk") if hasattr(item, "callspec") else None
    number = (lesson or item.path).name[:2]
    return LONGEST.index(number) if number in LONGEST else len(LONGEST)


class OneWorkerForEachLesson(LoadScopeScheduling):
    """Gives the tests of a module to one worker, and those of a lesson open in the browser."""

    def _split_scope(self, nodeid: str) -> str:
        lesson = re.search(r"test_lessons_in_the_browser.*\b(\d\d)\b", nodeid)
        return lesson[1] if lesson else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: while one waits for a page, another computes."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    return OneWorkerForEachLesson(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ and tried_connections():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in tried_connections():
        terminalreporter.write_line(f"FAILED: a connection was tried: {line}", red=True)


def tried_connections() -> list[str]:
    log = Path(os.environ["MNIST_CONNECTIONS"])
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []
