import math

import jaxtyping
from mnist_helpers.batches import TensorBatches, random_affine, split_indices
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor


class Digits(MNIST):
    """A small data set that is torchvision's own in all but where its digits come from."""

    def __init__(self):
        self.data = torch.randint(256, (70, 28, 28), dtype=torch.uint8, generator=generator())
        self.targets = torch.randint(10, (70,), generator=generator())
        self.transform, self.target_transform = ToTensor(), None


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("given", "batch_size"), [({}, 64), ({"batch_size": 35}, 35), ({"batch_size": 71}, 71)]
)
def test_the_batches_are_bit_for_bit_those_of_a_loader_with_to_tensor(given, batch_size) -> None:
    digits = Digits()
    assert len(digits.data.unique()) == 256, "a value that does not occur would not be compared"
    ours = TensorBatches(digits.data, digits.targets, **given)
    theirs = DataLoader(digits, batch_size)
    assert len(ours) == len(theirs)
    for _ in range(2):
        for batch, expected in zip(ours, theirs, strict=True):
            for tensor, other in zip(batch, expected, strict=True):
                assert tensor.dtype == other.dtype
                assert torch.equal(tensor, other)


@pytest.mark.parametrize("given", [{}, {"seed": 3}])
def test_each_shuffled_pass_is_the_next_order_of_the_seed(given) -> None:
    digits, orders = Digits(), generator(given.get("seed", 0))
    batches = TensorBatches(digits.data, digits.targets, 8, shuffle=True, **given)
    before = torch.get_rng_state()
    (
        next(iter(batches)),
        torch.randperm(70, generator=orders),
    )  # a pass that is broken off is one too
    for _ in range(2):
        order = torch.randperm(70, generator=orders)
        images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
        assert torch.equal(images, digits.data[order].unsqueeze(1) / 255)
        assert torch.equal(labels, digits.targets[order])
    pairs = zip(batches, batches, strict=True)  # two passes side by side
    first, second = zip(*((one[1], other[1]) for one, other in pairs), strict=True)
    for labels in (first, second):
        order = torch.randperm(70, generator=orders)
        assert torch.equal(torch.cat(labels), digits.targets[order])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batch_can_be_changed_without_changing_the_data_set(shuffle) -> None:
    digits = Digits()
    for images, labels in TensorBatches(digits.data, digits.targets, shuffle=shuffle):
        images.zero_()
        labels.zero_()
    assert torch.equal(digits.data, Digits().data)
    assert torch.equal(digits.targets, Digits().targets)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_images_that_are_not_uint8_would_be_divided_twice_and_are_refused(
    dtype, monkeypatch
) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as in a lesson
    with pytest.raises(ValueError, match=f"^Images have to be uint8, .* and are {dtype}"):
        TensorBatches(torch.zeros(3, 28, 28, dtype=dtype), torch.zeros(3, dtype=torch.int64))


@pytest.mark.parametrize("seed", [{}, {"seed": 3}])
def test_a_split_is_the_order_of_the_seed_cut_in_two(seed) -> None:
    before = torch.get_rng_state()
    train, held_out = split_indices(100, 30, **seed)
    order = torch.randperm(100, generator=generator(seed.get("seed", 0)))
    assert torch.equal(held_out, order[:30])
    assert torch.equal(train, order[30:])
    assert torch.equal(torch.get_rng_state(), before)


def centres(images):
    """Where the mass of each picture has its centre, `x` and `y` in pixels from the middle."""
    height, width = images.shape[2:]
    mass = images.sum(dim=(1, 2, 3))
    x = (images.sum(dim=(1, 2)) * (torch.arange(width) - (width - 1) / 2)).sum(dim=1) / mass
    y = (images.sum(dim=(1, 3)) * (torch.arange(height) - (height - 1) / 2)).sum(dim=1) / mass
    return x, y


def blobs(x, y):
    """A hundred times a soft round blob, so many pixels to the right of and below the middle."""
    places = torch.arange(28) - 13.5
    squares = (places - x) ** 2 + (places[:, None] - y) ** 2
    return torch.exp(-squares / (2 * 1.5**2)).repeat(100, 1, 1, 1)


@pytest.mark.parametrize("place", [(6, 2), (-3, 6)])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"degrees": 30, "scale": 0, "shift": 0},
        {"degrees": 0, "scale": 0.2, "shift": 0},
        {"degrees": 0, "scale": 0, "shift": 2.5},
        {"degrees": 0, "scale": 0, "shift": 0, "shear": 0.3},
        {"shear": 0.2},
    ],
)
def test_what_lay_at_a_place_goes_where_the_numbers_drawn_say(given, place) -> None:
    amounts = {"degrees": 10, "scale": 0.1, "shift": 2, "shear": 0, **given}
    ours, theirs = generator(5), generator(5)
    before = torch.get_rng_state()
    x, y = centres(random_affine(blobs(*place), generator=ours, **given))
    turn, *stretch, right, down = 2 * torch.rand(5, 100, generator=theirs) - 1
    slant = 2 * torch.rand(100, generator=theirs) - 1 if amounts["shear"] else 0
    assert torch.equal(ours.get_state(), theirs.get_state()), "what is drawn next is the same too"
    assert torch.equal(torch.get_rng_state(), before)
    # Backwards, from where it is to where it was: slanted, stretched, turned, moved.
    x = (x + amounts["shear"] * slant * y) * (1 + amounts["scale"] * stretch[0])
    y = y * (1 + amounts["scale"] * stretch[1])
    angle = turn * math.radians(amounts["degrees"])
    x, y = x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()
    was = torch.stack([x + amounts["shift"] * right, y + amounts["shift"] * down], dim=1)
    assert torch.allclose(was, torch.tensor(place).float(), atol=0.1)


def test_a_picture_that_is_not_square_moves_by_pixels_too_and_what_comes_in_is_black() -> None:
    images = torch.ones(100, 1, 9, 13)
    changed = random_affine(images, degrees=0, scale=0, shift=3, generator=generator())
    right, down = 3 * (2 * torch.rand(5, 100, generator=generator()) - 1)[3:].abs()
    shown = (13 - right) * (9 - down)  # of the white what has not left the picture
    assert torch.allclose(changed.sum(dim=(1, 2, 3)), shown, atol=1e-3)
    assert torch.equal(images, torch.ones(100, 1, 9, 13)), "the images themselves stay"


def test_without_a_generator_the_changes_follow_the_global_one() -> None:
    torch.manual_seed(5)
    assert torch.equal(
        random_affine(blobs(6, 2)), random_affine(blobs(6, 2), generator=generator(5))
    )
