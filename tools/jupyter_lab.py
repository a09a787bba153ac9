"""JupyterLab on a folder of notebooks, and the browser that is installed: for whatever looks at the
lessons as a learner does."""

from collections.abc import Iterator
import contextlib
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
import time
from typing import NamedTuple

from jupyter_server.serverapp import list_running_servers

# A container's shared memory (dev-shm) is too small for a notebook's page.
BROWSER_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)
# All cells in the page at once, and no question about news: all else is as a learner has it.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false"},
}


class Lab(NamedTuple):
    """A running JupyterLab: its address with a slash at the end, its token, the folder of its
    notebooks, and the one with the files that say how to reach its kernels."""

    address: str
    token: str
    folder: Path
    runtime: Path


def find_browser() -> str | None:
    """Return where Chromium or Chrome is, if it is on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def jupyter_lab(folder: Path, home: Path) -> Iterator[Lab]:
    """Run JupyterLab on a free port, and keep its settings and what it notes in `home`."""
    for name, values in SETTINGS.items():
        path = home / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--port=0", "--allow-root"]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MNIST_EXPERIMENTS_DIR")
    environment = os.environ | dict.fromkeys(names, str(home))
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(
            [*command, f"--notebook-dir={folder}"], env=environment, stdout=log, stderr=log
        ) as server,
    ):
        try:
            # Long, because the machine may be busy; it is not a claim about speed.
            end = time.monotonic() + 120
            while not (running := list(list_running_servers(home))):
                time.sleep(0.2)
                if server.poll() is not None or time.monotonic() > end:
                    raise OSError((home / "log").read_text(errors="replace")[-3000:])
            yield Lab(running[0]["url"], running[0]["token"], folder, home)
        finally:
            server.terminate()
