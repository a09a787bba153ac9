"""A pad to draw digits on, and what a network makes of them."""

import html

import ipycanvas
import ipywidgets
from ipywidgets import HBox, Layout, VBox
from jaxtyping import Float
from PIL import Image
import torch
from torch import Tensor, nn
from torchvision.utils import make_grid

from .. import insights, plots, shapes
from ..drawing import StrokeRecorder, rasterize
from .screen import Pace, Screen, dropdown, img, one_at_a_time


def drawing_pad(model: nn.Module, size: int = 280) -> VBox:
    """Draw a digit with the mouse, a finger or a pen on a pad of `size` pixels of the page, and see
    what the network gets and says while you draw; on request also the feature maps of its modules
    ``block_1``, ``block_2`` and so on. Without the tick the picture shows the pad as it is."""
    recorder, pace = StrokeRecorder(), Pace(interval=0.08, share=0.5)
    sides = Layout(width=f"{size}px", height=f"{size}px", border="1px solid gray")
    canvas = ipycanvas.Canvas(width=size, height=size, layout=sides)
    fit = ipywidgets.Checkbox(True, description="fit and centre, as in MNIST", indent=False)
    blocks = [name for name, _ in model.named_children() if name.startswith("block_")]
    layer = dropdown("feature maps", ["none", *blocks])
    undo, clear = (ipywidgets.Button(description=name) for name in ("undo", "clear"))
    screen, maps = Screen(), ipywidgets.HTML()

    @one_at_a_time()
    def show(whole: bool = True) -> None:
        strokes = recorder.strokes
        image = rasterize(strokes, canvas_size=None if fit.value else (size, size))
        probabilities = insights.predict_all(model, image[None])[0]
        (sure, second), digits = (part.tolist() for part in probabilities.topk(2))
        count = f"{len(strokes)} {'stroke' if len(strokes) == 1 else 'strokes'}"
        says = f"the network says {digits[0]} ({sure:.0%}), then {digits[1]} ({second:.0%})"
        text = f"{count}: {says}" if strokes else "draw a digit"
        screen.show(_enlarged(image[0], times=10), text, beside=_bars(probabilities))
        if whole:
            maps.value = "" if layer.value == "none" else _feature_maps(model, layer.value, image)

    @one_at_a_time()
    def press(x: float, y: float) -> None:
        recorder.press(x, y)
        canvas.fill_circle(x, y, canvas.line_width / 2)

    @one_at_a_time()
    def move(x: float, y: float) -> None:
        piece = recorder.move(x, y)
        if piece is not None:
            canvas.stroke_line(*piece[0], *piece[1])
            pace.draw(lambda: show(whole=False))

    @one_at_a_time()
    def release(*_: object) -> None:
        if recorder.is_down:
            recorder.release()
            show()

    @one_at_a_time()
    def redraw() -> None:
        with ipycanvas.hold_canvas():
            canvas.fill_style = "black"
            canvas.fill_rect(0, 0, size, size)
            canvas.fill_style = canvas.stroke_style = "white"
            canvas.line_width, canvas.line_cap, canvas.line_join = size / 18, "round", "round"
            for stroke in recorder.strokes:
                canvas.fill_circle(*stroke[0], canvas.line_width / 2)
                canvas.stroke_lines(stroke)
        show()

    @one_at_a_time()
    def forget(button: ipywidgets.Button) -> None:
        (recorder.undo if button is undo else recorder.clear)()
        redraw()

    canvas.on_mouse_down(press)
    canvas.on_mouse_move(move)
    # Of several fingers the first one draws.
    canvas.on_touch_start(lambda points: press(*points[0]) if points else None)
    canvas.on_touch_move(lambda points: move(*points[0]) if points else None)
    for end in ("mouse_up", "mouse_out", "touch_end", "touch_cancel"):
        getattr(canvas, f"on_{end}")(release)
    undo.on_click(forget)
    clear.on_click(forget)
    fit.observe(lambda _: show(), "value")
    layer.observe(lambda _: show(), "value")
    canvas.on_client_ready(redraw)
    redraw()
    left = VBox([canvas, HBox([undo, clear]), fit, layer])
    return VBox([HBox([left, screen.widget]), maps])


def _enlarged(image: Float[Tensor, "H W"], times: int) -> Image.Image:
    """Return an image with values in [0, 1] as a grey picture, each pixel a square."""
    pixels = Image.fromarray((255 * image).round().to(torch.uint8).numpy())
    return pixels.resize((times * pixels.width, times * pixels.height), Image.Resampling.NEAREST)


def _bars(probabilities: Float[Tensor, "10"]) -> str:
    """Return ten probabilities as a table of bars."""
    shares, rows = probabilities.tolist(), []
    for digit, share in enumerate(shares):
        colour = plots.BLUE if share == max(shares) else "#999"
        bar = f'<div style="background: {colour}; width: {100 * share:.1f}%; height: 1em"></div>'
        rows.append(f"<b>{digit}</b>{bar}<span>{share:.0%}</span>")
    table = "display: grid; grid-template-columns: 1.2em 11em 3em; align-items: center"
    return f'<div style="{table}; font-size: 1.1em">{"".join(rows)}</div>'


def _feature_maps(model: nn.Module, block: str, image: Float[Tensor, "1 28 28"]) -> str:
    """Return what a block's last layer puts out as one picture with a line above."""
    outputs = shapes.layer_outputs(model, image[None])
    maps = [output[0].cpu() for name, _, output in outputs if name.split(".")[0] == block][-1]
    silent = (maps == 0).flatten(1).all(dim=1).sum()
    says = "{}: {} feature maps of {}×{}; {} of them are zero all over"
    text = says.format(block, *maps.shape, silent)
    # Each from its own smallest value, black, to its own largest, white.
    grid = make_grid(maps[:, None], 16, padding=1, pad_value=0.5, normalize=True, scale_each=True)
    return f"<pre>{html.escape(text)}</pre>{img(_enlarged(grid[0], times=3), text)}"
