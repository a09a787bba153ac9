"""How a lesson shows figures and errors."""

from itertools import groupby
import re
import sys

from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure
import matplotlib.pyplot as plt
from PIL.Image import Image

from .plots.shown import _figure_html, _figure_png, _image_html

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
# What stands first below a folder of libraries, or below Python's own; and this package.
_LIBRARY = re.compile(
    r"File .*?[/\\](?:(?:site|dist)-packages[/\\](\w+)|python3\.\d+[/\\](\w+)[/\\.:]"
    r"|(mnist_helpers)[/\\])"
)


def start_lesson() -> None:
    """Give figures one look and words for those who do not see them; show of an error your own
    lines and the last one. ``%tb`` shows it whole."""
    plt.style.use("mnist_helpers.lessons")
    shell = get_ipython()
    shell.set_custom_exc((Exception,), _show)
    # Once it is on, matplotlib changes no formatter of figures any more.
    shell.enable_matplotlib("inline")
    html, png = (shell.display_formatter.formatters[kind] for kind in ("text/html", "image/png"))
    html.for_type(Figure, _figure_html)
    html.for_type(Image, _image_html)
    png.for_type(Figure, _figure_png)


def _show(shell: InteractiveShell, *raised: object, tb_offset: int | None = None) -> None:
    sys.last_type, sys.last_value, sys.last_traceback = raised  # where ``%tb`` looks
    frames = shell.InteractiveTB.structured_traceback(*raised, tb_offset)
    shell._showtraceback(*raised[:2], _folded(frames))
    plt.close("all")  # else what was drawn until then would be shown below


def _folded(frames: list[str]) -> list[str]:
    shown = []
    for library, group in groupby(frames, key=_library):
        group = list(group)
        frames = "1 frame" if len(group) == 1 else f"{len(group)} frames"
        shown += [f"    … {frames} in {library} (%tb shows all) …\n"] if library else group
    return shown


def _library(frame: str) -> str | None:
    """Return the library that a frame's code is from; None for a cell."""
    found = _LIBRARY.match(_COLOUR.sub("", frame))
    return next(filter(None, found.groups())) if found else None
