"""Sets up the lessons the first time, and opens them in JupyterLab: ``python open_lessons.py``, and
what `make lab` runs. What stands behind it is for JupyterLab (``--no-browser``)."""

import os
from pathlib import Path
import signal
import subprocess
import sys

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))

from set_up import HOME, PYTHON  # noqa: E402


def command(*arguments: str) -> list[str]:
    """Return what starts JupyterLab on the learner's copies."""
    flags = ["--notebook-dir=my_lessons", "--LabApp.default_url=/lab/tree/00_start_here.ipynb"]
    # A container's user is often root, which Jupyter refuses unless told.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--allow-root")
    return [str(PYTHON), "-m", "jupyterlab", *flags, *arguments]


def main() -> None:
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl+C is for what it starts: that asks first
    installed = HOME / "installed"
    if not installed.exists():
        if subprocess.run([sys.executable, ROOT / "tools" / "set_up.py"]).returncode:
            sys.exit(1)
        installed.touch()
    subprocess.run([PYTHON, ROOT / "tools" / "copy_lessons.py"], check=True)
    # First among the places of kernels, so that another environment's "python3" is not taken.
    places = [str(HOME / "share" / "jupyter"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(places)
    os.chdir(ROOT)
    lab = command(*sys.argv[1:])
    if os.name == "nt":
        sys.exit(subprocess.run(lab).returncode)
    os.execv(lab[0], lab)  # noqa: S606 - in this one's place, so that each signal reaches it


if __name__ == "__main__":
    main()
