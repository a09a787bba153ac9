import itertools
import math

from mnist_helpers.batches import TensorBatches, random_affine, split_indices
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor


class Digits(MNIST):
    """A small data set that is torchvision's own in all but where its digits come from."""

    def __init__(self, count=70, seed=0, size=28):
        generator = torch.Generator().manual_seed(seed)
        self.data = torch.randint(256, (count, size, size), dtype=torch.uint8, generator=generator)
        self.targets = torch.randint(10, (count,), generator=generator)
        self.transform, self.target_transform = ToTensor(), None


def numbered(count=50, **arguments):
    """Batches of digits that can be told apart: the pixels and the label of each are its number."""
    numbers = torch.arange(count)
    images = numbers.to(torch.uint8)[:, None, None].expand(count, 2, 2)
    return TensorBatches(images, numbers, **{"batch_size": 8, **arguments})


def order(batches):
    """The numbers of the digits in one pass."""
    return torch.cat([labels for _, labels in batches]).tolist()


@pytest.mark.parametrize(
    ("batch_size", "sizes"),
    [
        (64, [64, 6]),
        (35, [35, 35]),
        (70, [70]),
        (71, [70]),
        (1000, [70]),
        (1, [1] * 70),
    ],
)
def test_the_batches_are_bit_for_bit_those_of_a_loader_with_to_tensor(batch_size, sizes) -> None:
    digits = Digits()
    assert len(digits.data.unique()) == 256, "a value that does not occur would not be compared"
    ours = TensorBatches(digits.data, digits.targets, batch_size=batch_size)
    theirs = DataLoader(digits, batch_size=batch_size)
    assert len(ours) == len(theirs) == len(sizes)
    for (images, labels), (their_images, their_labels) in zip(ours, theirs, strict=True):
        assert (images.dtype, labels.dtype) == (their_images.dtype, their_labels.dtype)
        assert torch.equal(images, their_images)
        assert torch.equal(labels, their_labels)
    assert [len(labels) for _, labels in ours] == sizes


def test_without_a_size_a_batch_holds_64_digits_in_their_order_as_in_a_loader_of_the_lessons() -> (
    None
):
    digits = Digits()
    first, _ = TensorBatches(digits.data, digits.targets)
    assert torch.equal(first[1], digits.targets[:64])


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_images_of_a_batch_can_be_changed_without_changing_the_data_set(shuffle) -> None:
    digits = Digits()
    before = digits.data.clone()
    for images, _ in TensorBatches(digits.data, digits.targets, shuffle=shuffle):
        images.zero_()
    assert torch.equal(digits.data, before)


@pytest.mark.parametrize(
    "shuffle",
    [False, True],
)
def test_the_labels_of_a_batch_can_be_changed_without_changing_the_data_set(shuffle) -> None:
    digits = Digits()
    before = digits.targets.clone()
    for _, labels in TensorBatches(digits.data, digits.targets, shuffle=shuffle):
        labels.zero_()
    assert torch.equal(digits.targets, before)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 50])
def test_each_shuffled_pass_is_a_new_order_of_all_digits(count) -> None:
    batches = numbered(count, shuffle=True)
    passes = [order(batches) for _ in range(4)]
    for one in passes:
        assert sorted(one) == list(range(count))
    if count > 6:
        assert len({tuple(one) for one in [*passes, range(count)]}) == 5


def test_without_shuffling_every_pass_is_in_the_data_sets_order() -> None:
    batches = numbered()
    assert order(batches) == order(batches) == list(range(50))


@pytest.mark.parametrize("shuffle", [False, True])
def test_images_and_labels_stay_together(shuffle) -> None:
    for images, labels in numbered(shuffle=shuffle):
        assert images.shape == (len(labels), 1, 2, 2)
        assert torch.equal(images, (labels / 255)[:, None, None, None].expand_as(images))


