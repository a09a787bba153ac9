"""Digits as whole tensors: batches sliced from them, a split for choosing, and random changes."""

from collections.abc import Iterator
import math

from jaxtyping import Float, Int64, UInt8
import torch
from torch import Tensor
import torch.nn.functional as F


class TensorBatches:
    """Batches ``(images, labels)`` sliced from tensors: bit for bit those of a `DataLoader` with
    ``ToTensor()``, and many times as fast, because no picture is touched alone."""

    def __init__(
        self,
        images: UInt8[Tensor, "N H W"],
        labels: Int64[Tensor, " N"],
        batch_size: int = 64,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        if images.dtype != torch.uint8:
            # Nothing else would say so: divided twice, they are nearly black.
            raise ValueError(f"Images are divided by 255 here: give uint8, not {images.dtype}.")
        self.images, self.labels = images, labels
        self.batch_size, self.shuffle = batch_size, shuffle
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Float[Tensor, "N 1 H W"], Int64[Tensor, " N"]]]:
        count = len(self.labels)
        order = torch.randperm(count, generator=self.generator) if self.shuffle else None
        for start in range(0, count, self.batch_size):
            chosen = slice(start, start + self.batch_size)
            if order is not None:
                chosen = order[chosen]
            images = self.images[chosen].unsqueeze(1) / 255
            # A slice alone would be a view of the data set.
            yield images, self.labels[chosen].clone()


def split_indices(
    count: int, validation: int, seed: int = 0
) -> tuple[Int64[Tensor, " training"], Int64[Tensor, " validation"]]:
    """Share out 0 to `count` - 1 at random, to train and to validate on."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[validation:], order[:validation]


def random_affine(
    images: Float[Tensor, "N 1 H W"],
    degrees: float = 10,
    scale: float = 0.1,
    shift: float = 2,
    generator: torch.Generator | None = None,
    shear: float = 0,
) -> Float[Tensor, "N 1 H W"]:
    """Return the images, each changed in its own random way; what comes in from outside is black.

    Each is turned by up to `degrees`, and along each axis stretched 1 / (1 + `scale`) to 1 / (1 -
    `scale`) times and moved by up to `shift` pixels. With `shear` each row moves sideways as well,
    by up to so many pixels for a pixel of its distance from the middle. `generator` draws.
    """
    count, _, height, width = images.shape
    draws = 2 * torch.rand(5, count, generator=generator).to(images.device) - 1  # in [-1, 1]
    angles = draws[0] * math.radians(degrees)
    stretch = 1 + scale * draws[1:3]
    # Where in the image, from -1 to 1, the result's axes and its middle are looked up.
    right = torch.stack([angles.cos(), angles.sin()]) * stretch[0]
    down = torch.stack([-angles.sin(), angles.cos()]) * stretch[1]
    middle = torch.stack([draws[3] * shift * 2 / width, draws[4] * shift * 2 / height])
    if shear:
        # Only here, so that without shear the other numbers are what they were.
        slant = 2 * torch.rand(count, generator=generator).to(images.device) - 1
        down = down + shear * slant * right
    matrices = torch.stack([right, down, middle]).permute(2, 1, 0).contiguous()  # [N, 2, 3]
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
