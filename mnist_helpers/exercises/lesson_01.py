"""The exercises of lesson 01: data sets, samples, means, loaders."""

from collections.abc import Iterable
import itertools

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..checks import described
from ..data import load_datasets
from .answers import (
    Exercise,
    NotYet,
    a_function,
    a_tensor,
    called,
    real_number,
    require_close,
    several,
    the_same,
    whole_number,
)


def _batches(answer: object) -> str:
    batches, last = several(answer, ("how many batches", "digits in the last one"))
    batches = whole_number(batches, "The number of batches")
    last = whole_number(last, "The size of the last batch")
    sizes = [len(part) for part in torch.empty(60_000).split(256)]
    if (batches, last) == (len(sizes), sizes[-1]):
        return (
            f"{batches - 1} full batches hold {(batches - 1) * 256:,} digits, and the other {last} make one more, "
            f"smaller batch. An epoch of these takes {batches} steps, where batches of 64 took 938."
        )
    if (batches, last) == (sizes[-1], len(sizes)):
        raise NotYet("The two numbers are the right ones, in the wrong order: batches first.")
    if batches == 10_000 // 256 + 1:
        raise NotYet("That is the test set, with its 10,000 digits. The training set has 60,000.")
    if batches == 938:
        raise NotYet("938 is for batches of 64. Here a batch holds 256.")
    if batches == len(sizes) - 1:
        raise NotYet(
            f"{batches} batches are full, but 60,000 / 256 leaves a remainder, and the digits that remain "
            f"make one more, smaller batch. DataLoader keeps it."
        )
    if batches != len(sizes):
        raise NotYet(
            f"{batches} batches of 256 would be {batches * 256:,} digits. Work out 60,000 / 256, and round up."
        )
    if last == 256:
        raise NotYet(
            f"The last batch cannot be full: {batches} × 256 is {batches * 256:,}, more than 60,000."
        )
    raise NotYet(
        f"{batches} batches is right. The last holds what the {batches - 1} full ones leave of 60,000, "
        f"and {last} is not that."
    )


def _first_five(answer: object) -> str:
    index = whole_number(_only(answer), "An index")
    train_set, test_set = load_datasets()
    labels = test_set.targets
    if not 0 <= index < len(labels):
        raise NotYet(f"The test set has the indices 0 to {len(labels) - 1:,}; {index:,} is none.")
    places = (labels == 5).nonzero().flatten().tolist()
    if index == places[0]:
        return f"Index {index}. Look at its picture: many would not call it a 5. The label is what the writer meant."
    if index == places[0] + 1:
        raise NotYet("Nearly: an index counts from 0, not from 1.")
    if index == (train_set.targets == 5).nonzero()[0].item():
        raise NotYet(
            f"At {index} stands the first 5 of the training set. You are asked for the test set's."
        )
    if index in places:
        raise NotYet(f"A 5 stands at {index}, but it is not the first: there is one before it.")
    raise NotYet(f"At index {index} of the test set stands a {labels[index].item()}, not a 5.")


def _only(answer: object) -> object:
    """Return the one entry of a list or tensor that holds one; a beginner's `nonzero()[0]` is such a tensor."""
    if isinstance(answer, Tensor) and answer.numel() > 1:
        raise NotYet(
            f"Your answer is {described(answer)}: the places of all fives. Take the first one, with [0]."
        )
    if isinstance(answer, (list, tuple)) and len(answer) != 1:
        raise NotYet(f"Your answer is {described(answer)}: give one index, that of the first 5.")
    return answer[0] if isinstance(answer, (list, tuple)) else answer


