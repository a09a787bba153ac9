import re

import matplotlib.pyplot as plt
from mnist_helpers import plots
from mnist_helpers.plots.shown import _drawn
from mnist_helpers.shapes import convolution_step
from nbformat.v4 import new_code_cell, new_notebook
from net import picture
import pytest
from run_notebooks import execute
import torch

START = """import matplotlib.pyplot as plt
from mnist_helpers import plots
from mnist_helpers.notebook import start_lesson
start_lesson()
def draw(name):
    return plots.plot_rates({name: [0.5, 2.0]})"""
# Each cell, and the curves whose figures it shows, in this order.
CELLS = {
    START: [],
    "draw('last line')": ["last line"],
    "figure = draw('named')": ["named"],
    "figure": ["named"],
    "for name in 'ab':\n    draw(name)": ["a", "b"],
    "draw('first'); draw('second').show(); print('after')": ["second", "first"],
    "display(draw('by display'))": ["by display"],
    "draw('by pyplot'); plt.show()": ["by pyplot"],
    "ax = plt.subplot(); ax.plot([0.5, 2], label='own'); ax.figure": ["own"],
    "draw('half'); plots.plot_rates({'broken': [2.0]}, 'too much')": [],
    "plt.figure()": [],
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    notebook.cells[-2].metadata.tags = ["raises-exception"]
    execute(notebook, tmp_path_factory.mktemp("lesson"))
    return notebook.cells


def figures(cell):
    return [output.data for output in cell.outputs if "image/png" in output.get("data", {})]


def test_a_figure_is_shown_once_wherever_the_call_stands(cells):
    for cell in cells:
        pages = "".join(data["text/html"] for data in figures(cell))
        assert re.findall(r'[:,] ([^:,]+) from 0.5 to 2"', pages) == CELLS[cell.source], cell.source


def test_its_picture_has_twice_the_pixels_and_few_colours(cells):
    [data] = figures(cells[1])
    width, source = re.search(r'width="(\d+)".*base64,([^"]+)', data["text/html"]).groups()
    sharp, plain = picture(source), picture(data["image/png"])
    assert sharp.width == pytest.approx(2 * int(width), abs=1)
    assert plain.width == pytest.approx(int(width), rel=0.01)
    assert plain.mode == "P"


def test_a_figure_with_margins_is_the_same_each_time_it_is_drawn():
    figure = plots.plot_convolution_step(convolution_step(torch.eye(5), torch.ones(3, 3), 4))
    with plt.style.context("mnist_helpers.lessons"):
        first, second = (_drawn(figure, "png").tobytes() for _ in range(2))
    plt.close(figure)
    assert first == second
