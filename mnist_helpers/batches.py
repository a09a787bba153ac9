"""Digits as whole tensors in memory: batches sliced from them, a split for choosing, and digits changed at random."""

from collections.abc import Iterator
import math

import torch
from torch import Tensor
import torch.nn.functional as F

from .checks import (
    described,
    require_bool,
    require_generator,
    require_number,
    require_seed,
    require_tensor,
    require_whole,
)


class TensorBatches:
    """Batches ``(images, labels)`` sliced from tensors: bit for bit those of a `DataLoader` over a data set with
    ``ToTensor()``, and many times as fast, because no picture is touched alone.

    It is a class because it has a length, and can be gone through again and again. With `shuffle`, each time through
    draws a new order, from a generator of its own that starts at `seed`: the same seed gives the same orders, whatever
    else draws random numbers.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        batch_size: int = 64,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        """
        Args:
            images: uint8 ``[N, H, W]`` with values from 0 to 255, as in ``train_set.data``.
            labels: int64 ``[N]``, at least 0, as in ``train_set.targets``, on the images' device.
            batch_size: how many digits a batch holds; the last one holds what is left.
            shuffle: whether to draw a new order each time.
            seed: where the generator of those orders starts.

        Raises:
            TypeError: an argument is of another type, or the labels are not int64.
            ValueError: the shapes or the images' type do not fit, there is no digit, a label is negative, `batch_size`
                is less than 1, or images and labels are on two devices.
        """
        for name, value in (("images", images), ("labels", labels)):
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"{name} is {described(value)}, and has to be a tensor, such as train_set.data or "
                    "train_set.targets; torch.tensor(...) makes one of a list or an array."
                )
        if images.ndim != 3 or images.dtype != torch.uint8:
            raise ValueError(
                f"Images have to be uint8 of shape [N, H, W], as in train_set.data, and are "
                f"{str(images.dtype).removeprefix('torch.')} of shape {list(images.shape)}."
            )
        if labels.shape != images.shape[:1] or len(labels) == 0:
            raise ValueError(
                f"{len(images)} images need as many labels, at least one, in a tensor [N]; "
                f"the labels have the shape {list(labels.shape)}."
            )
        if labels.dtype != torch.int64:
            raise TypeError(
                f"labels is {described(labels)}, and has to be of int64: `.long()` converts."
            )
        if labels.device != images.device:
            raise ValueError(
                f"images is on {images.device} and labels on {labels.device}; bring both to one: "
                f"`labels.to({str(images.device)!r})`."
            )
        if not labels.is_meta and labels.min() < 0:
            raise ValueError(
                f"labels go down to {labels.min().item()}, and have to be at least 0: they number the classes."
            )
        self.images, self.labels = images, labels
        self.batch_size = require_whole("batch_size", batch_size, at_least=1)
        self.shuffle = require_bool("shuffle", shuffle)
        self.generator = torch.Generator().manual_seed(require_seed("seed", seed))

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self.labels)
        order = torch.randperm(count, generator=self.generator) if self.shuffle else None
        for start in range(0, count, self.batch_size):
            chosen = slice(start, start + self.batch_size)
            if order is not None:
                chosen = order[chosen]
            images = self.images[chosen].unsqueeze(1) / 255  # [N, 1, H, W], float32 in [0, 1]
            # A slice alone would be a view, through which a change reaches the data set.
            yield images, self.labels[chosen].clone()


def split_indices(count: int, validation: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return the indices to train on and those to validate on: 0 to `count` - 1, shared out at random, none in both.

    Args:
        count: how many samples there are.
        validation: how many of them to set aside for validation.
        seed: the same seed gives the same split.

    Returns:
        Two int64 tensors, ``[count - validation]`` and ``[validation]``.

    Raises:
        TypeError: an argument is no whole number; a share of the samples, for example.
        ValueError: `validation` is less than 1, or leaves nothing to train on.
    """
    require_whole("count", count)
    require_whole("validation", validation)
    require_seed("seed", seed)
    if not 0 < validation < count:
        raise ValueError(
            f"{validation} of {count} samples cannot be set aside: at least one has to go each way."
        )
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[validation:], order[:validation]


def random_affine(
    images: Tensor,
    degrees: float = 10,
    scale: float = 0.1,
    shift: float = 2,
    generator: torch.Generator | None = None,
    shear: float = 0,
) -> Tensor:
    """Return the images, each rotated, stretched, moved and slanted a little in its own random way; what comes in from
    outside is black.

    Args:
        images: float32 ``[N, 1, H, W]``, as high as wide, black being 0.
        degrees: rotations are drawn from -degrees to degrees.
        scale: each axis is stretched by a factor from 1 / (1 + scale) to 1 / (1 - scale); from 0 to 0.99.
        shift: each axis is moved by up to so many pixels, fractions too.
        shear: rows are moved against each other by up to so many pixels for each pixel of height: 0.3 slants by 17°.
        generator: where the random numbers come from, on the CPU; PyTorch's global one if None.

    Raises:
        TypeError: `images` holds no float32, or another argument is of another type.
        ValueError: the shape is another one, there is no image, a value is not finite, or an amount is negative or too
            large.
    """
    require_tensor("images", images, "[N, C, H, W]", kind="float")
    if images.dtype != torch.float32:
        raise TypeError(
            f"images is {described(images)}, and has to hold float32: `.float()` converts."
        )
    for name, amount, most in (
        ("degrees", degrees, None),
        ("scale", scale, 0.99),
        ("shift", shift, None),
        ("shear", shear, None),
    ):
        require_number(name, amount, at_least=0, at_most=most)
    require_generator("generator", generator)
    count, _, height, width = images.shape
    draws = 2 * torch.rand(5, count, generator=generator).to(images.device) - 1  # in [-1, 1]
    angles = draws[0] * math.radians(degrees)
    stretch = 1 + scale * draws[1:3]
    # From a place in the result, in coordinates from -1 to 1, to where in the image its value is looked up.
    matrices = torch.zeros(count, 2, 3, device=images.device)
    matrices[:, 0, 0] = angles.cos() * stretch[0]
    matrices[:, 0, 1] = -angles.sin() * stretch[1]
    matrices[:, 1, 0] = angles.sin() * stretch[0]
    matrices[:, 1, 1] = angles.cos() * stretch[1]
    if shear:
        # Only here is one more number drawn, so that without shear the others are what they were.
        slant = shear * (2 * torch.rand(count, generator=generator).to(images.device) - 1)
        matrices[:, :, 1] += slant[:, None] * matrices[:, :, 0]
    matrices[:, 0, 2] = draws[3] * shift * 2 / width
    matrices[:, 1, 2] = draws[4] * shift * 2 / height
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
