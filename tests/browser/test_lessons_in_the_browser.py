"""Every lesson run once in JupyterLab, from top to bottom on all digits, as a learner would. Its
saved outputs are compared with the ones in the repository, as nbval compares them; then its widgets
are moved by keyboard.

Where there is no browser, nbval runs the lessons by itself (conftest.py, at the root).
"""

from collections.abc import Iterator
import re

from desk import QUICK, Desk, running
from mnist_helpers.checkup import MEMORY_NEEDED
from net import differences
from playwright.sync_api import Browser, Locator, expect
import pytest
from run_notebooks import ROOT, lessons

LESSONS = lessons()
# A widget's text, and not what the cell prints.
TEXT = ".widget-html-content pre"
# Of each widget, in every lesson or in the one that is named: which slider goes one step to the
# right, and what the text says before and after.
MOVES = [
    ("leaf_through", "number", "sample 0 is a 5", "sample 1 is a 0"),
    ("leaf_through", "row", "image[0, 8, 12]", "image[0, 9, 12]"),
    ("convolution_in_slow_motion", "window's place", "sum  =   2.98", "sum  =   1.29"),
    ("convolution_in_slow_motion", "padding", "(28 + 2 · 0 − 3)", "(28 + 2 · 1 − 3)"),
    ("convolution_in_slow_motion", "stride", "// 1 + 1 = 28", "// 2 + 1 = 14"),
    ("03 layer_explorer", "digit", "digit 0 of the batch, a 5", "digit 1 of the batch, a 0"),
    ("08 layer_explorer", "digit", "digit 0 of the batch, a 7", "digit 1 of the batch, a 2"),
    ("belief_by_epoch", "epoch", "before training:", "after epoch 1:"),
    ("digit_changer", "digit", "digit 0 is a 5; rotated", "digit 1 is a 0; rotated"),
    ("digit_changer", "rotation", "up to 10°", "up to 11°"),
    ("shifted_digit", "digit", "digit 0 is a 7; moved", "digit 1 is a 1; moved"),
    ("shifted_digit", "right", "moved 0 to the right", "moved 1 to the right"),
    ("shifted_digit", "down", "0 down", "1 down"),
]
# On the pad test_pad_in_the_browser.py draws.
WITHOUT_SLIDERS = {"LiveLoss", "drawing_pad"}


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem[:2])
def desk(request: pytest.FixtureRequest, browser: Browser, lab) -> Iterator[Desk]:
    """Open a lesson and run it; the tests below all look at that one run."""
    with running(browser, lab, request.param.name) as opened:
        yield opened


def widgets(desk: Desk) -> list[tuple[str, Locator]]:
    """Return the name of each widget that a lesson makes, and the output in which it stands."""
    code = "\n".join(cell.source for cell in desk.code_cells())
    names = re.findall(r"\bwidgets\.(\w+)\(", code)
    return [(name, desk.output_of(f"widgets.{name}")) for name in names]


def slider(output: Locator, name: str) -> Locator:
    return output.locator(".widget-slider").filter(has_text=re.compile(f"^{name}"))


def press(one: Locator, key: str) -> None:
    one.locator(".noUi-handle").press(key)


def test_the_outputs_are_those_that_are_saved(desk: Desk, request: pytest.FixtureRequest) -> None:
    found = differences(request.session, ROOT / "notebooks" / desk.name, desk.code_cells())
    assert not found, "\n\n".join(found)


def test_little_memory_is_taken_and_nothing_left_behind(desk: Desk) -> None:
    assert not desk.kernel_holds() - desk.held_before
    assert desk.peak() < MEMORY_NEEDED, f"{desk.peak() / 1e9:.2f} GB at its peak"


def test_every_cell_runs_once_without_a_warning_and_fails_only_where_meant(desk: Desk) -> None:
    cells = desk.code_cells()
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    for cell in cells:
        meant = "raises-exception" in cell.metadata.get("tags", [])
        errors = [output.evalue for output in cell.outputs if output.output_type == "error"]
        assert bool(errors) == meant, (cell.source, errors)
        for output in cell.outputs:
            # tqdm's bar, where it is text, is written to stderr too.
            assert output.get("name") != "stderr" or "batch/s" in output.text, output.text


