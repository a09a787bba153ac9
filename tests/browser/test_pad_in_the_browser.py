"""The drawing pad in a real JupyterLab, drawn on with real mouse events."""

from collections.abc import Iterator
import re

from desk import QUICK, Desk
import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, expect
import pytest

# Each digit as a hand moves: strokes of points in a box of 100 by 100, y downwards.
DIGITS = {
    0: [[(50, 0), (15, 15), (5, 50), (15, 85), (50, 100), (85, 85), (95, 50), (85, 15), (52, 1)]],
    1: [[(20, 30), (50, 0), (50, 100)]],
    2: [[(10, 22), (30, 3), (65, 3), (85, 25), (70, 52), (35, 78), (8, 98), (50, 97), (95, 98)]],
    3: [
        [(10, 10), (50, 0), (82, 20), (70, 42), (40, 48), (75, 55), (88, 78), (55, 99), (8, 90)],
    ],
    4: [[(35, 0), (10, 60), (90, 60)], [(65, 30), (62, 100)]],
    5: [[(25, 2), (20, 45), (55, 38), (85, 62), (68, 92), (35, 99), (8, 90)], [(25, 2), (85, 2)]],
    6: [[(70, 0), (35, 25), (12, 65), (25, 95), (60, 98), (82, 78), (65, 56), (30, 60), (14, 75)]],
    7: [[(5, 5), (92, 3), (60, 50), (40, 100)], [(25, 50), (80, 48)]],
    8: [
        [
            *[(78, 12), (45, 0), (20, 20), (45, 45), (80, 70), (72, 95), (40, 100), (15, 82)],
            *[(35, 58), (75, 30), (78, 14)],
        ],
    ],
    9: [[(80, 15), (50, 0), (18, 20), (20, 46), (50, 54), (80, 35), (82, 12), (80, 60), (70, 100)]],
}
# How large, as a share of the pad.
SIZES = {"large": 0.75, "small": 0.28}
CODE = """
from mnist_helpers import widgets
from mnist_helpers.training import trained_cnn
widgets.drawing_pad(trained_cnn(progress=False))
"""


class Pad:
    """The pad of a notebook that holds nothing else, and what stands beside it."""

    def __init__(self, page: Page, output: Locator) -> None:
        self.page = page
        self.canvas = output.locator("canvas")
        self.text = output.locator(".widget-html-content pre").first
        self.picture = output.locator("img").first
        self.output = output
        expect(self.canvas).to_be_visible(timeout=QUICK)
        self.canvas.scroll_into_view_if_needed()

    def draw(self, strokes: list, size: float, left: float, top: float, steps: int = 4) -> None:
        """Draw strokes of a box of 100 by 100, `size` and the corner given as shares of the pad."""
        box = self.canvas.bounding_box()
        for stroke in strokes:
            points = [
                (
                    box["x"] + box["width"] * (left + size * x / 100),
                    box["y"] + box["height"] * (top + size * y / 100),
                )
                for x, y in stroke
            ]
            self.page.mouse.move(*points[0])
            self.page.mouse.down()
            for point in points[1:]:
                self.page.mouse.move(*point, steps=steps)
            self.page.mouse.up()

    def press(self, name: str) -> None:
        self.output.get_by_role("button", name=name).click()

    def clear(self) -> None:
        self.press("clear")
        expect(self.text).to_have_text("draw a digit", timeout=QUICK)


@pytest.fixture(scope="module")
def pad(browser: Browser, lab) -> Iterator[Pad]:
    notebook = new_notebook(cells=[new_code_cell(CODE)])
    # Whole, or JupyterLab asks which kernel to take.
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    nbformat.write(notebook, lab.folder / "pad.ipynb")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    desk = Desk(context.new_page(), lab, "pad.ipynb")
    desk.run_all()
    yield Pad(desk.page, desk.output_of("drawing_pad"))
    desk.end_kernel()
    context.close()


@pytest.mark.parametrize("digit", DIGITS)
def test_each_digit_is_read_large_at_the_top_left_and_small_at_the_bottom_right(pad, digit) -> None:
    count = len(DIGITS[digit])
    for share, corner in ((SIZES["large"], 0.05), (SIZES["small"], 0.67)):
        pad.clear()
        pad.draw(DIGITS[digit], share, corner, corner)
        said = f"{count} {'stroke' if count == 1 else 'strokes'}: the network says {digit} "
        expect(pad.text).to_contain_text(said, timeout=QUICK)


