"""A real JupyterLab on copies of the lessons, and a real browser to look at it with."""

from collections.abc import Iterator
import json
import os
import shutil
import subprocess
import sys
import time

from browsers import find_browser
from desk import Lab
from jupyter_server.serverapp import list_running_servers
from playwright.sync_api import Browser
import pytest
from run_notebooks import ROOT

# A container's shared memory (dev-shm) is too small for a notebook's page.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
# All cells in the page at once, and no question about news: all else is as a learner has it.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false"},
}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    """Start the system's Chromium; without one skip, or fail where one has to be."""
    found = find_browser()
    if found is None:
        stop = pytest.fail if os.environ.get("BROWSER_REQUIRED") else pytest.skip
        stop("no browser is installed: neither Chromium nor Chrome is on the PATH")
    return {**browser_type_launch_args, "executable_path": found, "args": FLAGS.split()}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Lab]:
    """Run JupyterLab on a free port, with settings of its own, where there is a browser."""
    home = tmp_path_factory.mktemp("lab")
    folder, runtime = home / "a folder" / "notebooks", home / "runtime"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns("*.pt", ".*"))
    for name, values in SETTINGS.items():
        path = home / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--port=0", "--allow-root"]
    command.append(f"--notebook-dir={folder}")
    places = {
        "JUPYTER_CONFIG_DIR": home,
        "JUPYTER_RUNTIME_DIR": runtime,
        "IPYTHONDIR": home / "ipython",
        "MNIST_EXPERIMENTS_DIR": home,
    }
    environment = os.environ | {name: str(place) for name, place in places.items()}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            # Long, because the machine may be busy; it is not a claim about speed.
            end = time.monotonic() + 120
            while not (running := list(list_running_servers(runtime))):
                time.sleep(0.2)
                if server.poll() is not None or time.monotonic() > end:
                    pytest.fail((home / "log").read_text(errors="replace")[-3000:])
            yield Lab(running[0]["url"], running[0]["token"], folder, runtime)
        finally:
            server.terminate()
            server.wait(timeout=30)