def test_the_same_seed_gives_the_same_orders_and_another_seed_others() -> None:
    first, second, other = (
        [order(batches) for _ in range(3)]
        for batches in (numbered(shuffle=True, seed=seed) for seed in (3, 3, 4))
    )
    assert first == second
    assert not [one for one in other if one in first]
    assert order(numbered(shuffle=True)) == order(numbered(shuffle=True, seed=0))


def test_shuffling_neither_reads_nor_moves_the_global_generator() -> None:
    orders = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        orders.append(order(numbered(shuffle=True)))
        assert torch.equal(torch.get_rng_state(), before)
    assert orders[0] == orders[1]


def test_a_pass_that_is_broken_off_leaves_the_next_one_whole() -> None:
    batches = numbered(shuffle=True)
    begun = [labels for _, labels in itertools.islice(batches, 2)]
    assert len(begun) == 2
    assert sorted(order(batches)) == list(range(50))


def test_two_passes_can_go_side_by_side() -> None:
    batches = numbered(shuffle=True)
    side_by_side = [
        torch.cat([labels for _, labels in one]).tolist()
        for one in zip(*zip(batches, batches, strict=True), strict=True)
    ]
    assert [sorted(one) for one in side_by_side] == [list(range(50))] * 2
    assert side_by_side[0] != side_by_side[1]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 2, 2), "and are float32 of shape [3, 2, 2]"),
        (torch.zeros(3, 1, 2, 2, dtype=torch.uint8), "and are uint8 of shape [3, 1, 2, 2]"),
        (torch.zeros(3, 4, dtype=torch.uint8), "and are uint8 of shape [3, 4]"),
        (torch.zeros(3, 2, 2, dtype=torch.int64), "and are int64 of shape [3, 2, 2]"),
    ],
)
def test_images_of_another_type_or_shape_are_refused(images, message) -> None:
    with pytest.raises(ValueError, match=r"^Images have to be uint8 of shape \[N, H, W\]") as error:
        TensorBatches(images, torch.zeros(3, dtype=torch.int64))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("count", "shape"), [(3, [4]), (3, [2]), (3, [3, 1]), (3, [3, 10]), (3, []), (0, [0])]
)
def test_labels_that_do_not_fit_the_images_are_refused_and_so_is_an_empty_set(count, shape) -> None:
    images = torch.zeros(count, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match=f"^{count} images need as many labels") as error:
        TensorBatches(images, torch.zeros(shape, dtype=torch.int64))
    assert str(error.value).endswith(f"the labels have the shape {shape}.")


@pytest.mark.parametrize("batch_size", [0, -5])
def test_a_batch_of_less_than_one_digit_is_refused(batch_size) -> None:
    with pytest.raises(ValueError, match=f"^batch_size is {batch_size}, and has to be at least 1"):
        numbered(batch_size=batch_size)


@pytest.mark.parametrize(("count", "validation"), [(100, 30), (100, 1), (100, 99), (2, 1)])
def test_a_split_shares_out_every_index_once(count, validation) -> None:
    train, held_out = split_indices(count, validation)
    assert (train.shape, held_out.shape) == ((count - validation,), (validation,))
    assert train.dtype == held_out.dtype == torch.int64
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(count))


def test_a_split_is_drawn_at_random() -> None:
    train, held_out = split_indices(1000, 500)
    for half in (train, held_out):
        assert 400 < half.double().mean() < 600
        assert half.tolist() != sorted(half.tolist())


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    first, second, other = (
        [part.tolist() for part in split_indices(100, 30, seed=seed)] for seed in (3, 3, 4)
    )
    assert first == second
    assert set(first[1]) != set(other[1])


def test_a_split_neither_reads_nor_moves_the_global_generator() -> None:
    splits = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        splits.append([part.tolist() for part in split_indices(100, 30)])
        assert torch.equal(torch.get_rng_state(), before)
    assert splits[0] == splits[1]


