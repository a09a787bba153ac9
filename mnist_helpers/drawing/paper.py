"""A photograph of a digit on paper, to a picture as MNIST's makers made them."""

import io
from pathlib import Path
from typing import NamedTuple

from jaxtyping import Bool, Float
import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage
import torch
from torch import Tensor
from torchvision.transforms.functional import to_tensor

from .strokes import BOX, centered

# Pixels of the longer side while the ink is looked for, and of the file at most.
_SIDE, _MOST = 800, 50_000_000
_NO_INK = "No ink was found. Write one digit with a dark pen, and leave paper on all its sides."


class Photo(NamedTuple):
    """What `read_photo` makes of a photograph, step by step; the values lie in [0, 1]."""

    grey: Float[Tensor, "1 H W"]  # upright and smaller
    even: Float[Tensor, "1 H W"]  # dark ink on white paper, uneven light taken out
    ink: Float[Tensor, "1 H W"]  # 1 where there is ink
    digit: Float[Tensor, "1 H W"]  # 1 where the digit is
    image: Float[Tensor, "1 28 28"]  # fitted and centred, as by `rasterize`


def read_photo(source: str | Path | bytes) -> Photo:
    """Find the digit in a photograph, a PNG or JPEG: a file's path or what the file holds.

    The digit is the largest ink that does not touch the edge, with the small pieces near it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such picture, larger than 50 megapixels, or shows no or several digits.
    """
    grey = _grey(source)
    light = np.asarray(grey, dtype=np.float32) / 255
    even = _evened(light)
    # The darkest spot within is ink; halfway to the paper, which is 1, lies the threshold.
    edge = _SIDE // 20
    darkest = np.quantile(even[edge:-edge, edge:-edge], 0.001) if min(even.shape) > 3 * edge else 1
    if darkest > 0.85:
        raise ValueError(_NO_INK)
    ink = even < (1 + darkest) / 2
    digit = _digit(ink)
    steps = [torch.from_numpy(step.astype(np.float32))[None] for step in (light, even, ink, digit)]
    return Photo(*steps, _fitted(digit))


def _grey(source: str | Path | bytes) -> Image.Image:
    """Return a picture upright and in grey, its longer side `_SIDE`; what is transparent is white."""
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(file, formats=["PNG", "JPEG"]) as picture:
            if picture.width * picture.height > _MOST:
                raise Image.DecompressionBombError
            picture.draft("RGB", (2 * _SIDE, 2 * _SIDE))
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except Image.DecompressionBombError:
        raise ValueError("The picture has more than 50 megapixels. Make it smaller.") from None
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError) as error:
        raise ValueError(
            f"This is no whole picture in PNG or JPEG ({error}). Save or export it as one of them."
        ) from None
    paper = Image.new("RGBA", upright.size, "white")
    grey = Image.alpha_composite(paper, upright).convert("L")
    return ImageOps.contain(grey, (_SIDE, _SIDE), Image.Resampling.BOX)


def _evened(light: np.ndarray) -> np.ndarray:
    """Return the picture, dark on light, divided by the paper's own brightness."""
    # A little more than it is: a share of nothing has no meaning.
    smooth = ndimage.gaussian_filter(light, 1.5) + 0.02
    # Ink is the smaller part, and so furthest from its neighbourhood. What is narrower than a fifth
    # of the side is ink, and is filled with its surroundings.
    if ((smooth - ndimage.uniform_filter(smooth, _SIDE // 4)) ** 3).mean() < 0:
        even = smooth / ndimage.uniform_filter(
            ndimage.grey_closing(smooth, _SIDE // 5), _SIDE // 20
        )
    else:
        even = (
            ndimage.uniform_filter(ndimage.grey_opening(smooth, _SIDE // 5), _SIDE // 20) / smooth
        )
    return np.clip(even / np.median(even), 0, 1)


def _digit(ink: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Return the part of the ink that is the digit."""
    for radius in range(8):
        # Lines from edge to edge are thinner than the pen: wear all away until they are gone.
        deep = ndimage.distance_transform_edt(ink) > radius
        opened = ndimage.distance_transform_edt(~deep) <= radius
        labels, count = ndimage.label(opened, np.ones((3, 3)))
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        spans = [np.intersect1d(labels[0], labels[-1]), np.intersect1d(labels[:, 0], labels[:, -1])]
        across = [number for number in np.concatenate(spans) if number]
        if not across:
            break
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    sizes[np.append(rim, 0)] = 0
    main = sizes.argmax()
    if sizes[main] < 60:
        raise ValueError(_NO_INK)
    boxes = ndimage.find_objects(labels)
    tall = np.array([0, *(rows.stop - rows.start for rows, _ in boxes)])
    size = max(side.stop - side.start for side in boxes[main - 1])
    gaps = ndimage.minimum(ndimage.distance_transform_edt(labels != main), labels, range(count + 1))
    gaps[0] = np.inf
    # A gap in a stroke; and what stands apart, as the bar of a 5 may.
    near = (gaps < 0.06 * size) | ((gaps < 0.2 * size) & (tall < tall[main] / 2))
    near &= sizes > sizes[main] / 50
    if ((sizes > sizes[main] / 4) & ~near).any():
        raise ValueError("There are several digits. Leave one in the picture, whole.")
    return near[labels]


def _fitted(digit: Bool[np.ndarray, "H W"]) -> Float[Tensor, "1 28 28"]:
    """Return the digit as large as the box holds it, in the middle by its centre of mass."""
    size = _cropped(digit).size
    # Of a stroke's pixels the mean distance to its edge is a quarter of its width; a thin one is
    # widened to two pixels of the result.
    width = 4 * ndimage.distance_transform_edt(digit)[digit].mean()
    more = max(0, max(size) / BOX - width / 2)
    wide = ndimage.distance_transform_edt(~np.pad(digit, _SIDE // BOX)) <= more
    picture = _cropped(wide)
    square = ImageOps.pad(picture, (max(picture.size),) * 2)
    return centered(to_tensor(square.resize((BOX, BOX), Image.Resampling.BOX)))


def _cropped(digit: Bool[np.ndarray, "H W"]) -> Image.Image:
    picture = Image.fromarray(digit).convert("L")
    return picture.crop(picture.getbbox())