def _ink(answer: object) -> str:
    ones, zeros = several(answer, ("mean pixel of the ones", "mean pixel of the zeros"))
    ones = real_number(ones, "The mean pixel of the ones")
    zeros = real_number(zeros, "The mean pixel of the zeros")
    train_set, _ = load_datasets()
    pixels, labels = train_set.data / 255, train_set.targets
    right_ones, right_zeros = (pixels[labels == digit].mean().item() for digit in (1, 0))
    if ones > 1 or zeros > 1:
        raise NotYet(
            "A mean over 1 comes from pixels from 0 to 255. Divide by 255, so that they lie between 0 and 1."
        )
    if abs(ones - right_zeros) < 0.001 and abs(zeros - right_ones) < 0.001:
        raise NotYet("Both numbers are right, in the wrong order: the ones come first.")
    for digit, value, right in ((1, ones, right_ones), (0, zeros, right_zeros)):
        require_close(
            value,
            right,
            0.001,
            {
                f"For the digit {digit} you gave the mean over all digits. Choose its pictures first: "
                f"`data[targets == {digit}]`.": pixels.mean().item(),
                f"For the digit {digit} you gave how frequent it is: the mean of `targets == {digit}`. Use that as "
                f"an index instead, to choose the pictures.": (labels == digit)
                .float()
                .mean()
                .item(),
                f"For the digit {digit} you gave the mean of all other digits.": pixels[
                    labels != digit
                ]
                .mean()
                .item(),
            },
            f"For the digit {digit}, {value:.4f} is not the mean of all pixels of all its training pictures, "
            f"with pixels from 0 to 1.",
        )
    return "A ring takes more than twice the ink of a stroke. Even this one number tells many zeros from ones."


def _mean_three(answer: object) -> str:
    what = "Your mean picture"
    if isinstance(answer, Tensor) and answer.ndim == 0:
        raise NotYet(
            "You averaged over all axes, and one number is left. Average over N alone: `mean(dim=0)`."
        )
    picture = a_tensor(answer, what)
    if list(picture.shape) == [1, 28, 28]:
        raise NotYet("The shape is [1, 28, 28]: `squeeze(0)` takes the axis of length 1 away.")
    picture = a_tensor(answer, what, rank=2, axes="H, W")
    train_set, _ = load_datasets()
    pictures, labels = train_set.data / 255, train_set.targets
    if list(picture.shape) != [28, 28]:
        raise NotYet(
            f"The shape is {list(picture.shape)}, and has to be [28, 28], H, W. Which axis did `mean` take away? "
            f"N is the first, `dim=0`."
        )
    if the_same(picture, pictures[labels == 3].mean(dim=0)):
        return "A soft 3: white where all writers agree, grey where they differ."
    if picture.max() > 1:
        raise NotYet("The pixels go over 1: divide by 255, so that they lie between 0 and 1.")
    if the_same(picture, pictures.mean(dim=0)):
        raise NotYet(
            "That is the mean of all digits. Choose the threes first: `data[targets == 3]`."
        )
    for digit in range(10):
        if the_same(picture, pictures[labels == digit].mean(dim=0)):
            raise NotYet(f"That is the mean picture of the digit {digit}.")
    raise NotYet(
        "The shape is right, the numbers are not the mean of all training threes. Draw it: what do you see?"
    )


