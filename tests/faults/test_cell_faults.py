"""What a learner does to the cells of a lesson: runs them twice, and in another order.

Not in test_use_faults.py: `make test` gives a file to one process, and these take the longest.
"""

from pathlib import Path

from nbclient import NotebookClient
import nbformat
import pytest
from run_notebooks import ROOT, KernelOfThisPython, lessons
from shortened import fewer_digits, shortened

SHORT = [path for path in lessons() if path.name[:2] in ("01", "02", "03")]
# How many digits the lessons that train have here.
DIGITS = {"04": 2_400, "05": 3_000}


def run_in_one_kernel(
    cells: list[nbformat.NotebookNode], folder: Path = ROOT / "notebooks"
) -> list[nbformat.NotebookNode]:
    """Run cells one after the other in a folder, by default that of the lessons; return them with outputs."""
    fresh = [
        nbformat.v4.new_code_cell(cell.source, metadata={"tags": cell.metadata.get("tags", [])})
        for cell in cells
    ]
    notebook = nbformat.v4.new_notebook(cells=fresh)
    NotebookClient(
        notebook,
        kernel_manager_class=KernelOfThisPython,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    return notebook.cells


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    """Return the code cells of a lesson, made shorter where it trains for long."""
    number, text = path.name[:2], path.read_text(encoding="utf-8")
    first = []
    if number in DIGITS:
        text = shortened(text, number, DIGITS[number])
        first.append(nbformat.v4.new_code_cell(fewer_digits(DIGITS[number], test=1_000)))
    return [*first, *(cell for cell in nbformat.reads(text, 4).cells if cell.cell_type == "code")]


@pytest.mark.parametrize(
    "path",
    [path for path in lessons() if path in SHORT or path.name[:2] in DIGITS],
    ids=lambda path: path.stem[:2],
)
def test_each_cell_may_be_run_twice(path, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MNIST_EXPERIMENTS_DIR", str(tmp_path))
    run_in_one_kernel([cell for cell in code_cells(path) for _ in range(2)], tmp_path)


@pytest.mark.parametrize("path", SHORT, ids=lambda path: path.stem[:2])
def test_cells_run_from_the_last_to_the_first_leave_nothing_that_a_run_in_order_trips_over(
    path,
) -> None:
    cells = code_cells(path)
    setup, backwards = cells[0], cells[:0:-1]
    for cell in backwards:
        cell.metadata.tags = ["raises-exception"]
    ran = run_in_one_kernel([setup, *backwards, *code_cells(path)])
    errors = {
        output.ename
        for cell in ran[1 : len(cells)]
        for output in cell.outputs
        if output.output_type == "error"
    }
    assert "NameError" in errors, "what is missing is named"
