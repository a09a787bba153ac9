"""What anyone who helps with a broken set-up asks first, each question answered by one function.

What may be broken is imported inside the functions: the rest is told without it.
"""

from collections.abc import Callable, Mapping
from importlib import metadata
import os
from pathlib import Path
import platform
import shutil
import subprocess
import sys
from typing import NamedTuple

# More than any lesson's kernel takes, in bytes; the tests hold each of them to it.
MEMORY_NEEDED = 1_500_000_000
_SET_UP_AGAIN = " In the repository's folder: rm -rf .venv, then make lab."


class _Found(NamedTuple):
    text: str
    fine: bool = True
    advice: str = ""  # follows the text where it is not fine


def report() -> int:
    """Print a line for each question, and a last one that sums up; return the exit status."""
    wrong = 0
    for name, find in _FINDERS.items():
        try:
            found = find()
        except Exception as error:  # whatever is broken, the other lines have to be printed
            found = _Found(f"{type(error).__name__}: {error}", False, _SET_UP_AGAIN)
        wrong += not found.fine
        sign, advice = ("OK", "") if found.fine else ("!!", found.advice)
        print(f"{sign}  {name:<9}  {found.text}{advice}", flush=True)
    print(f"{wrong} of {len(_FINDERS)} to be mended." if wrong else "All is well.")
    return 1 if wrong else 0


def _find_packages() -> _Found:
    from packaging.requirements import Requirement

    needed = [Requirement(line) for line in metadata.requires("mnist-helpers")]
    needed = [one for one in needed if not one.marker]  # the others are for tests and slides
    wrong = []
    for one in needed:
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            version = "missing"
        if version == "missing" or not one.specifier.contains(version, prereleases=True):
            wrong.append(f"{one.name} is {version}, and has to be {one.specifier}")
    text = "; ".join(wrong) or f"all {len(needed)} are there, and new enough"
    return _Found(text, not wrong, f".{_SET_UP_AGAIN}")


def _find_kernel() -> _Found:
    from jupyter_client.manager import KernelManager

    command = KernelManager(kernel_name="python3").format_kernel_cmd()[0]
    python = shutil.which(command) or command
    # Not resolved: in an environment, python is a link to the one that it was made with.
    if os.path.normcase(python) == os.path.normcase(sys.executable):
        return _Found("notebooks run on this Python")
    try:
        look = [python, "-c", "import mnist_helpers, torch"]
        subprocess.run(look, capture_output=True, timeout=60, check=True)
        return _Found(f"notebooks run on {python}, which finds mnist_helpers too")
    except (OSError, subprocess.SubprocessError):
        advice = (
            ": an old kernel is in the way. `jupyter kernelspec list` shows where; "
            "`jupyter kernelspec remove python3` removes it."
        )
        return _Found(f"notebooks run on {python}, which has no mnist_helpers", False, advice)


def _find_widgets() -> _Found:
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    names = ("@jupyter-widgets/jupyterlab-manager", "anywidget")
    missing = [one for one in names if not any((folder / one).is_dir() for folder in folders)]
    text = f"JupyterLab lacks {' and '.join(missing)}."
    text = text if missing else "JupyterLab has what draws sliders and the pad"
    return _Found(text, not missing, _SET_UP_AGAIN)


def _find_device() -> _Found:
    import torch

    from .training import get_device

    device = get_device()
    torch.zeros(1, device=device)  # whether it is there is seen only now
    return _Found(f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}")


def _find_precision() -> _Found:
    from .training import choose_precision, get_device

    return _Found(choose_precision(get_device()).reason)


def _find_data() -> _Found:
    from .data import DataError, data_root, faults

    try:
        root = data_root()
    except DataError as error:
        return _Found(str(error), fine=False)
    wrong = "; ".join(f"{name} {fault}" for name, fault in faults(root).items())
    advice = f". Delete the folder {root / 'MNIST'}, and run this again."
    return _Found(wrong or f"{root}: whole", not wrong, advice)


def _find_disk() -> _Found:
    from .data import data_root

    free = shutil.disk_usage(data_root()).free
    enough = free >= 200_000_000  # the digits and a few checkpoints
    text = f"{free / 1e9:,.1f} GB free in {data_root()}"
    return _Found(text, enough, ": make room, 0.2 GB are needed.")


def _find_memory() -> _Found:
    import psutil

    memory = psutil.virtual_memory()
    return _Found(
        f"{memory.available / 1e9:,.1f} GB free of {memory.total / 1e9:,.1f}",
        memory.available >= MEMORY_NEEDED,
        f": a lesson takes up to {MEMORY_NEEDED / 1e9} GB. Close other programs, and shut down "
        "other lessons' kernels (in JupyterLab, the square in a circle, on the left).",
    )


_FINDERS: Mapping[str, Callable[[], _Found]] = {
    "Python": lambda: _Found(f"{platform.python_version()}, {sys.executable}"),
    "packages": _find_packages,
    "kernel": _find_kernel,
    "widgets": _find_widgets,
    "device": _find_device,
    "precision": _find_precision,
    "data": _find_data,
    "disk": _find_disk,
    "memory": _find_memory,
}