@pytest.mark.parametrize(
    ("count", "validation"), [(10, 0), (10, -1), (10, 10), (10, 11), (0, 0), (1, 1)]
)
def test_a_split_that_leaves_one_side_empty_is_refused(count, validation) -> None:
    with pytest.raises(ValueError, match=f"^{validation} of {count} samples cannot be set aside"):
        split_indices(count, validation)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def blobs(count=400, x=0.0, y=0.0, height=28, width=28):
    """The same picture `count` times: a soft round blob, so many pixels to the right of and below the centre."""
    columns = torch.arange(width) - (width - 1) / 2 - x
    rows = torch.arange(height)[:, None] - (height - 1) / 2 - y
    return torch.exp(-(columns**2 + rows**2) / (2 * 1.5**2)).expand(count, 1, height, width)


def centres(images):
    """Where the mass of each picture has its centre, `x` and `y` in pixels from the middle of the picture."""
    height, width = images.shape[2:]
    mass = images.sum(dim=(1, 2, 3))
    x = (images.sum(dim=(1, 2)) * (torch.arange(width) - (width - 1) / 2)).sum(dim=1) / mass
    y = (images.sum(dim=(1, 3)) * (torch.arange(height) - (height - 1) / 2)).sum(dim=1) / mass
    return x, y


@pytest.mark.parametrize("size", [(28, 28), (5, 8)])
def test_with_all_amounts_0_the_images_stay_as_they_are(size) -> None:
    images = torch.rand(20, 1, *size, generator=generator())
    changed = random_affine(images, degrees=0, scale=0, shift=0)
    assert torch.allclose(changed, images, atol=1e-5)


@pytest.mark.parametrize("amounts", [{}, {"degrees": 90, "scale": 0.5, "shift": 10}])
@pytest.mark.parametrize("size", [(28, 28), (5, 8)])
def test_a_change_keeps_shape_type_and_range_and_leaves_the_images_themselves_alone(
    amounts, size
) -> None:
    images = torch.rand(50, 1, *size, generator=generator())
    before = images.clone()
    changed = random_affine(images, **amounts)
    assert (changed.shape, changed.dtype) == (images.shape, torch.float32)
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6
    assert torch.equal(images, before)
    assert not torch.allclose(changed, images)


@pytest.mark.parametrize("shift", [1, 2.5])
def test_a_shift_moves_a_bright_pixel_by_up_to_so_many_pixels_along_each_axis(shift) -> None:
    # The picture is small and not square, so that a mistake in the measure of either axis shows.
    images = torch.zeros(1000, 1, 9, 13)
    images[:, :, 4, 6] = 1
    changed = random_affine(images, degrees=0, scale=0, shift=shift, generator=generator())
    assert torch.allclose(changed.sum(dim=(1, 2, 3)), torch.ones(1000), atol=1e-4)
    for moved in centres(changed):
        assert moved.abs().max() <= shift + 1e-4
        assert moved.max() > 0.98 * shift
        assert moved.min() < -0.98 * shift
        assert (moved - moved.round()).abs().max() > 0.4, "fractions of a pixel too"
    assert abs(torch.corrcoef(torch.stack(centres(changed)))[0, 1]) < 0.2, "the axes apart"


def test_a_rotation_keeps_the_distance_from_the_centre_and_turns_both_ways() -> None:
    changed = random_affine(blobs(x=7, y=2), degrees=30, scale=0, shift=0, generator=generator())
    x, y = centres(changed)
    assert torch.allclose(torch.hypot(x, y), torch.tensor(math.hypot(7, 2)), atol=0.05)
    turned = torch.rad2deg(torch.atan2(y, x)) - math.degrees(math.atan2(2, 7))
    assert turned.abs().max() <= 30.5
    assert turned.max() > 29
    assert turned.min() < -29


