from desk import running
import nbformat
from playwright.sync_api import expect
from run_notebooks import ROOT, lessons


def failed(cells):
    return ["error" in [output.output_type for output in cell.outputs] for cell in cells]


def test_a_lesson_runs_and_its_exercises_and_widgets_answer_in_chinese(browser, lab):
    name = f"zh/{lessons()[1].name}"
    with running(browser, lab, name) as desk:
        saved = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells
        assert failed(desk.code_cells()) == failed(c for c in saved if c.cell_type == "code")
        expect(desk.output_of('check("2.1"')).to_contain_text("练习 2.1 在等你的答案")
        widget = desk.output_of("widgets.convolution_in_slow_motion")
        stride = widget.locator(".widget-slider").filter(has_text="步幅")
        stride.locator(".noUi-handle").press("ArrowRight")
        expect(widget.locator("pre")).to_contain_text("(28 + 2 · 0 − 3) // 2 + 1 = 13")
