"""Sets up the lessons the first time, and opens them in JupyterLab, as `make lab` does, for who has
no make: ``python open_lessons.py``. What stands behind it is for JupyterLab (``--no-browser``)."""

import os
from pathlib import Path
import signal
import subprocess
import sys

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))

from set_up import HOME, PYTHON  # noqa: E402

signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl+C is for what it starts: JupyterLab asks first
installed = HOME / "installed"
if not installed.exists():
    if subprocess.run([sys.executable, ROOT / "tools" / "set_up.py"]).returncode:
        sys.exit(1)
    installed.touch()
subprocess.run([PYTHON, ROOT / "tools" / "copy_lessons.py"], check=True)
# First among the places of kernels, as in the Makefile.
places = [str(HOME / "share" / "jupyter"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
os.environ["JUPYTER_PATH"] = os.pathsep.join(places)
flags = ["--notebook-dir=my_lessons", "--LabApp.default_url=/lab/tree/00_start_here.ipynb"]
if hasattr(os, "geteuid") and os.geteuid() == 0:
    flags.append("--allow-root")
lab = [PYTHON, "-m", "jupyterlab", *flags, *sys.argv[1:]]
sys.exit(subprocess.run(lab, cwd=ROOT).returncode)
