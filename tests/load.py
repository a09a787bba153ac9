"""All lessons at once, as on a hub that a class shares: ``python tests/load.py [how many]``.

Each runs in a kernel of its own, from top to bottom, on a copy; it prints how each ends, how long it took and how much
memory its kernel took at its peak. With eight on two cores it takes a quarter of an hour, so `make test` leaves it out.
"""

import concurrent.futures
import json
import os
from pathlib import Path
import sys
import tempfile
import time

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
import nbformat
from run_notebooks import ROOT, KernelOfThisPython, lessons

_PEAK = f"""
import json, runpy
print(json.loads(runpy.run_path({str(Path(__file__).with_name("kernel_state.py"))!r})["look"]())["peak"])
"""


def run(path: Path) -> str:
    """Run a lesson, and return a line that says how it ended."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(_PEAK))
    start = time.perf_counter()
    resources = {"metadata": {"path": str(ROOT / "notebooks")}}
    try:
        NotebookClient(
            notebook,
            kernel_manager_class=KernelOfThisPython,
            timeout=None,
            kernel_name="python3",
            resources=resources,
        ).execute()
    except CellExecutionError as error:
        return f"{path.name[:2]}  FAILED: {error.ename}: {error.evalue}"
    minutes = (time.perf_counter() - start) / 60
    peak = json.loads(notebook.cells[-1].outputs[0].text)
    return f"{path.name[:2]}  finished in {minutes:4.1f} minutes, {peak / 1e9:.2f} GB"


def main(count: int) -> int:
    """Run `count` lessons at once, in order and from the first again, and return the exit status."""
    paths = [lessons()[number % len(lessons())] for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MNIST_EXPERIMENTS_DIR"] = folder
        with concurrent.futures.ProcessPoolExecutor(count) as pool:
            lines = []
            for one in concurrent.futures.as_completed([pool.submit(run, path) for path in paths]):
                lines.append(one.result())
                print(lines[-1], flush=True)
    return int(any("FAILED" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8))
