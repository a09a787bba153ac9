"""A pad to draw digits on, and what a network makes of them."""

import io
from pathlib import Path

import anywidget
import ipywidgets
from ipywidgets import Layout, VBox
from jaxtyping import Float
from PIL import Image
import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torchvision.utils import make_grid
import traitlets

from .. import insights, plots, shapes
from ..drawing import rasterize
from ..language import translated
from ..plots.shown import img
from .screen import _lines, dropdown, one_at_a_time


class Pad(anywidget.AnyWidget):
    """A black square to draw on in white. Its strokes are as `rasterize` takes them, and live in
    the kernel: a page that is opened again shows them."""

    _esm = Path(__file__).with_name("pad.js")
    size = traitlets.Int(280).tag(sync=True)  # in pixels of the page
    strokes = traitlets.List().tag(sync=True)
    words = traitlets.List(traitlets.Unicode()).tag(sync=True)  # on the pad and on its buttons


def drawing_pad(model: nn.Module) -> VBox:
    """Draw a digit with the mouse, a finger or a pen, and see what the network gets and says; on
    request also the feature maps of its modules ``block_1``, ``block_2`` and so on."""
    pad = Pad(words=[*map(translated, ["a pad to draw a digit on", "draw here", "undo", "clear"])])
    fitted = translated("fit and centre, as in MNIST")
    fit = ipywidgets.Checkbox(True, description=fitted, indent=False, layout={"width": "auto"})
    blocks = [name for name, _ in model.named_children() if name.startswith("block_")]
    layer = dropdown("feature maps", ["none", *blocks])
    layer.layout.width, layer.style.description_width = "auto", "auto"
    says, picture, bars, maps = (ipywidgets.HTML() for _ in range(4))

    @one_at_a_time()
    def show(_: object = None) -> None:
        strokes = pad.strokes
        image = rasterize(strokes, canvas_size=None if fit.value else (pad.size, pad.size))
        probabilities = insights.predict_all(model, image[None])[0]
        (sure, second), digits = (part.tolist() for part in probabilities.topk(2))
        count = f"{len(strokes)} {'stroke' if len(strokes) == 1 else 'strokes'}"
        answer = f"the network says {digits[0]} ({sure:.0%}), then {digits[1]} ({second:.0%})"
        text = translated(f"{count}: {answer}" if strokes else "draw a digit")
        says.value = _lines(text)
        picture.value = _pixels(image[0], text, width=7 * 28)
        bars.value = _bars(probabilities if strokes else None, pad.size)
        maps.value = "" if layer.value == "none" else _feature_maps(model, layer.value, image)

    pad.observe(show, "strokes")
    for control in (fit, layer):
        control.observe(show, "value")
    show()
    row = Layout(flex_flow="row wrap", align_items="flex-start", grid_gap="1em")
    rows = [pad, picture, bars], [fit, layer]
    above, below = (ipywidgets.Box(parts, layout=row) for parts in rows)
    return VBox([says, above, below, maps])


def _pixels(image: Float[Tensor, "H W"], text: str, width: int) -> str:
    buffer = io.BytesIO()
    Image.fromarray((255 * image).round().to(torch.uint8).numpy()).save(buffer, "png")
    return img(buffer.getvalue(), text, width, "image-rendering: pixelated")


def _bars(probabilities: Float[Tensor, "10"] | None, height: int) -> str:
    shares = [] if probabilities is None else probabilities.tolist()
    answer = shares.index(max(shares)) if shares else ""
    rows = []
    for digit in range(10):
        told = f"{shares[digit]:.0%}" if shares else ""
        filled = f"background: {plots.BLUE if digit == answer else '#999'}"
        wide = f"width: {100 * shares[digit] if shares else 0:.1f}%; height: 1em"
        bar = f'<div style="background: #8883"><div style="{filled}; {wide}"></div></div>'
        rows.append(f"<b>{digit}</b>{bar}<span>{told}</span>")
    table = "display: grid; grid-template-columns: 1.2em 7em 3em; column-gap: 0.3em"
    large = f"font: bold {height // 2}px/1 sans-serif; color: {plots.BLUE}"
    return (
        f'<div style="display: flex; gap: 1em; align-items: center; height: {height}px">'
        f'<div style="{table}; align-items: center; font-size: 1.1em">{"".join(rows)}</div>'
        f'<div style="{large}">{answer}</div></div>'
    )


def _feature_maps(model: nn.Module, block: str, image: Float[Tensor, "1 28 28"]) -> str:
    outputs = shapes.layer_outputs(model, image[None])
    maps = [output[0].cpu() for name, _, output in outputs if name.split(".")[0] == block][-1]
    silent = (maps == 0).flatten(1).all(dim=1).sum()
    says = "{}: {} feature maps of {}×{}; {} of them are zero all over"
    text = says.format(block, *maps.shape, silent) + "; the first 16" * (len(maps) > 16)
    text = translated(text)
    maps = F.interpolate(maps[:16, None], scale_factor=84 // maps.shape[-1])
    grid = make_grid(maps, padding=4, pad_value=0.5, normalize=True, scale_each=True)
    return f"{_lines(text)}{_pixels(grid[0], text, grid.shape[-1])}"
