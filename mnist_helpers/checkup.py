"""What anyone who helps with a broken set-up asks first, each question answered by one function,
which imports what may be broken."""

from importlib import metadata
import os
from pathlib import Path
import platform
import shutil
import subprocess
import sys

# More than any lesson's kernel takes, in bytes; the tests hold each of them to it.
MEMORY_NEEDED = 1_500_000_000
_SET_UP_AGAIN = " In the repository's folder: rm -rf .venv, then make lab."


class _Broken(Exception):
    """What is wrong, and what to do."""


def report() -> int:
    """Print a line for each question, and return the exit status."""
    wrong = 0
    for name, find in _FINDERS.items():
        try:
            sign, text = "OK", find()
        except Exception as error:  # the other lines have to be printed
            sign, text = "!!", f"{error}"
            if not type(error).__module__.startswith("mnist_helpers"):  # ours say what to do
                text = f"{type(error).__name__}: {error}{_SET_UP_AGAIN}"
        wrong += sign == "!!"
        print(f"{sign}  {name:<9}  {text}", flush=True)
    print(f"{wrong} of {len(_FINDERS)} to be mended." if wrong else "All is well.")
    return 1 if wrong else 0


def _find_packages() -> str:
    from packaging.requirements import Requirement

    named = map(Requirement, metadata.requires("mnist-helpers"))
    needed = [one for one in named if not one.marker]  # the others are for tests and slides
    wrong = []
    for one in needed:
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            version = None
        if version is None or not one.specifier.contains(version, prereleases=True):
            wrong.append(f"{one.name} is {version or 'missing'}, and has to be {one.specifier}")
    if wrong:
        raise _Broken(f"{'; '.join(wrong)}.{_SET_UP_AGAIN}")
    return f"all {len(needed)} are there, and new enough"


def _find_kernel() -> str:
    from jupyter_client.manager import KernelManager

    command = KernelManager(kernel_name="python3").format_kernel_cmd()[0]
    python = shutil.which(command) or command
    # Not resolved: in an environment it is a link to the one that it was made with.
    if os.path.normcase(python) == os.path.normcase(sys.executable):
        return "notebooks run on this Python"
    try:
        look = [python, "-c", "import mnist_helpers, torch"]
        subprocess.run(look, capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        raise _Broken(
            f"notebooks run on {python}, which has no mnist_helpers: an old kernel is in the way. "
            "`jupyter kernelspec list` shows where; `jupyter kernelspec remove python3` removes it."
        ) from None
    return f"notebooks run on {python}, which finds mnist_helpers too"


def _find_widgets() -> str:
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    names = ("@jupyter-widgets/jupyterlab-manager", "anywidget")
    missing = [one for one in names if not any((folder / one).is_dir() for folder in folders)]
    if missing:
        raise _Broken(f"JupyterLab lacks {' and '.join(missing)}.{_SET_UP_AGAIN}")
    return "JupyterLab has what draws sliders and the pad"


def _find_device() -> str:
    import torch

    from .training import get_device

    device = get_device()
    torch.zeros(1, device=device)  # whether it is there is seen only now
    return f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _find_data() -> str:
    from .data import data_root

    folder = data_root(verify=True)
    free = shutil.disk_usage(folder).free
    text = f"{folder}: whole, {free / 1e9:,.1f} GB free"
    if free < 200_000_000:  # the digits and a few checkpoints
        raise _Broken(f"{text}: make room, 0.2 GB are needed.")
    return text


def _find_memory() -> str:
    import psutil

    memory = psutil.virtual_memory()
    text = f"{memory.available / 1e9:,.1f} GB free of {memory.total / 1e9:,.1f}"
    if memory.available < MEMORY_NEEDED:
        raise _Broken(
            f"{text}: a lesson takes up to {MEMORY_NEEDED / 1e9} GB. Close other programs, and "
            "shut down other lessons' kernels (in JupyterLab: Kernel, Shut Down All)."
        )
    return text


_FINDERS = {
    "Python": lambda: f"{platform.python_version()}, {sys.executable}",
    "packages": _find_packages,
    "kernel": _find_kernel,
    "widgets": _find_widgets,
    "device": _find_device,
    "data": _find_data,
    "memory": _find_memory,
}