class _SmallSet(Dataset):
    """Forty made-up digits with `targets` and `data` as MNIST has them; pixel [0, 0] holds the sample's number."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.targets = torch.arange(10).repeat(4)[torch.randperm(40, generator=generator)]
        self.data = torch.zeros(40, 28, 28, dtype=torch.uint8)
        self.data[:, 0, 0] = torch.arange(40)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.data[index].unsqueeze(0) / 255, int(self.targets[index])


def _digit_loader(answer: object) -> str:
    digit_loader = a_function(answer, "digit_loader(dataset, digits, batch_size)")
    for seed, (digits, batch_size) in enumerate([([3, 8], 3), ([1, 4, 7, 9], 5), ([0, 2, 5], 4)]):
        shown = f"digit_loader(dataset, {digits}, {batch_size})"
        dataset = _SmallSet(seed)
        loader = called(digit_loader, dataset, list(digits), batch_size, shown=shown)
        indices = getattr(getattr(loader, "dataset", None), "indices", [])
        if any(
            index is True or (isinstance(index, Tensor) and index.dtype == torch.bool)
            for index in indices
        ):
            raise NotYet(
                "Your indices are true and false. Subset wants the places where it is true: `nonzero()`, `flatten()`."
            )
        first, second = (_epoch(loader, f"The result of {shown}") for _ in range(2))
        _judge_epoch(first, dataset, digits, batch_size)
        if not second:
            raise NotYet(
                "Your loader is empty in its second epoch. Return the DataLoader itself, not a walk through it."
            )
        if torch.equal(_numbers(first), _numbers(second)):
            raise NotYet(
                "Two epochs come in the same order. Which argument draws a new one each time?"
            )
    return (
        "It yields what it should, in a new order each epoch. "
        "Try digit_loader(train_set, [4, 9], 64), a hard pair."
    )


def _epoch(loader: object, what: str) -> list[tuple[Tensor, Tensor]]:
    if not isinstance(loader, Iterable) or isinstance(loader, (Tensor, Dataset)):
        raise NotYet(f"{what} is {described(loader)}; it has to be a DataLoader.")
    try:
        # More batches than samples can only come from something that never ends.
        batches = list(itertools.islice(iter(loader), 41))
    except (
        Exception
    ) as error:  # whatever the learner's loader holds may fail when it is walked through
        raise NotYet(f"Walking through it raises {type(error).__name__}: {error}") from error
    for batch in batches:
        if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
            raise NotYet(
                f"{what} yields {described(batch)}; each batch has to be a pair, images and labels."
            )
        if not all(isinstance(part, Tensor) and part.ndim > 0 for part in batch):
            raise NotYet(
                f"{what} yields single samples, or no tensors. Wrap the part of the data set in a DataLoader."
            )
    return [(images, labels) for images, labels in batches]


def _judge_epoch(
    batches: list[tuple[Tensor, Tensor]], dataset: _SmallSet, digits: list[int], batch_size: int
) -> None:
    case = f"With digits={digits} and batch_size={batch_size}"
    if not batches:
        raise NotYet(f"{case} your loader yields no batch at all.")
    labels = torch.cat([labels for _, labels in batches])
    others = sorted(set(labels.tolist()) - set(digits))
    if others:
        raise NotYet(f"{case} your loader yields other digits too, such as {others[0]}.")
    sizes = [len(labels) for _, labels in batches]
    if any(size != batch_size for size in sizes[:-1]) or sizes[-1] > batch_size:
        raise NotYet(f"{case} a batch holds {sizes[0]}. Hand batch_size on to the DataLoader.")
    if sizes[-1] != batch_size:
        raise NotYet(
            f"{case} the last batch holds {sizes[-1]}. Leave it out: DataLoader has an argument for that."
        )
    shape = list(batches[0][0].shape)
    if shape != [batch_size, 1, 28, 28]:
        raise NotYet(
            f"{case} your images are {shape}, and should be {[batch_size, 1, 28, 28]}. `nonzero()` lists the indices "
            f"as a column, [n, 1]; Subset wants them in a plain row: `flatten()`."
        )
    chosen = torch.isin(dataset.targets, torch.tensor(digits)).sum().item()
    if len(batches) != chosen // batch_size or len(_numbers(batches).unique()) != len(labels):
        raise NotYet(
            f"{case} there are {chosen} samples, which make {chosen // batch_size} full batches, each sample "
            f"at most once; yours are {len(batches)} batches with {len(_numbers(batches).unique())} different samples."
        )
    if not torch.equal(dataset.targets[_numbers(batches)], labels):
        raise NotYet(f"{case} pictures and labels do not belong together.")


def _numbers(batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return which samples of a `_SmallSet` the batches hold, in order."""
    return torch.cat([(255 * images.flatten(1)[:, 0]).round().long() for images, _ in batches])


EXERCISES = {
    "1.1": Exercise(
        "divide 60,000 by 256 with a pencil. What remains needs a batch too. "
        "Your answer is a pair, (batches, digits in the last one).",
        _batches,
    ),
    "1.2": Exercise(
        "`test_set.targets == 5` is true where the label is 5, and `nonzero()` lists those places. "
        "You want the first, as a plain number.",
        _first_five,
    ),
    "1.3": Exercise(
        "choose the pictures of one digit, divide by 255, and take the mean of everything. "
        "Your answer is a pair, (ones, zeros).",
        _ink,
    ),
    "1.4": Exercise(
        "choose the threes as in 1.3: [N, H, W]. Then average so that N goes away and [H, W] is left.",
        _mean_three,
    ),
    "1.5": Exercise(
        "three steps. Which labels are among the digits (torch.isin)? At which indices (nonzero, flatten)? "
        "Then Subset, and a DataLoader over it.",
        _digit_loader,
    ),
}
