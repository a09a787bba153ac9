import math

from by_hand import digits, generator
import jaxtyping
from mnist_helpers.batches import TensorBatches, random_affine, split_indices
import pytest
import torch
from torch.utils.data import DataLoader


@pytest.mark.parametrize("size", [(), (35,), (71,)])
def test_the_batches_are_a_loaders_and_can_be_changed(size):
    few = digits(70)
    few.data, few.targets = few.data.clone(), few.targets.clone()
    ours = TensorBatches(few.data, few.targets, *size)
    theirs = DataLoader(few, *size or (64,))
    assert len(ours) == len(theirs)
    for batch, expected in zip(ours, theirs, strict=True):
        for tensor, other in zip(batch, expected, strict=True):
            assert tensor.dtype == other.dtype
            assert torch.equal(tensor, other)
            tensor.zero_()
    assert torch.equal(few.data, digits(70).data)
    assert torch.equal(few.targets, digits(70).targets)


@pytest.mark.parametrize("seed", [(), (3,)])
def test_each_shuffled_pass_is_the_next_order_of_the_seed(seed, random_numbers_stay):
    few, orders = digits(70), generator(*seed)
    batches = TensorBatches(few.data, few.targets, 8, True, *seed)
    next(iter(batches))  # a pass that is broken off is one too
    torch.randperm(70, generator=orders)
    for one in zip(*zip(batches, batches, strict=True), strict=True):  # two passes side by side
        order = torch.randperm(70, generator=orders)
        images, labels = (torch.cat(parts) for parts in zip(*one, strict=True))
        assert torch.equal(images, few.data[order].unsqueeze(1) / 255)
        assert torch.equal(labels, few.targets[order])


def test_images_that_are_not_uint8_are_refused(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as in a lesson
    with pytest.raises(ValueError, match="give uint8, not torch"):
        TensorBatches(torch.zeros(3, 28, 28), torch.zeros(3, dtype=torch.int64))


@pytest.mark.parametrize("seed", [(), (3,)])
def test_a_split_is_the_order_of_the_seed_cut_in_two(seed, random_numbers_stay):
    train, held_out = split_indices(100, 30, *seed)
    order = torch.randperm(100, generator=generator(*seed))
    assert torch.equal(held_out, order[:30])
    assert torch.equal(train, order[30:])


def blobs(x, y):
    """A hundred times a soft round blob, so many pixels to the right of and below the middle."""
    places = torch.arange(28) - 13.5
    squares = (places - x) ** 2 + (places[:, None] - y) ** 2
    return torch.exp(-squares / (2 * 1.5**2)).repeat(100, 1, 1, 1)


@pytest.mark.parametrize("place", [(4, 2), (-3, 4)])
@pytest.mark.parametrize(
    "given", [{}, {"shear": 0.3}, {"degrees": 30, "scale": 0.2, "shift": 2.5, "shear": -0.2}]
)
def test_what_lay_at_a_place_goes_where_the_numbers_drawn_say(given, place, random_numbers_stay):
    amounts = {"degrees": 10, "scale": 0.1, "shift": 2, "shear": 0, **given}
    ours, theirs = generator(5), generator(5)
    images = random_affine(blobs(*place), generator=ours, **given)
    turn, *stretch, right, down = 2 * torch.rand(5, 100, generator=theirs) - 1
    slant = 2 * torch.rand(100, generator=theirs) - 1 if amounts["shear"] else 0
    assert torch.equal(ours.get_state(), theirs.get_state())
    # Backwards, from where it is (its centre) to where it was: slanted, stretched, turned, moved.
    shares = images / images.sum(dim=(1, 2, 3), keepdim=True)
    x, y = (shares.sum(dim=axes) @ (torch.arange(28) - 13.5) for axes in [(1, 2), (1, 3)])
    x = (x + amounts["shear"] * slant * y) * (1 + amounts["scale"] * stretch[0])
    y = y * (1 + amounts["scale"] * stretch[1])
    angle = turn * math.radians(amounts["degrees"])
    x, y = x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()
    was = torch.stack([x + amounts["shift"] * right, y + amounts["shift"] * down], dim=1)
    assert torch.allclose(was, torch.tensor(place).float(), atol=0.1)


def test_a_picture_that_is_not_square_moves_by_pixels_too():
    torch.manual_seed(5)  # where no generator is given
    changed = random_affine(torch.ones(100, 1, 9, 13), degrees=0, scale=0, shift=3)
    right, down = 3 * (2 * torch.rand(5, 100, generator=generator(5)) - 1)[3:].abs()
    shown = (13 - right) * (9 - down)  # of the white what has not left the picture
    assert torch.allclose(changed.sum(dim=(1, 2, 3)), shown, atol=1e-3)
