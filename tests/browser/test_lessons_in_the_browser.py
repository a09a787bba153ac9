"""Every lesson opened in JupyterLab, run from top to bottom, and its widgets moved by keyboard, as a learner would."""

from collections.abc import Iterator
import re

import nbformat
from playwright.sync_api import Browser, Locator, Page, expect
import pytest
from run_notebooks import ROOT, lessons
from shortened import shortened

# How long to wait, in ms: training takes minutes, and several times as long on a busy machine. All else is quick.
TRAINING, RUNNING, QUICK = 1_200_000, 300_000, 60_000

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
        ("digit", "ArrowRight", "digit 0 is a 3; moved", "digit 1 is a 9; moved"),
        ("right", "ArrowRight", "moved 0 to the right", "moved 1 to the right"),
        ("down", "ArrowLeft", "0 down", "1 up"),
    ],
    "widgets.LiveLoss": [],  # has no slider
    "widgets.drawing_pad": [],  # has none; test_pad_in_the_browser.py draws on it
}


class Desk:
    """A lesson that is open in JupyterLab."""

    def __init__(self, page: Page, lab, name: str) -> None:
        self.page, self.name, self._lab = page, name, lab
        self.path = lab.folder / name
        self._shorten()
        self.outside = []
        page.on("request", self._note)
        page.goto(
            f"{lab.address}lab/workspaces/test-{name[:2]}/tree/{name}?token={lab.token}&reset"
        )
        expect(page.locator(".jp-NotebookPanel .jp-CodeCell").first).to_be_visible(timeout=QUICK)
        # Whoever runs a cell before there is a kernel is asked for one, at least in JupyterLab 4.6.0.
        toolbar = page.locator(".jp-NotebookPanel-toolbar")
        expect(toolbar).to_contain_text("Python 3", timeout=QUICK)
        self._wait_until_idle(QUICK)

    def _shorten(self) -> None:
        # Not the copy: it was shortened before where a lesson is opened twice, as some orders of the tests have it.
        text = (ROOT / "notebooks" / self.name).read_text(encoding="utf-8")
        self.path.write_text(shortened(text, self.name[:2]), encoding="utf-8")

    def end_kernel(self) -> None:
        """End the lesson's kernel: it takes memory, and would go on where the lesson is opened again."""
        sessions = f"{self._lab.address}api/sessions"
        with_token = {"Authorization": f"token {self._lab.token}"}
        for session in self.page.request.get(sessions, headers=with_token).json():
            if session["path"] == self.name:
                ended = self.page.request.delete(f"{sessions}/{session['id']}", headers=with_token)
                assert ended.ok, ended.status_text

    def _note(self, request) -> None:
        if not request.url.startswith(
            (self._lab.address, self._lab.address.replace("http", "ws"), "data:", "blob:")
        ):
            self.outside.append(request.url)

    def _wait_until_idle(self, timeout: float) -> None:
        indicator = self.page.locator(".jp-NotebookPanel .jp-Notebook-ExecutionIndicator")
        expect(indicator.first).to_have_attribute("data-status", "idle", timeout=timeout)

    def _choose(self, menu: str, command: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(f'.lm-Menu-item[data-command="{command}"]').click()

    def run_all(self) -> None:
        """Clear all outputs, choose *Run All Cells*, wait until every cell has run, and save."""
        prompts = self.page.locator(".jp-NotebookPanel .jp-CodeCell .jp-InputPrompt")
        self._choose("Edit", "editmenu:clear-all")
        expect(prompts.filter(has_text=re.compile(r"\d"))).to_have_count(0, timeout=QUICK)
        self._choose("Run", "runmenu:run-all")
        timeout = TRAINING if self.name in [path.name for path in THAT_TRAIN] else RUNNING
        expect(prompts.filter(has_not_text=re.compile(r"\d"))).to_have_count(0, timeout=timeout)
        self._wait_until_idle(QUICK)
        self.path.unlink()
        self._choose("File", "docmanager:save")
        for _ in range(200):
            if self.path.exists() and self.path.read_text(encoding="utf-8").endswith("}\n"):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{self.name} was not saved")

    def saved(self) -> nbformat.NotebookNode:
        return nbformat.read(self.path, as_version=4)

    def output_of(self, code: str) -> Locator:
        """Return the output of the cell that holds some code, as one sees it."""
        cell = self.page.locator(".jp-CodeCell").filter(
            has=self.page.locator(".jp-InputArea-editor", has_text=code)
        )
        return cell.first.locator(".jp-OutputArea")


# A widget's text, and not what the cell prints.
TEXT = ".widget-html-content pre"

LESSONS = lessons()
THAT_TRAIN = [path for path in LESSONS if path.name[:2] in ("04", "05", "06", "07")]


def only(paths: list) -> pytest.MarkDecorator:
    """Return a mark that makes a test of some lessons only."""
    return pytest.mark.parametrize("desk", paths, indirect=True, ids=lambda path: path.stem[:2])


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem[:2])
def desk(request: pytest.FixtureRequest, browser: Browser, lab) -> Iterator[Desk]:
    """Open a lesson and run it; the tests below all look at that one run."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = Desk(context.new_page(), lab, request.param.name)
    opened.run_all()
    yield opened
    opened.end_kernel()
    context.close()


def widget_calls(desk: Desk) -> list[str]:
    """Return the calls of `widgets` in a lesson, such as ``widgets.leaf_through``, in order."""
    code = "\n".join(cell.source for cell in desk.saved().cells if cell.cell_type == "code")
    return re.findall(r"widgets\.\w+(?=\()", code)


def moves(desk: Desk, call: str) -> list[tuple[str, str, str, str]]:
    """Return the moves of a call's widget in this lesson."""
    named = f"{desk.name[:2]} {call}"
    return MOVES[named if named in MOVES else call]


def test_every_cell_runs_and_fails_only_where_that_is_meant(desk: Desk) -> None:
    cells = [cell for cell in desk.saved().cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    for cell in cells:
        meant = "raises-exception" in cell.metadata.get("tags", [])
        errors = [output.evalue for output in cell.outputs if output.output_type == "error"]
        assert bool(errors) == meant, (cell.source, errors)


def test_no_cell_prints_a_warning(desk: Desk) -> None:
    for cell in desk.saved().cells:
        for output in cell.get("outputs", []):
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


@only([path for path in LESSONS if path.name.startswith("02")])
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


@only([path for path in LESSONS if path.name.startswith("04")])
def test_the_live_curve_arrives_at_the_last_batch(desk: Desk) -> None:
    text = desk.output_of("widgets.LiveLoss").locator(TEXT)
    expect(text).to_contain_text("batch 376 of 376")


@only([path for path in LESSONS if path not in THAT_TRAIN])
def test_the_widgets_survive_a_second_run(desk: Desk) -> None:
    desk.run_all()
    test_every_cell_runs_and_fails_only_where_that_is_meant(desk)
    test_every_widget_shows_a_figure_with_its_text(desk)
    test_a_slider_moved_by_keyboard_changes_what_it_should(desk)
