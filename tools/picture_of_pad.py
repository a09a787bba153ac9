"""Draws on the start page's pad in JupyterLab, and saves a moving picture for the README:
``python tools/picture_of_pad.py``. It takes Chromium or Chrome, and half a minute.
"""

import io
from pathlib import Path
import shutil
import tempfile

from jupyter_lab import BROWSER_FLAGS, find_browser, jupyter_lab
from mnist_helpers.drawing import random_strokes
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from run_notebooks import ROOT, START_PAGE
import torch

DIGITS, SEED = (7, 3, 8), 5


def frames(page: Page) -> list[Image.Image]:
    """Return what the pad's output shows while digits are drawn, from stroke to stroke."""
    output = page.locator(".jp-CodeCell").first.locator(".jp-OutputArea-child").last
    pad = output.locator("canvas")
    pad.wait_for()
    pad.scroll_into_view_if_needed()
    box, taken = pad.bounding_box(), []

    def take(times: int = 1) -> None:
        page.wait_for_timeout(150)
        picture = Image.open(io.BytesIO(output.screenshot())).convert("RGB")
        taken.extend([picture] * times)

    generator = torch.Generator().manual_seed(SEED)
    take(8)
    for digit in DIGITS:
        for stroke in random_strokes(digit, generator):
            for number, (x, y) in enumerate(stroke):
                page.mouse.move(box["x"] + 80 + 1.7 * x, box["y"] + 50 + 1.7 * y)
                if number == 0:
                    page.mouse.down()
                if number % 3 == 0:
                    take()
            page.mouse.up()
        take(12)
        output.get_by_role("button", name="clear").click()
        take(3)
    return taken


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        shutil.copy(START_PAGE, folder)
        with jupyter_lab(Path(folder), Path(home)) as lab, sync_playwright() as player:
            program = find_browser()
            browser = player.chromium.launch(executable_path=program, args=BROWSER_FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"{lab.address}lab/tree/{START_PAGE.name}?token={lab.token}")
            page.locator(".jp-NotebookPanel-toolbar", has_text="Python 3").wait_for()
            page.wait_for_timeout(3000)
            page.locator(".jp-CodeCell .jp-InputArea-editor").first.click()
            page.keyboard.press("Shift+Enter")
            taken = frames(page)
    pictures = [one.resize((640, round(640 * one.height / one.width))) for one in taken]
    pictures = [picture.quantize(32) for picture in pictures]
    path = ROOT / "notebooks" / "images" / "pad.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=110, loop=0)


if __name__ == "__main__":
    main()
