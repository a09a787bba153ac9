"""What anyone who helps with a broken set-up asks first, each question answered by a function of its own.

The libraries that may be what is broken are imported inside the functions, so that a report is printed without them.
"""

from collections.abc import Callable, Mapping
from importlib import metadata
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import NamedTuple

# More than any lesson's kernel takes, in bytes; tests/leftovers.py holds each of them to it.
MEMORY_NEEDED = 1_500_000_000
# The digits and a few checkpoints.
_DISK_NEEDED = 200_000_000
_SET_UP_AGAIN = "In the repository's folder: rm -rf .venv, then make lab."


class Finding(NamedTuple):
    """What was found: whether a lesson can do with it, and a line that says what it is and, if not, what to do."""

    fine: bool
    text: str


def report(finders: Mapping[str, Callable[[], Finding]]) -> int:
    """Print a line for each finder, and a last one that sums up; return the exit status, 0 where all is fine, else 1.

    A finder that raises is a finding too: what it needed is broken.
    """
    wrong = 0
    for name, find in finders.items():
        try:
            finding = find()
        except Exception as error:  # whatever is broken, the other lines have to be printed
            finding = Finding(False, f"{type(error).__name__}: {error} {_SET_UP_AGAIN}")
        wrong += not finding.fine
        print(f"{'OK' if finding.fine else '!!'}  {name:<9}  {finding.text}", flush=True)
    print(f"{wrong} of {len(finders)} to be mended." if wrong else "All is well.")
    return 1 if wrong else 0


def find_python() -> Finding:
    """Say which Python this is, and where."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(True, f"{version}, {sys.executable}")


def find_packages() -> Finding:
    """Compare the versions of what the lessons need with what `pyproject.toml` asks for, and with the lock."""
    from packaging.requirements import Requirement

    needed = [Requirement(line) for line in metadata.requires("mnist-helpers") or []]
    needed = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    locked = _locked_versions()
    wrong, other = [], []
    for one in needed:
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
            continue
        # A build's name, as in 2.14.1+cpu, says nothing about the version.
        if not one.specifier.contains(version.split("+")[0], prereleases=True):
            wrong.append(f"{one.name} is {version}, and has to be {one.specifier}")
        elif locked.get(one.name, version.split("+")[0]) != version.split("+")[0]:
            other.append(f"{one.name} is {version}, there {locked[one.name]}")
    if wrong:
        return Finding(False, f"{'; '.join(wrong)}. {_SET_UP_AGAIN}")
    if not locked:
        return Finding(True, f"all {len(needed)} are there (no requirements.lock to compare with)")
    if other:
        return Finding(
            True,
            f"all {len(needed)} are there; not as in requirements.lock, which the saved outputs come from: "
            f"{'; '.join(other)}",
        )
    return Finding(True, f"all {len(needed)} as in requirements.lock")


def find_kernel() -> Finding:
    """Say on which Python Jupyter runs a notebook, and whether that is this one or finds the package too."""
    from jupyter_client.manager import KernelManager

    command = KernelManager(kernel_name="python3").format_kernel_cmd()[0]
    python = shutil.which(command) or command
    # Not resolved: in an environment, python is a link to the one that it was made with.
    if os.path.normcase(os.path.abspath(python)) == os.path.normcase(
        os.path.abspath(sys.executable)
    ):
        return Finding(True, "notebooks run on this Python")
    try:
        found = subprocess.run(
            [python, "-c", "import mnist_helpers, torch"], capture_output=True, timeout=60
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        found = 1
    if found == 0:
        return Finding(True, f"notebooks run on {python}, which finds mnist_helpers too")
    return Finding(
        False,
        f"notebooks run on {python}, which has no mnist_helpers: an old kernel is in the way. "
        f"`jupyter kernelspec list` shows where; `jupyter kernelspec remove python3` removes it.",
    )


def find_widgets() -> Finding:
    """Say whether JupyterLab has what draws the sliders and the pad."""
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    missing = [
        name
        for name in ("@jupyter-widgets/jupyterlab-manager", "ipycanvas")
        if not any((folder / name / "package.json").is_file() for folder in folders)
    ]
    if missing:
        return Finding(False, f"JupyterLab lacks {' and '.join(missing)}. {_SET_UP_AGAIN}")
    return Finding(True, "JupyterLab has what draws sliders and the pad")


def find_device() -> Finding:
    """Say what is trained on, and with how many threads."""
    import torch

    from .training import get_device

    device = get_device()
    # Whether it is there is seen only where something is put on it.
    torch.zeros(1, device=device)
    return Finding(True, f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}")


def find_precision() -> Finding:
    """Say whether bfloat16 pays on this device, as measured now."""
    from .training import choose_precision, get_device

    return Finding(True, choose_precision(get_device()).reason)


def find_data() -> Finding:
    """Say where the digits are, prepared if need be, and whether each file is what MNIST's makers published."""
    from .data import DataError, data_root, faults

    try:
        root = data_root()
    except DataError as error:
        return Finding(False, str(error))
    wrong = faults(root)
    if wrong:
        told = "; ".join(f"{name} {fault}" for name, fault in wrong.items())
        return Finding(
            False,
            f"{told}, in {root / 'MNIST' / 'raw'}. Delete that folder, and run this again: it is made anew.",
        )
    return Finding(True, f"{root}: whole")


def find_disk() -> Finding:
    """Say how much disk is free where the digits are kept."""
    from .data import data_root

    root = data_root()
    free = shutil.disk_usage(root).free
    text = f"{free / 1e9:,.1f} GB free in {root}"
    if free < _DISK_NEEDED:
        return Finding(False, f"{text}: make room, {_DISK_NEEDED / 1e9} GB are needed.")
    return Finding(True, text)


def find_memory() -> Finding:
    """Say how much memory is free."""
    import psutil

    memory = psutil.virtual_memory()
    text = f"{memory.available / 1e9:,.1f} GB free of {memory.total / 1e9:,.1f}"
    if memory.available < MEMORY_NEEDED:
        return Finding(
            False,
            f"{text}: a lesson takes up to {MEMORY_NEEDED / 1e9} GB. Close other programs, and shut down the kernels "
            "of lessons that you are done with (in JupyterLab, the tab with the square in a circle, on the left).",
        )
    return Finding(True, text)


FINDERS: Mapping[str, Callable[[], Finding]] = {
    "Python": find_python,
    "packages": find_packages,
    "kernel": find_kernel,
    "widgets": find_widgets,
    "device": find_device,
    "precision": find_precision,
    "data": find_data,
    "disk": find_disk,
    "memory": find_memory,
}


def _locked_versions() -> dict[str, str]:
    """Return the version of each package in the repository's lock for this computer; none where there is no lock."""
    from packaging.requirements import Requirement

    lock = Path(__file__).resolve().parent.parent / "requirements.lock"
    if not lock.is_file():
        return {}
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if line[:1].isalpha()]
    pinned = [Requirement(line) for line in lines]
    return {
        one.name: next(iter(one.specifier)).version
        for one in pinned
        if one.marker is None or one.marker.evaluate()
    }
