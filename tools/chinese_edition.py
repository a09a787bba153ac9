"""Keeps the Chinese edition in step with the lessons: ``python tools/chinese_edition.py``.

A lesson in notebooks/zh has the English one's cells, code and outputs too, and words of its own.
Each cell of text carries, as ``renders``, the digest of the English cell that it renders: where
that has changed since, it is named, here and by `make lint` (``--check``). When its Chinese is
right once more, ``--reread notebooks/zh/02*`` says so.
"""

import argparse
from copy import deepcopy
import hashlib
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from run_notebooks import ROOT, START_PAGE, lessons, read, save

CHINESE = ROOT / "notebooks" / "zh"
# What cells of code read from the folder of their lesson.
COPIED = ["train_in_processes.py", "images/photo.jpg"]


def digest(cell: NotebookNode) -> str:
    return hashlib.sha256(cell.source.encode()).hexdigest()[:12]


def rendered(english: NotebookNode, chinese: NotebookNode) -> NotebookNode:
    """Return the English notebook with the Chinese one's text, cell by cell, where there is one."""
    told = {cell.id: cell for cell in chinese.cells if cell.cell_type == "markdown"}
    notebook = deepcopy(english)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.metadata["renders"] = ""
            if cell.id in told:
                cell.source = told[cell.id].source
                cell.metadata["renders"] = told[cell.id].metadata["renders"]
    return notebook


def out_of_date(english: NotebookNode, chinese: NotebookNode) -> list[str]:
    """Return which cells of text no longer render the English ones."""
    digests = {cell.id: digest(cell) for cell in english.cells}
    told = [cell for cell in chinese.cells if cell.cell_type == "markdown"]
    return [cell.id for cell in told if cell.metadata["renders"] != digests.get(cell.id)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--reread", nargs="*", type=Path, default=[], metavar="LESSON")
    asked = parser.parse_args()
    old = []
    for path in [START_PAGE, *lessons()]:
        translation, english = CHINESE / path.name, read(path)
        chinese = read(translation) if translation.exists() else nbformat.v4.new_notebook()
        if not asked.check:
            chinese = rendered(english, chinese)
            if translation.resolve() in [one.resolve() for one in asked.reread]:
                for ours, theirs in zip(chinese.cells, english.cells, strict=True):
                    if ours.cell_type == "markdown":
                        ours.metadata["renders"] = digest(theirs)
            save(translation, f"{nbformat.writes(chinese).rstrip()}\n".encode())
        old += [f"notebooks/zh/{path.name}: {cell}" for cell in out_of_date(english, chinese)]
    for name in [] if asked.check else COPIED:
        (CHINESE / name).parent.mkdir(exist_ok=True)
        save(CHINESE / name, (ROOT / "notebooks" / name).read_bytes())
    if old:
        raise SystemExit("\n".join(["These cells render an English text that has changed:", *old]))


if __name__ == "__main__":
    main()
