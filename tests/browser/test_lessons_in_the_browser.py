"""Every lesson run once in JupyterLab, on all digits, as a learner would. Its outputs are compared
as nbval compares them; where there is no browser, nbval runs the lessons (conftest.py)."""

import re

from axe_playwright_python.sync_playwright import Axe
from desk import QUICK, running
from mnist_helpers.checkup import MEMORY_NEEDED
from net import differences
from playwright.sync_api import expect
import pytest
from run_notebooks import ROOT, lessons

LESSONS = lessons()
# A widget's text, and not what the cell prints.
TEXT = ".widget-html-content pre"
# Of each widget a slider that goes one step to the right, and what is told before and after.
MOVES = {
    "leaf_through": ("number", "sample 0 is a", "sample 1 is a"),
    "convolution_in_slow_motion": ("window's place", "sum  =   2.98", "sum  =   1.29"),
    "network_explorer": ("digit", "digit 0 of the batch", "digit 1 of the batch"),
    "belief_by_epoch": ("epoch", "before training:", "after epoch 1:"),
    "digit_changer": ("rotation", "up to 10°", "up to 11°"),
    "shifted_digit": ("right", "moved 0 to the right", "moved 1 to the right"),
    "step_through_graph": ("step", "step 0 of 9", "× of 2, 3 is 6"),
    "processes_that_pay": ("size", "412,648 bytes", "825,296 bytes"),
}
WITHOUT_SLIDERS = {"LiveLoss", "drawing_pad"}


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem[:2])
def desk(request, browser, lab):
    with running(browser, lab, request.param.name) as opened:
        yield opened


def widgets(desk):
    code = "\n".join(cell.source for cell in desk.code_cells())
    names = re.findall(r"\bwidgets\.(\w+)\(", code)
    return [(name, desk.output_of(f"widgets.{name}")) for name in names]


def slider(output, name):
    return output.locator(".widget-slider").filter(has_text=re.compile(f"^{name}"))


def press(one, key):
    one.locator(".noUi-handle").press(key)


def test_the_outputs_are_those_that_are_saved(desk, request):
    found = differences(request.session, ROOT / "notebooks" / desk.name, desk.code_cells())
    assert not found, "\n\n".join(found)


def test_little_memory_is_taken_and_nothing_left_behind(desk):
    assert not desk.kernel_holds() - desk.held_before
    assert desk.peak() < MEMORY_NEEDED, f"{desk.peak() / 1e9:.2f} GB at its peak"


def test_nothing_is_asked_of_any_other_computer(desk):
    own = (desk.lab.address, desk.lab.address.replace("http", "ws"), "data:", "blob:")
    assert not [address for address in desk.asked if not address.startswith(own)]


def test_every_widget_shows_a_figure_with_its_text(desk):
    assert widgets(desk)
    for _, output in widgets(desk):
        output.scroll_into_view_if_needed()
        picture = output.locator("img").first
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.complete && image.width > 100")
        assert picture.get_attribute("alt") == output.locator(TEXT).first.inner_text()


def test_a_slider_moved_by_keyboard_changes_what_it_should(desk):
    for widget, output in widgets(desk):
        if widget not in WITHOUT_SLIDERS:
            name, before, after = MOVES[widget]
            expect(output.locator(TEXT)).to_contain_text(before)
            picture = output.locator("img").get_attribute("src")
            press(slider(output, name), "ArrowRight")
            expect(output.locator(TEXT)).to_contain_text(after, timeout=QUICK)
            assert output.locator("img").get_attribute("src") != picture, widget


@pytest.mark.parametrize("desk", LESSONS[1:2], indirect=True, ids=["02"])
def test_no_move_is_lost_when_sliders_move_faster_than_the_figure_is_drawn(desk):
    output = desk.output_of("widgets.convolution_in_slow_motion")
    place, padding = slider(output, "window's place"), slider(output, "padding")
    press(padding, "Home")
    for _ in range(8):
        for moved, key in ((padding, "ArrowRight"), (padding, "ArrowLeft")):
            press(moved, key)
            press(place, "ArrowRight")
            press(place, "ArrowRight")
    desk.page.wait_for_timeout(3_000)
    shown, play = place.locator(".widget-readout"), output.locator(".widget-play button").first
    place_before = shown.inner_text()
    play.click()
    for _ in range(2):
        expect(shown).not_to_have_text(place_before, timeout=QUICK)
        place_before = shown.inner_text()
    play.click()
    desk.page.wait_for_timeout(3_000)
    text = output.locator(TEXT).inner_text()
    row, column = map(int, re.search(r"output\[(\d+), (\d+)\]", text).groups())
    width = int(re.search(r"width: .* = (\d+)", text)[1])
    assert f"2 · {padding.locator('.widget-readout').inner_text()}" in text
    assert str(row * width + column) == shown.inner_text()


@pytest.mark.parametrize("desk", LESSONS[3:4], indirect=True, ids=["04"])
def test_the_live_curve_arrives_at_the_last_batch(desk):
    expect(desk.output_of("widgets.LiveLoss").locator(TEXT)).to_contain_text(
        ["9,380 of 9,380", "after epoch 10:"]
    )


def test_axe_finds_nothing_serious(desk):
    parts = {"include": [[".jp-MarkdownOutput"], [".jp-OutputArea-output"]]}
    parts["exclude"] = [[".noUi-handle"], [".widget-play"]]  # ipywidgets gives them no name
    problems = Axe().run(desk.page, parts).response["violations"]
    assert not [one for one in problems if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("desk", LESSONS[:3], indirect=True, ids=["01", "02", "03"])
def test_the_widgets_survive_a_second_run(desk, request):
    desk.run_all()
    assert not differences(request.session, ROOT / "notebooks" / desk.name, desk.code_cells())
    test_every_widget_shows_a_figure_with_its_text(desk)
    test_a_slider_moved_by_keyboard_changes_what_it_should(desk)
