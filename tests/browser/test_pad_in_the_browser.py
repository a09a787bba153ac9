import re

from desk import QUICK, running
from playwright.sync_api import expect
import pytest

# Each digit as a hand moves: strokes parted by a slash, in a box of 100 by 100 with y downwards.
DIGITS = (
    "50 0, 15 15, 5 50, 15 85, 50 100, 85 85, 95 50, 85 15, 52 1",
    "20 30, 50 0, 50 100",
    "10 22, 30 3, 65 3, 85 25, 70 52, 35 78, 8 98, 50 97, 95 98",
    "10 10, 50 0, 82 20, 70 42, 40 48, 75 55, 88 78, 55 99, 8 90",
    "35 0, 10 60, 90 60 / 65 30, 62 100",
    "25 2, 20 45, 55 38, 85 62, 68 92, 35 99, 8 90 / 25 2, 85 2",
    "70 0, 35 25, 12 65, 25 95, 60 98, 82 78, 65 56, 30 60, 14 75",
    "5 5, 92 3, 60 50, 40 100 / 25 50, 80 48",
    "78 12, 45 0, 20 20, 45 45, 80 70, 72 95, 40 100, 15 82, 35 58, 75 30, 78 14",
    "80 15, 50 0, 18 20, 20 46, 50 54, 80 35, 82 12, 80 60, 70 100",
)
WHITE = """pad => {
    const pixels = pad.getContext("2d").getImageData(0, 0, pad.width, pad.height).data;
    return pixels.filter(value => value == 255).length - pixels.length / 4  // without the opacity
}"""


class Pad:
    def __init__(self, desk):
        self.desk, self.page, self.output = desk, desk.page, desk.output_of("drawing_pad")
        self.text = self.output.locator(".widget-html-content pre").first
        self.picture = self.output.locator("img").first
        self.canvas = self.output.locator("canvas")
        expect(self.canvas).to_be_visible(timeout=QUICK)

    def move(self, x, y, steps=4):
        """Move the mouse; places and sizes are shares of the pad."""
        left, top, width, height = (self.box[key] for key in ("x", "y", "width", "height"))
        self.page.mouse.move(left + width * x, top + height * y, steps=steps)

    def draw(self, strokes, size, corner, steps=4):
        for stroke in strokes.split("/"):
            for number, point in enumerate(stroke.split(",")):
                x, y = (corner + size * int(part) / 100 for part in point.split())
                self.move(x, y, steps)
                if number == 0:
                    self.page.mouse.down()
            self.page.mouse.up()

    def says(self, text):
        expect(self.text).to_contain_text(text, timeout=QUICK)

    def press(self, name):
        self.output.get_by_role("button", name=name).click()

    def clear(self):
        self.press("clear")
        self.says("draw a digit")
        self.look()

    def look(self):
        self.canvas.scroll_into_view_if_needed()
        self.box = self.canvas.bounding_box()


@pytest.fixture(scope="module")
def start_page(browser, lab):
    with running(browser, lab, "00_start_here.ipynb") as desk:
        yield Pad(desk)


@pytest.fixture
def pad(start_page):
    start_page.clear()
    return start_page


@pytest.mark.parametrize("digit", range(10))
def test_each_digit_is_read_large_at_the_top_left_and_small_at_the_bottom_right(pad, digit):
    count = DIGITS[digit].count("/") + 1
    for size, corner in ((0.75, 0.05), (0.28, 0.67)):
        pad.draw(DIGITS[digit], size, corner)
        pad.says(f"{count} {'strokes' if count > 1 else 'stroke'}: the network says {digit} ")
        pad.clear()


def test_no_stroke_of_many_is_lost_undo_takes_the_last_and_clear_takes_all(pad):
    empty = pad.picture.get_attribute("src")
    strokes = [f"{x} 5, {x + 3} 50, {x} 95" for x in range(0, 100, 5)]
    pad.draw("/".join(strokes), 0.9, 0.05, steps=1)
    pad.says("20 strokes")
    assert pad.picture.get_attribute("src") != empty
    pad.press("undo")
    pad.says("19 strokes")
    pad.clear()
    assert pad.picture.get_attribute("src") == empty
    assert pad.canvas.evaluate(WHITE) == 0


def test_the_bars_follow_while_the_pen_is_down_and_its_stroke_ends_at_the_edge(pad):
    pad.move(0.4, 0.2)
    pad.page.mouse.down()
    pad.move(0.4, 0.8, steps=10)
    pad.says("1 stroke: the network says")
    pad.move(1.2, 0.8, steps=8)
    pad.page.mouse.up()
    pad.page.wait_for_timeout(500)
    left = pad.picture.get_attribute("src")
    pad.move(0.4, 0.7, steps=8)
    pad.draw("10 10, 20 20", 0.5, 0.1)
    pad.says("2 strokes")
    pad.press("undo")
    expect(pad.picture).to_have_attribute("src", left, timeout=QUICK)


def test_what_was_drawn_is_there_when_the_page_is_opened_again_and_more_can_be_drawn(pad):
    pad.draw("90 90", 1, 0)
    pad.says("1 stroke")
    assert pad.canvas.evaluate(WHITE) > 0
    pad.clear()
    pad.draw(DIGITS[7], 0.75, 0.1)
    pad.says("2 strokes")
    drawn = pad.canvas.evaluate(WHITE)
    pad.desk.reload()
    assert pad.canvas.evaluate(WHITE) == drawn > 0
    pad.look()
    pad.draw(DIGITS[1], 0.2, 0.75)
    pad.says("3 strokes")
    assert pad.canvas.evaluate(WHITE) > drawn
    pad.desk.run_all()
    pad.says("draw a digit")
    pad.look()
    pad.draw(DIGITS[1], 0.75, 0.1)
    pad.says("1 stroke: the network says 1")
    assert pad.canvas.evaluate(WHITE) > 0


def test_all_of_it_is_on_the_screen_at_once(pad):
    width, height = 1280, 720  # 1920×1080 zoomed to 150 %
    pad.page.set_viewport_size({"width": width, "height": height})
    pad.output.get_by_role("combobox").select_option("block_1")
    maps = pad.output.locator("img").nth(1)
    expect(maps).to_have_attribute("alt", re.compile("block_1: 16 feature maps"), timeout=QUICK)
    pad.text.evaluate("text => text.scrollIntoView()")
    boxes = [part.bounding_box() for part in (pad.canvas, pad.picture)]
    assert abs(boxes[0]["y"] - boxes[1]["y"]) < 1
    for part in (pad.text, pad.canvas, pad.picture, maps, pad.output.get_by_text("9", exact=True)):
        box = part.bounding_box()
        assert box["x"] + box["width"] < width - 40
        assert 0 < box["y"] < box["y"] + box["height"] < height - 24, "above the status bar"
    pad.output.get_by_role("combobox").select_option("none")
