"""What a lesson's fresh outputs are held to: text to nbval's comparison, a figure to its look, and
what differs between machines to the size of its numbers."""

import base64
import io
import re

from nbval.plugin import IPyNbFile, coalesce_streams
import numpy as np
from PIL import Image

IGNORED, VARIES = "nbval-ignore-output", "figure-varies"
NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?%?")


def differences(session, path, fresh):
    lesson = IPyNbFile.from_parent(session, path=path)
    found = []
    for item, cell in zip(lesson.collect(), fresh, strict=True):
        lesson.setup_sanitize_files()
        saved, tags = item.cell.outputs, item.cell.metadata.get("tags", [])
        if IGNORED in tags:
            complaints = loose_differences(printed(saved), printed(cell.outputs))
        elif item.compare_outputs(coalesce_streams(cell.outputs), coalesce_streams(saved)):
            complaints = figure_differences(figures(saved), figures(cell.outputs), VARIES in tags)
        else:
            complaints = item.comparison_traceback
        if complaints:
            found.append("\n".join([f"{path.name}, cell {item.cell_num}:", *complaints]))
    return found


def printed(outputs):
    """Return what a cell printed, warnings and errors too, without tqdm's bar."""
    texts = [output.get("text") or output.get("evalue", "") for output in outputs]
    return "".join(text for text in texts if "batch/s" not in text)


def figures(outputs):
    found = [output.get("data", {}).get("image/png") for output in outputs]
    return [picture(png) for png in found if png]


def picture(png):
    return Image.open(io.BytesIO(base64.b64decode(png)))


def figure_differences(saved, fresh, varies):
    """Compare figures by their look; one that `varies` by its size and its share of ink alone."""
    if len(saved) != len(fresh):
        return [f"{len(fresh)} figures, and {len(saved)} are saved"]
    found = []
    for number, (one, other) in enumerate(zip(saved, fresh, strict=True)):
        sizes = np.array([one.size, other.size])
        if (np.ptp(sizes, axis=0) > 0.02 * sizes.max(axis=0)).any():
            found.append(f"figure {number} has {other.size} pixels, and {one.size} are saved")
        elif varies and not 0.5 < ink(other) / ink(one) < 2:
            found.append(f"figure {number}: {ink(other):.3f} is ink, and {ink(one):.3f} is saved")
        elif not varies and (off := np.abs(thumbnail(one) - thumbnail(other)).max()) > 12:
            found.append(f"figure {number} differs by {off:.0f} of 255 greys at some place")
    return found


def thumbnail(picture):
    grey = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return np.asarray(grey.convert("L").resize((64, 64), Image.Resampling.BOX), dtype=float)


def ink(picture):
    greys = thumbnail(picture).astype(int)
    return float((np.abs(greys - np.bincount(greys.flat).argmax()) > 8).mean())


def loose_differences(saved, fresh):
    """Compare what a cell printed, line by line; one may name this machine's device."""
    lines = list(zip(saved.splitlines(), fresh.splitlines(), strict=False))
    other = [pair for pair in lines if words(pair[0]) != words(pair[1])]
    if len(other) > 1 or len(saved.splitlines()) != len(fresh.splitlines()):
        return ["other words or lines were printed:", fresh, "and saved are:", saved]
    return [
        f"{one!r} is saved, and {two!r} came out: {a} and {b}"
        for one, two in lines
        if (one, two) not in other
        for a, b in zip(NUMBER.findall(one), NUMBER.findall(two), strict=True)
        if not near(a, b)
    ]


def words(line):
    return NUMBER.sub("#", line).split()


def near(saved, fresh):
    """Percentages above 95 are accuracies; others may be shares of the time."""
    a, b = (abs(float(text.replace(",", "").rstrip("%"))) for text in (saved, fresh))
    if "%" in saved and a > 95:
        return abs(a - b) <= 1
    if "%" in saved:
        return abs(a - b) <= 15 or max(a, b) <= 4 * min(a, b)
    return abs(a - b) <= 10 or max(a, b) <= 10 * min(a, b)
