"""What a page shows of a figure: a sharp picture, and words for those who do not see it."""

import base64
import html
import io

from IPython.core.pylabtools import print_figure
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
import matplotlib.pyplot as plt
from PIL import Image

# A white figure on JupyterLab's dark page would dazzle.
_DIM = "<style>[data-jp-theme-light=false] .figure {filter: brightness(0.8)}</style>"


def img(picture: bytes, alt: str, width: int, look: str = "max-width: 100%; height: auto") -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "webp"
    source = f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
    attributes = f'class="figure" width="{width}" style="{look}" alt="{html.escape(alt)}"'
    return f'{_DIM}<img {attributes} src="{source}">'


def _figure_html(figure: Figure) -> str | None:
    # pyplot would show it once more at the end of the cell.
    plt.close(figure)
    if not (picture := _drawn(figure, "retina")):
        return None
    webp = io.BytesIO()
    picture.save(webp, "webp", quality=75)
    # A photograph is many times smaller as WebP, most of what is drawn as PNG.
    smaller = min(_png(picture), webp.getvalue(), key=len)
    return img(smaller, _in_words(figure), picture.width // 2)


def _figure_png(figure: Figure) -> bytes | None:
    picture = _drawn(figure, "png")
    return picture and _png(picture)


def _image_html(picture: Image.Image) -> str:
    width, height = picture.size
    return img(picture._repr_png_(), f"A picture of {width}×{height} pixels", width)


def _drawn(figure: Figure, format: str) -> Image.Image | None:
    # After it matplotlib gives a figure without a layout engine that of the style.
    with plt.rc_context({"figure.constrained_layout.use": False}):
        png = print_figure(figure, format)
    return Image.open(io.BytesIO(png)).convert("RGB") if png else None


def _png(picture: Image.Image) -> bytes:
    """Return a PNG of 128 colours, half as large as one of all."""
    buffer = io.BytesIO()
    picture.quantize(128, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _in_words(figure: Figure) -> str:
    """Return what its function says of a figure, then axes, curves and bars."""
    count = sum(len(ax.images) for ax in figure.axes)
    kind = {0: "a chart", 1: "a picture"}.get(count, f"{count} pictures")
    said = getattr(figure, "alt", "") or kind
    words = "; ".join(filter(None, map(_axes_in_words, figure.axes)))
    said = said[0].upper() + said[1:]
    return (f"{said}: {words}" if words else said).replace("\n", " ")


def _axes_in_words(ax: Axes) -> str:
    axes = {ax.get_xlabel(): "across", ax.get_ylabel(): "up"}
    words = [ax.get_title() or ax.get_title("left")]
    words += [f"{label} {name}" for label, name in axes.items() if label]
    for line in ax.lines:
        if not line.get_label().startswith("_"):
            first, last = (_number(line.get_ydata()[end]) for end in (0, -1))
            course = f"at {first}" if first == last else f"from {first} to {last}"
            words.append(f"{line.get_label()} {course}")
    for bars in ax.containers:
        if isinstance(bars, BarContainer):
            words.append(" ".join(map(_number, bars.datavalues)))
    return ", ".join(filter(None, words))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