def test_a_rotation_keeps_what_is_round_and_the_mass() -> None:
    round_ones = blobs(100)
    changed = random_affine(round_ones, degrees=180, scale=0, shift=0, generator=generator())
    assert torch.allclose(changed, round_ones, atol=0.1)
    mass = changed.sum(dim=(1, 2, 3))
    assert torch.allclose(mass, round_ones.sum(dim=(1, 2, 3)), rtol=0.02)


def test_a_rotation_alone_does_not_stretch() -> None:
    # Two blobs that lie at a right angle, as seen from the centre, still do.
    turned = [
        torch.stack(centres(random_affine(images, 40, 0, 0, generator=generator())), dim=1)
        for images in (blobs(x=6), blobs(y=6))
    ]
    assert (turned[0] * turned[1]).sum(dim=1).abs().max() < 0.5
    assert all(torch.allclose(one.norm(dim=1), torch.tensor(6.0), atol=0.05) for one in turned)


def test_a_stretch_moves_what_lies_off_the_centre_by_up_to_that_share_along_each_axis() -> None:
    changed = random_affine(blobs(x=6, y=6), degrees=0, scale=0.1, shift=0, generator=generator())
    for stretched in centres(changed):
        assert stretched.min() > 6 * 0.9 - 0.05
        assert stretched.max() < 6 * 1.1 + 0.1
        assert stretched.min() < 6 * 0.93
        assert stretched.max() > 6 * 1.07
    assert abs(torch.corrcoef(torch.stack(centres(changed)))[0, 1]) < 0.2, "the axes apart"


def test_rotation_stretches_and_shifts_are_drawn_apart() -> None:
    # Where the centre goes tells the shifts; where two other places go, seen from it, tells the rest.
    moved = [
        torch.stack(centres(random_affine(images, 5, 0.1, 2, generator=generator())), dim=1)
        for images in (blobs(1000), blobs(1000, x=6), blobs(1000, y=6))
    ]
    right, down = moved[1] - moved[0], moved[2] - moved[0]
    turned = torch.atan2(right[:, 1], right[:, 0])
    drawn = torch.stack([turned, right.norm(dim=1), down.norm(dim=1), *moved[0].T])
    related = torch.corrcoef(drawn) - torch.eye(5)
    assert related.abs().max() < 0.2


@pytest.mark.parametrize("size", [(28, 28), (5, 8)])
def test_without_shear_the_changes_are_bit_for_bit_what_they_were_before_there_was_one(
    size,
) -> None:
    images = torch.rand(20, 1, *size, generator=generator())
    ours, drawn = generator(5), generator(5)
    changed = random_affine(images, shear=0, generator=ours)
    assert torch.equal(changed, random_affine(images, generator=generator(5)))
    # Five numbers for each image, as ever, so that what is drawn next is the same too.
    torch.rand(5, 20, generator=drawn)
    assert torch.equal(ours.get_state(), drawn.get_state())


def test_shear_leaves_the_other_changes_what_they_are_without_it() -> None:
    images = torch.rand(20, 1, 28, 28, generator=generator())
    without = random_affine(images, generator=generator(5))
    barely = random_affine(images, shear=1e-7, generator=generator(5))
    assert torch.allclose(barely, without, atol=1e-4)


@pytest.mark.parametrize("shear", [0.1, 0.3])
def test_shear_slants_what_is_upright_by_up_to_that_amount_both_ways(shear) -> None:
    for y in (-8, 5):
        images = blobs(y=y)
        changed = random_affine(images, 0, 0, 0, shear=shear, generator=generator())
        x, height = centres(changed)
        assert torch.allclose(height, torch.tensor(float(y)), atol=0.05), "rows stay rows"
        slants = x / y
        assert slants.abs().max() <= shear + 0.01
        assert slants.max() > 0.95 * shear
        assert slants.min() < -0.95 * shear


