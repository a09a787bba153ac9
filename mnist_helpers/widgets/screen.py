"""A figure with its text, the controls that it follows, and when it is drawn."""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import gc
import html
import io
import threading

import ipywidgets
from ipywidgets import Layout, VBox, Widget
from matplotlib.figure import Figure
import matplotlib.pyplot as plt

from ..language import translated
from ..plots.shown import img

_LOOK = {"layout": {"width": "30em"}, "style": {"description_width": "9em"}}
# Matplotlib is not made for several threads at once.
_LOCK = threading.RLock()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let other threads wait, as JupyterLab answers widgets in several, and the garbage collector,
    which takes a fifth of a second."""
    with _LOCK:
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()


class Screen:
    """A picture with its text, which a screen reader reads in its place, too."""

    def __init__(self) -> None:
        self.text, self.picture = ipywidgets.HTML(), ipywidgets.HTML()
        self.widget = VBox([self.text, self.picture])

    def show(self, picture: Figure, text: str) -> None:
        text, buffer = translated(text), io.BytesIO()
        # Sharp on any screen, and quick to draw rather than small.
        picture.savefig(buffer, dpi=2 * picture.dpi, pil_kwargs={"compress_level": 1})
        plt.close(picture)
        width = round(picture.get_figwidth() * picture.dpi)
        self.picture.value = img(buffer.getvalue(), text, width)
        self.text.value = _lines(text)


def _lines(text: str) -> str:
    style = "font-size: 1.1em; line-height: 1.4; white-space: pre-wrap; word-break: normal"
    return f'<pre style="{style}">{html.escape(text)}</pre>'


def connected(show: Callable, controls: Sequence[Widget], boxes: Sequence[Widget] = ()) -> VBox:
    """Show a figure and its text beside the controls, and anew whenever one is moved: `show` takes
    that one, at first None, and returns both."""
    screen, running = Screen(), False

    @one_at_a_time()
    def update(moved: Widget | None) -> None:
        nonlocal running
        # `show` may move a control itself.
        if not running:
            running = True
            try:
                screen.show(*show(moved))
            finally:
                running = False

    update(None)
    for control in controls:
        control.observe(lambda change: update(change.owner), "value")
    # Side by side where there is room, wherever the text ends: or the figure would jump.
    screen.text.layout.flex = "1 1 26em"
    row = [*(boxes or controls), screen.text]
    return VBox([ipywidgets.Box(row, layout=Layout(flex_flow="row wrap")), screen.picture])


def dropdown(name: str, options: Sequence[object]) -> ipywidgets.Dropdown:
    # What is chosen stays what it is in each language.
    names = [translated(str(one)) for one in options]
    shown = options if names == [*map(str, options)] else [*zip(names, options, strict=True)]
    return ipywidgets.Dropdown(options=shown, description=translated(name), **_LOOK)


def slider(name: str, value: int, most: int, least: int = 0) -> ipywidgets.IntSlider:
    name = translated(name)
    return ipywidgets.IntSlider(value, min=least, max=most, description=name, **_LOOK)
