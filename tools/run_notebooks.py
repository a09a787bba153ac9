"""Run the lessons and save their outputs: ``make notebooks``, or some ``ARGS=notebooks/02*``.

What changes from run to run without meaning anything is not saved: execution times, widgets and
their identifiers, the Python version, and in tracebacks the folders that lead to a file. The figure
of the cell tagged ``thumbnail`` is saved once more, small, for the README and the start page.
"""

import base64
from collections.abc import Iterable
import io
import os
from pathlib import Path
import re
import sys
import tempfile

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
import nbformat
from nbformat import NotebookNode
from PIL import Image, ImageOps
from traitlets import default

ROOT = Path(__file__).resolve().parent.parent
START_PAGE = ROOT / "notebooks" / "00_start_here.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"

# In a traceback: "File", colour codes, and the folders that lead to a library's or to our own file.
_FOLDERS = re.compile(
    r"(File (?:\x1b\[[\d;]*m)*)(?:~|[A-Za-z]:)?[/\\][^\x1b\n]*"
    r"(?:(?:site-packages|lib[/\\]python3\.\d+)[/\\]|(?=mnist_helpers[/\\]))"
)


def lessons() -> list[Path]:
    """Return the paths of all lessons, in order."""
    return sorted({*(ROOT / "notebooks").glob("[01][0-9]_*.ipynb")} - {START_PAGE})


class KernelOfThisPython(AsyncKernelManager):
    """Starts kernels in the Python that runs this, also where another environment has left a
    "python3" in one of the folders that Jupyter searches for kernels."""

    @default("kernel_spec_manager")
    def _specs_from_no_folder(self) -> KernelSpecManager:
        return KernelSpecManager(parent=self, kernel_dirs=[])


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in `folder`, and keep their outputs in `notebook`, each stream in one piece. A
    cell that fails without the tag ``raises-exception`` ends the run with its traceback."""
    NotebookClient(
        notebook,
        kernel_manager_class=KernelOfThisPython,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()


def strip(notebook: NotebookNode) -> None:
    """Remove from the notebook what changes from run to run without meaning anything."""
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if WIDGET not in out.get("data", {})]
            for output in cell.outputs:
                if output.output_type == "error":
                    output.traceback = [without_folders(line) for line in output.traceback]


def without_folders(text: str) -> str:
    """Return a traceback's text with ``torch/nn/modules/linear.py`` in place of the whole path."""
    return _FOLDERS.sub(r"\1", text)


def read(path: Path) -> NotebookNode:
    """Return the notebook in a file. Raises ValueError where it holds none, or a part of one."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, KeyError, AttributeError, nbformat.ValidationError) as error:
        raise ValueError(
            f"{path} cannot be read as a notebook ({type(error).__name__}): it is empty, cut off "
            f"or something else. In a clone, bring back what was committed with "
            f"`git checkout -- {path}`."
        ) from error
    return notebook


def save(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. One that is there keeps its mode."""
    from mnist_helpers.data import write_whole  # it imports torch, which not every tool needs

    path = path.resolve()
    write_whole(path, content, path.stat().st_mode if path.exists() else 0o644)


def thumbnail(picture: str) -> bytes:
    """Return a saved figure small, on white, as a PNG."""
    whole = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    small, buffer = ImageOps.pad(whole, (240, 160), color="white"), io.BytesIO()
    small.quantize(64).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def main(paths: Iterable[Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Lesson 07 keeps its experiments in a file; what is saved comes from none that was there.
        os.environ["MNIST_EXPERIMENTS_DIR"] = folder
        os.environ["MNIST_PROGRESS"] = "off"  # nor does it show what somebody has solved
        _run(paths)


def _run(paths: Iterable[Path]) -> None:
    for path in paths:
        print(f"running {path.name}", flush=True)
        notebook = read(path)
        execute(notebook, path.parent)
        strip(notebook)
        nbformat.validate(notebook)
        save(path, f"{nbformat.writes(notebook).rstrip()}\n".encode())
        for cell in notebook.cells:
            if "thumbnail" in cell.metadata.get("tags", []):
                picture = path.parent / "images" / f"{path.name[:2]}.png"
                save(picture, thumbnail(cell.outputs[-1].data["image/png"]))


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]] or [START_PAGE, *lessons()])
