"""Every lesson run once in JupyterLab, from top to bottom on all digits, as a learner would. Its saved outputs are
compared with the ones in the repository, as nbval compares them; then its widgets are moved by keyboard.

Where there is no browser, nbval runs the lessons by itself (conftest.py, at the root).
"""

from collections.abc import Iterator
import re

from desk import QUICK, Desk, left_behind
from mnist_helpers.checkup import MEMORY_NEEDED
from net import differences
from playwright.sync_api import Browser, expect
import pytest
from run_notebooks import ROOT, lessons

# For each call that makes a widget, in every lesson or in the one that is named: which slider to move by one key, and
# what the text has to say before and after.
MOVES = {
    "widgets.leaf_through": [
        (
            "number",
            "ArrowRight",
            "sample 0 is a 5; image[0, 8, 12]",
            "sample 1 is a 0; image[0, 8, 12]",
        ),
        ("row", "ArrowRight", "image[0, 8, 12]", "image[0, 9, 12]"),
    ],
    "widgets.convolution_in_slow_motion": [
        ("window's place", "ArrowRight", "sum  =   0.00", "sum  =   3.00"),
        (
            "padding",
            "ArrowRight",
            "output height: (5 + 2 · 0 − 3)",
            "output height: (5 + 2 · 1 − 3)",
        ),
        ("stride", "ArrowRight", "/ 1 = 4, plus 1 is 5", "/ 2 = 2, plus 1 is 3"),
    ],
    "03 widgets.layer_explorer": [
        ("digit", "ArrowRight", "digit 0 of the batch, a 5", "digit 1 of the batch, a 0"),
    ],
    "07 widgets.layer_explorer": [
        ("digit", "ArrowRight", "digit 0 of the batch, a 7", "digit 1 of the batch, a 2"),
    ],
    "widgets.belief_by_epoch": [
        ("epoch", "ArrowRight", "before training:", "after epoch 1:"),
    ],
    "widgets.digit_changer": [
        ("digit", "ArrowRight", "digit 0 is a 5; rotated", "digit 1 is a 0; rotated"),
        ("rotation", "ArrowRight", "up to 10°", "up to 11°"),
    ],
    "widgets.shifted_digit": [
        ("digit", "ArrowRight", "digit 0 is a 7; moved", "digit 1 is a 1; moved"),
        ("right", "ArrowRight", "moved 0 to the right", "moved 1 to the right"),
        ("down", "ArrowLeft", "0 down", "1 up"),
    ],
    "widgets.LiveLoss": [],  # has no slider
    "widgets.drawing_pad": [],  # has none; test_pad_in_the_browser.py draws on it
}


# A widget's text, and not what the cell prints.
TEXT = ".widget-html-content pre"

LESSONS = lessons()


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem[:2])
def desk(request: pytest.FixtureRequest, browser: Browser, lab) -> Iterator[Desk]:
    """Open a lesson and run it; the tests below all look at that one run."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = Desk(context.new_page(), lab, request.param.name)
    opened.held_before = opened.kernel_holds()
    opened.run_all()
    yield opened
    opened.end_kernel()
    context.close()


def widget_calls(desk: Desk) -> list[str]:
    """Return the calls of `widgets` in a lesson, such as ``widgets.leaf_through``, in order."""
    code = "\n".join(cell.source for cell in desk.code_cells())
    return re.findall(r"widgets\.\w+(?=\()", code)


def moves(desk: Desk, call: str) -> list[tuple[str, str, str, str]]:
    """Return the moves of a call's widget in this lesson."""
    named = f"{desk.name[:2]} {call}"
    return MOVES[named if named in MOVES else call]


def test_the_outputs_are_those_that_are_saved(desk: Desk, request: pytest.FixtureRequest) -> None:
    found = differences(request.session, ROOT / "notebooks" / desk.name, desk.code_cells())
    assert not found, "\n\n".join(found)


def test_little_memory_is_taken_and_nothing_left_behind(desk: Desk) -> None:
    assert left_behind(desk.held_before, desk.kernel_holds()) == {}
    assert desk.peak() < MEMORY_NEEDED, f"{desk.peak() / 1e9:.2f} GB at its peak"


