"""A real JupyterLab on copies of the lessons, and a real browser to look at it with."""

from collections.abc import Iterator
import json
import os
from pathlib import Path
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from browsers import find_browser
from desk import Lab
import pytest
from run_notebooks import ROOT

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # a container's shared memory is too small for a notebook's page
]
# All cells in the page at once, and no question about news: both differ from what a learner sees in nothing else.
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    """Start the system's Chromium; without one skip, or fail where ``$BROWSER_REQUIRED`` says that one has to be."""
    found = find_browser()
    if found is None:
        reason = "no browser is installed: neither Chromium nor Chrome is on the PATH"
        if os.environ.get("BROWSER_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)
    return {**browser_type_launch_args, "executable_path": found, "args": FLAGS}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, browser) -> Iterator[Lab]:
    """Run JupyterLab on a free port of this machine, with settings of its own. (It needs `browser` only so that nothing
    is started where there is none.)"""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "a folder" / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns("*.pt", ".*"))
    for name, values in SETTINGS.items():
        path = home / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = "for-the-tests"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
    command += [f"--notebook-dir={folder}", f"--IdentityProvider.token={token}", "--allow-root"]
    command += ["--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "MNIST_EXPERIMENTS_DIR": "",
    }
    environment = os.environ | {name: str(home / place) for name, place in places.items()}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}/"
            _wait_for(f"{address}api/status?token={token}", server, home / "log")
            yield Lab(address, token, folder, home / "runtime")
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    # Long, because the machine may be busy; it is not a claim about speed.
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")
