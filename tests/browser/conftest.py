import os
import shutil

from jupyter_lab import BROWSER_FLAGS, find_browser, jupyter_lab
import pytest
from run_notebooks import ROOT


def pytest_collection_modifyitems(config, items):
    """Run each lesson once: what JupyterLab runs here, nbval does not run again."""
    if find_browser() or os.environ.get("BROWSER_REQUIRED"):
        chosen = [item.callspec.params for item in items if hasattr(item, "callspec")]
        here = {one["desk"].name for one in chosen if "desk" in one}
        twice = [item for item in items if item.path.name in here]
        config.hook.pytest_deselected(items=twice)
        items[:] = [item for item in items if item not in twice]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    found = find_browser()
    if found is None:
        stop = pytest.fail if os.environ.get("BROWSER_REQUIRED") else pytest.skip
        stop("no browser is installed: neither Chromium nor Chrome is on the PATH")
    return {**browser_type_launch_args, "executable_path": found, "args": BROWSER_FLAGS}


@pytest.fixture(scope="session")
def lab(tmp_path_factory, browser):  # without a browser there is nothing to start it for
    home = tmp_path_factory.mktemp("lab")
    folder = home / "a folder" / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns("*.pt", ".*"))
    with jupyter_lab(folder, home) as running:
        yield running