def test_clear_clears_and_undo_takes_the_last_stroke(pad) -> None:
    pad.clear()
    empty = pad.picture.get_attribute("src")
    pad.draw([[(10, 10), (90, 90)], [(90, 10), (10, 90)]], 0.6, 0.2, 0.2)
    expect(pad.text).to_contain_text("2 strokes", timeout=QUICK)
    assert pad.picture.get_attribute("src") != empty

    pad.press("undo")
    expect(pad.text).to_contain_text("1 stroke:", timeout=QUICK)
    pad.clear()

    assert pad.picture.get_attribute("src") == empty
    shades = "canvas => [...new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)]"
    pad.page.wait_for_timeout(500)
    assert sorted(pad.canvas.evaluate(shades)) == [0, 255]  # black, and opaque


def test_no_stroke_is_lost_when_strokes_come_faster_than_the_network_reads(pad) -> None:
    pad.clear()
    strokes = [[(x, 5), (x + 3, 50), (x, 95)] for x in range(0, 100, 5)]
    pad.draw(strokes, 0.9, 0.05, 0.05, steps=1)
    expect(pad.text).to_contain_text(f"{len(strokes)} strokes", timeout=QUICK)


def test_the_bars_follow_while_the_pen_is_down(pad) -> None:
    pad.clear()
    box = pad.canvas.bounding_box()
    pad.page.mouse.move(box["x"] + 100, box["y"] + 50)
    pad.page.mouse.down()
    pad.page.mouse.move(box["x"] + 120, box["y"] + 200, steps=10)
    expect(pad.text).to_contain_text("1 stroke: the network says", timeout=QUICK)
    pad.page.mouse.up()


def test_a_stroke_ends_where_the_pen_leaves_the_pad(pad) -> None:
    pad.clear()
    box = pad.canvas.bounding_box()
    pad.page.mouse.move(box["x"] + 100, box["y"] + 100)
    pad.page.mouse.down()
    pad.page.mouse.move(box["x"] + box["width"] + 60, box["y"] + 100, steps=8)
    pad.page.mouse.up()
    pad.page.mouse.move(box["x"] + 100, box["y"] + 200, steps=8)
    pad.draw([[(10, 10), (20, 20)]], 0.5, 0.1, 0.1)
    expect(pad.text).to_contain_text("2 strokes", timeout=QUICK)


def test_without_the_tick_the_picture_shows_the_pad_as_it_is(pad) -> None:
    pad.clear()
    pad.draw(DIGITS[7], SIZES["small"], 0.05, 0.05)
    expect(pad.text).to_contain_text("2 strokes: the network says 7", timeout=QUICK)
    box = pad.output.get_by_label(re.compile("fit and centre"))
    # What the box does comes after all of the drawing.
    while_drawing = pad.picture.get_attribute("src")
    box.uncheck()
    expect(pad.picture).not_to_have_attribute("src", while_drawing, timeout=QUICK)
    pad.page.wait_for_timeout(1_000)
    as_it_is = pad.picture.get_attribute("src")
    box.check()
    expect(pad.picture).not_to_have_attribute("src", as_it_is, timeout=QUICK)
    fitted = pad.picture.get_attribute("src")
    box.uncheck()
    expect(pad.picture).to_have_attribute("src", as_it_is, timeout=QUICK)
    box.check()
    expect(pad.picture).to_have_attribute("src", fitted, timeout=QUICK)


def test_the_feature_maps_are_those_of_the_drawing(pad) -> None:
    pad.clear()
    pad.draw(DIGITS[3], SIZES["large"], 0.1, 0.1)
    chosen = pad.output.get_by_role("combobox")
    chosen.select_option("block_2")
    maps = pad.output.locator("img").nth(1)
    expect(maps).to_be_visible(timeout=QUICK)
    expect(maps).to_have_attribute("alt", re.compile("block_2: 32 feature maps of 7×7"))
    of_a_three = maps.get_attribute("src")
    pad.clear()
    pad.draw(DIGITS[1], SIZES["large"], 0.1, 0.1)
    expect(maps).not_to_have_attribute("src", of_a_three, timeout=QUICK)
    chosen.select_option("none")
    expect(maps).to_have_count(0, timeout=QUICK)