def test_every_cell_runs_and_fails_only_where_that_is_meant(desk: Desk) -> None:
    cells = desk.code_cells()
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    for cell in cells:
        meant = "raises-exception" in cell.metadata.get("tags", [])
        errors = [output.evalue for output in cell.outputs if output.output_type == "error"]
        assert bool(errors) == meant, (cell.source, errors)


def test_no_cell_prints_a_warning(desk: Desk) -> None:
    for cell in desk.code_cells():
        for output in cell.outputs:
            # tqdm's bar, where it is text, is written to stderr too.
            assert output.get("name") != "stderr" or "batch/s" in output.text, output.text


def test_nothing_is_asked_of_any_other_computer(desk: Desk) -> None:
    assert desk.outside == []


def test_every_widget_shows_a_figure_with_its_text(desk: Desk) -> None:
    assert widget_calls(desk), "every lesson has something to poke at"
    for call in widget_calls(desk):
        output = desk.output_of(call)
        output.scroll_into_view_if_needed()
        picture = output.locator("img")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.complete && image.naturalWidth > 100")
        assert picture.get_attribute("alt") == output.locator(TEXT).inner_text()


def test_a_slider_moved_by_keyboard_changes_what_it_should(desk: Desk) -> None:
    for call in widget_calls(desk):
        output = desk.output_of(call)
        for name, key, before, after in moves(desk, call):
            slider = output.locator(".widget-slider").filter(has_text=re.compile(f"^{name}"))
            expect(output.locator(TEXT)).to_contain_text(before)
            picture = output.locator("img").get_attribute("src")
            slider.locator(".noUi-handle").focus()
            desk.page.keyboard.press(key)
            expect(output.locator(TEXT)).to_contain_text(after, timeout=QUICK)
            assert output.locator("img").get_attribute("src") != picture, f"{call}: {name}"


@pytest.mark.parametrize("desk", LESSONS[1:2], indirect=True, ids=["02"])
def test_no_move_is_lost_when_sliders_move_faster_than_the_figure_is_drawn(desk: Desk) -> None:
    output = desk.output_of("widgets.convolution_in_slow_motion")
    place, padding = (
        output.locator(".widget-slider").filter(has_text=re.compile(f"^{name}"))
        for name in ("window's place", "padding")
    )
    padding.locator(".noUi-handle").focus()
    desk.page.keyboard.press("Home")
    for _ in range(8):
        for slider, key in ((padding, "ArrowRight"), (place, "ArrowRight"), (padding, "ArrowLeft")):
            slider.locator(".noUi-handle").focus()
            desk.page.keyboard.press(key)
            place.locator(".noUi-handle").focus()
            desk.page.keyboard.press("ArrowRight")
    desk.page.wait_for_timeout(3_000)
    # What the text says has to be what the sliders say.
    text = output.locator(TEXT).inner_text()
    row, column = map(int, re.search(r"output\[(\d+), (\d+)\]", text).groups())
    width = int(re.search(r"output width: .* is (\d+)", text)[1])
    assert f"2 · {padding.locator('.widget-readout').inner_text()}" in text
    assert str(row * width + column) == place.locator(".widget-readout").inner_text()


def test_every_control_has_a_name(desk: Desk) -> None:
    for call in widget_calls(desk):
        controls = desk.output_of(call).locator("input, select, .noUi-handle")
        for control in controls.all():
            named = control.evaluate(
                """control => {
                    const box = control.closest('.jupyter-widgets');
                    const label = box.querySelector('label');
                    return (label && label.textContent.trim()) || control.title || box.title;
                }"""
            )
            assert named, f"{call}: {control.evaluate('control => control.outerHTML')[:200]}"


@pytest.mark.parametrize("desk", LESSONS[3:4], indirect=True, ids=["04"])
def test_the_live_curve_arrives_at_the_last_batch(desk: Desk) -> None:
    text = desk.output_of("widgets.LiveLoss").locator(TEXT)
    expect(text).to_contain_text("batch 9,380 of 9,380")


@pytest.mark.parametrize("desk", LESSONS[:3], indirect=True, ids=["01", "02", "03"])
def test_the_widgets_survive_a_second_run(desk: Desk) -> None:
    desk.run_all()
    test_every_cell_runs_and_fails_only_where_that_is_meant(desk)
    test_every_widget_shows_a_figure_with_its_text(desk)
    test_a_slider_moved_by_keyboard_changes_what_it_should(desk)