def test_shear_moves_what_is_above_the_centre_against_what_is_below() -> None:
    above, below = (
        centres(random_affine(blobs(y=y), 0, 0, 0, shear=0.3, generator=generator()))[0]
        for y in (-6, 6)
    )
    assert torch.allclose(above, -below, atol=0.05)


def test_shear_leaves_what_lies_level_as_it_is() -> None:
    for x in (-8, 8):
        changed = random_affine(blobs(x=x), 0, 0, 0, shear=0.3, generator=generator())
        moved_x, moved_y = centres(changed)
        assert torch.allclose(moved_x, torch.tensor(float(x)), atol=0.05)
        assert torch.allclose(moved_y, torch.tensor(0.0), atol=0.05)
    level = torch.zeros(50, 1, 28, 28)
    level[:, :, 13:15] = 1
    changed = random_affine(level, 0, 0, 0, shear=0.3, generator=generator())
    # At the sides, black comes in.
    assert torch.allclose(changed[..., 2:-2], level[..., 2:-2], atol=1e-4)


def test_shear_is_drawn_for_each_image_and_apart_from_the_rotation_and_the_shifts() -> None:
    moved = [
        torch.stack(
            centres(random_affine(images, 5, 0, 2, shear=0.3, generator=generator())), dim=1
        )
        for images in (blobs(1000), blobs(1000, x=6), blobs(1000, y=6))
    ]
    right, down = moved[1] - moved[0], moved[2] - moved[0]
    turned = torch.atan2(right[:, 1], right[:, 0])
    slanted = torch.atan2(down[:, 0], down[:, 1]) + turned
    related = torch.corrcoef(torch.stack([turned, slanted, *moved[0].T])) - torch.eye(4)
    assert related.abs().max() < 0.2


def test_with_shear_too_a_generator_makes_the_changes_repeatable_and_spares_the_global_one() -> (
    None
):
    images = torch.rand(10, 1, 28, 28, generator=generator())
    before = torch.get_rng_state()
    one, again, other = (
        random_affine(images, 0, 0, 0, shear=0.3, generator=generator(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)
    assert one.min() >= 0
    assert one.max() <= 1 + 1e-6


def test_what_comes_in_from_outside_is_black() -> None:
    white = torch.ones(100, 1, 28, 28)
    changed = random_affine(white, degrees=0, scale=0, shift=6, generator=generator())
    assert (changed.amin(dim=(1, 2, 3)) == 0).sum() > 80, "only the smallest moves leave none"
    assert torch.allclose(changed[:, :, 6:-6, 6:-6], torch.ones(1), atol=1e-5)


def test_each_image_is_changed_in_its_own_way_by_each_of_the_three_amounts() -> None:
    alike = torch.rand(1, 1, 28, 28, generator=generator()).expand(30, 1, 28, 28)
    none = {"degrees": 0, "scale": 0, "shift": 0}
    for amount in ({"degrees": 10}, {"scale": 0.1}, {"shift": 2}):
        changed = random_affine(alike, **{**none, **amount}).flatten(1)
        assert torch.pdist(changed).min() > 0.01


def test_a_generator_makes_the_changes_repeatable_and_spares_the_global_one() -> None:
    images = torch.rand(10, 1, 28, 28, generator=generator())
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = random_affine(images, generator=generator(5))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(random_affine(images, generator=generator(5)), one)
    assert not torch.allclose(random_affine(images, generator=generator(6)), one)


def test_a_generator_goes_on_from_call_to_call() -> None:
    images, going_on = torch.rand(10, 1, 28, 28, generator=generator()), generator(5)
    first, second = (random_affine(images, generator=going_on) for _ in range(2))
    assert not torch.allclose(first, second)


def test_without_a_generator_the_changes_follow_the_global_one() -> None:
    images = torch.rand(10, 1, 28, 28, generator=generator())
    changed = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        changed.append(random_affine(images))
    assert torch.equal(changed[0], changed[1])
    assert not torch.allclose(changed[0], changed[2])