def test_nothing_is_asked_of_any_other_computer(desk: Desk) -> None:
    own = (desk.lab.address, desk.lab.address.replace("http", "ws"), "data:", "blob:")
    assert not [address for address in desk.asked if not address.startswith(own)]


def test_every_widget_shows_a_figure_with_its_text(desk: Desk) -> None:
    assert widgets(desk), "every lesson has something to poke at"
    for _, output in widgets(desk):
        output.scroll_into_view_if_needed()
        picture = output.locator("img").first
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.complete && image.width > 100")
        assert picture.get_attribute("alt") == output.locator(TEXT).first.inner_text()


def test_a_slider_moved_by_keyboard_changes_what_it_should(desk: Desk) -> None:
    for widget, output in widgets(desk):
        moves = [move for move in MOVES if move[0] in (widget, f"{desk.name[:2]} {widget}")]
        assert moves or widget in WITHOUT_SLIDERS, widget
        for _, name, before, after in moves:
            expect(output.locator(TEXT)).to_contain_text(before)
            picture = output.locator("img").get_attribute("src")
            press(slider(output, name), "ArrowRight")
            expect(output.locator(TEXT)).to_contain_text(after, timeout=QUICK)
            assert output.locator("img").get_attribute("src") != picture, f"{widget}: {name}"


@pytest.mark.parametrize("desk", LESSONS[1:2], indirect=True, ids=["02"])
def test_no_move_is_lost_when_sliders_move_faster_than_the_figure_is_drawn(desk: Desk) -> None:
    output = desk.output_of("widgets.convolution_in_slow_motion")
    place, padding = slider(output, "window's place"), slider(output, "padding")
    press(padding, "Home")
    for _ in range(8):
        for moved, key in ((padding, "ArrowRight"), (padding, "ArrowLeft")):
            press(moved, key)
            press(place, "ArrowRight")
            press(place, "ArrowRight")
    desk.page.wait_for_timeout(3_000)
    # The button slides the window.
    shown, play = place.locator(".widget-readout"), output.locator(".widget-play button").first
    later = int(shown.inner_text()) + 2
    play.click()
    expect(shown).to_have_text(f"{later}", timeout=QUICK)
    play.click()
    desk.page.wait_for_timeout(3_000)
    # What the text says has to be what the sliders say.
    text = output.locator(TEXT).inner_text()
    row, column = map(int, re.search(r"output\[(\d+), (\d+)\]", text).groups())
    width = int(re.search(r"width: .* = (\d+)", text)[1])
    assert f"2 · {padding.locator('.widget-readout').inner_text()}" in text
    assert str(row * width + column) == shown.inner_text()


def test_every_control_has_a_name(desk: Desk) -> None:
    for widget, output in widgets(desk):
        for control in output.locator("input, select, .noUi-handle").all():
            named = control.evaluate(
                """control => {
                    const box = control.closest(".jupyter-widgets");
                    const label = box.querySelector("label")?.textContent.trim();
                    return label || control.title || box.title;
                }"""
            )
            assert named, f"{widget}: {control.evaluate('control => control.outerHTML')}"


@pytest.mark.parametrize("desk", LESSONS[3:4], indirect=True, ids=["04"])
def test_the_live_curve_arrives_at_the_last_batch(desk: Desk) -> None:
    expect(desk.output_of("widgets.LiveLoss").locator(TEXT)).to_contain_text(
        ["9,380 of 9,380", "after epoch 10:"]
    )


@pytest.mark.parametrize("desk", LESSONS[:3], indirect=True, ids=["01", "02", "03"])
def test_the_widgets_survive_a_second_run(desk: Desk) -> None:
    desk.run_all()
    test_every_cell_runs_once_without_a_warning_and_fails_only_where_meant(desk)
    test_every_widget_shows_a_figure_with_its_text(desk)
    test_a_slider_moved_by_keyboard_changes_what_it_should(desk)
