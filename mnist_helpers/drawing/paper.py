"""A photograph of a digit on paper, to a picture as MNIST's makers made them."""

import io
from pathlib import Path
from typing import NamedTuple

from jaxtyping import Bool, Float32
import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage
import torch
from torch import Tensor
from torchvision.transforms.functional import to_tensor

from .strokes import BOX, _centered

_Source = str | Path | bytes | memoryview
_Grey, _Marked = Float32[np.ndarray, "H W"], Bool[np.ndarray, "H W"]
_SIDE = 800  # pixels of the longer side, while the ink is looked for
_NO_INK = "No ink was found. Write one digit with a dark pen, and leave paper on all its sides."


class _Photo(NamedTuple):
    """What `read_photo` makes of a photograph, step by step; the values lie in [0, 1]."""

    grey: Float32[Tensor, "1 H W"]  # upright and smaller
    even: Float32[Tensor, "1 H W"]  # dark ink on white paper, uneven light taken out
    ink: Float32[Tensor, "1 H W"]  # 1 where there is ink
    digit: Float32[Tensor, "1 H W"]  # 1 where the digit is
    image: Float32[Tensor, "1 28 28"]  # fitted and centred, as by `rasterize`


def read_photo(source: _Source) -> _Photo:
    """Find the digit in a photograph, a PNG or JPEG: the largest ink that does not touch the edge,
    with the small pieces near it. A ValueError says that there is none or several, or that the
    picture is damaged or too large."""
    grey = np.asarray(_grey(source), dtype=np.float32) / 255
    even = _evened(grey)
    # The darkest spot is ink; halfway to the paper, which is 1, lies the threshold.
    darkest = np.quantile(even, 0.001)
    if darkest > 0.85:
        raise ValueError(_NO_INK)
    ink = even < (1 + darkest) / 2
    digit = _digit(ink)
    steps = [torch.from_numpy(step.astype(np.float32))[None] for step in (grey, even, ink, digit)]
    return _Photo(*steps, _fitted(digit))


def _grey(source: _Source) -> Image.Image:
    """Return a picture upright, its longer side `_SIDE`; what is transparent is white."""
    content = Path(source).read_bytes() if isinstance(source, str | Path) else source
    try:
        with Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]) as picture:
            if picture.width * picture.height > 50_000_000:
                raise Image.DecompressionBombError
            picture.draft("RGB", (2 * _SIDE, 2 * _SIDE))
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except Image.DecompressionBombError:
        raise ValueError("The picture has more than 50 megapixels. Make it smaller.") from None
    except (OSError, SyntaxError) as error:
        raise ValueError(f"This is no whole PNG or JPEG ({error}). Save it as one.") from None
    small = ImageOps.contain(upright, (_SIDE, _SIDE), Image.Resampling.BOX)
    return Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("L")


def _evened(grey: _Grey) -> _Grey:
    """Return the picture, dark on light, divided by the paper's own brightness."""
    smooth = ndimage.gaussian_filter(grey, 1.5) + 0.02  # a share of nothing has no meaning
    # Ink is the smaller part, and so furthest from its neighbourhood.
    if ((smooth - ndimage.uniform_filter(smooth, _SIDE // 4)) ** 3).mean() > 0:
        smooth = 1 / smooth
    # What is narrower than a fifth of the side is ink, and filled with its surroundings.
    around = _SIDE // 5
    paper = ndimage.grey_closing(np.pad(smooth, around, "edge"), around)
    even = smooth / paper[around:-around, around:-around]
    return np.minimum(even / np.median(even), 1)


def _digit(ink: _Marked) -> _Marked:
    for width in range(1, 16):
        # Lines from edge to edge are thinner than the pen: away with all that is so thin.
        labels, _ = ndimage.label(ndimage.grey_opening(ink, (width, width)), np.ones((3, 3)))
        top, bottom, left, right = labels[0], labels[-1], labels[:, 0], labels[:, -1]
        if not (np.intersect1d(top, bottom).any() or np.intersect1d(left, right).any()):
            break
    sizes = np.bincount(labels.ravel())
    sizes[np.concatenate([[0], top, bottom, left, right])] = 0
    main = sizes.argmax()
    if sizes[main] < 60:
        raise ValueError(_NO_INK)
    # A gap in a stroke, and what stands apart, as the bar of a 5 may.
    away = ndimage.distance_transform_edt(labels != main)
    gaps = ndimage.minimum(away, labels, range(len(sizes)))
    near = (gaps < 0.15 * np.ptp(np.nonzero(labels == main), axis=1).max()) & (sizes > 0)
    if (sizes[~near] > sizes[main] / 4).any():
        raise ValueError("There are several digits. Leave one in the picture, whole.")
    return near[labels]


def _fitted(digit: _Marked) -> Float32[Tensor, "1 28 28"]:
    # Of a stroke's pixels the mean distance to its edge is a quarter of its width, widened to two.
    width = 4 * ndimage.distance_transform_edt(digit)[digit].mean()
    more = max(0, np.ptp(np.nonzero(digit), axis=1).max() / BOX - width / 2)
    wide = ndimage.distance_transform_edt(~np.pad(digit, _SIDE // BOX)) <= more
    picture = Image.fromarray(wide).convert("L")
    picture = picture.crop(picture.getbbox())
    square = ImageOps.pad(picture, (max(picture.size),) * 2)
    return _centered(to_tensor(square.resize((BOX, BOX), Image.Resampling.BOX)))
