"""The exercises of lesson 05: a schedule, batches, targets, shifted digits, a fair comparison."""

from collections.abc import Callable
from functools import partial
import math
from statistics import fmean, pvariance, variance

import torch
from torch import Tensor
import torch.nn.functional as F

from ..batches import TensorBatches
from .engine import Code, Free, Given, refuse, same

EXERCISES = {}


def _one_cycle(
    rise: Callable[[float], float] = lambda done: 0.1 + 0.9 * done,
    fall: Callable[[float], float] = lambda left: left,
) -> Callable[..., float]:
    """Return a schedule; `rise` and `fall` are in peaks, of the share that is done, or left."""

    def learning_rate(step: int, steps: int, peak: float) -> float:
        turn = 0.3 * steps
        return peak * (rise(step / turn) if step < turn else fall((steps - step) / (steps - turn)))

    return learning_rate


EXERCISES["5.1"] = Code(
    call="learning_rate(step, steps, peak)",
    hint="two straight lines. Up to step 0.3 × steps the share of the way up is step / (0.3 × "
    "steps), and the way goes from peak / 10 to `peak`. After that (steps − step) / (0.7 × steps) "
    "goes from 1 down to 0.",
    praise="Low while the network is raw, high in between, and 0 at the end, where it comes to "
    "rest.",
    cases=[
        (steps * part // 20, steps, peak)
        for steps, peak in ((100, 0.1), (20, 0.5), (1000, 0.4))
        for part in range(21)
        if part != 6  # there mistakes would depend on whether the turn belongs to rise or fall
    ],
    right=_one_cycle(),
    mistakes={
        "Yours starts at 0. It has to start at peak / 10 and rise from there: peak / 10 + (peak − "
        "peak / 10) × step / (0.3 × steps).": _one_cycle(rise=lambda done: done),
        "Yours falls to peak / 10. At the end it has to be 0: peak × (steps − step) / (0.7 × "
        "steps).": _one_cycle(fall=lambda left: 0.1 + 0.9 * left),
        "Yours never gets to 0: the fall has 0.7 × steps for its way, not all the steps.": (
            _one_cycle(fall=lambda left: 0.3 + 0.7 * left)
        ),
        "Yours jumps down at the turn. The fall begins there, at 0.3 × steps: peak × (steps − "
        "step) / (0.7 × steps).": _one_cycle(fall=lambda left: 0.7 * left),
        "Yours rises again after the turn. Count the steps that are left, steps − step.": (
            _one_cycle(fall=lambda left: 1 - left)
        ),
        "The multiplication by `peak` is missing.": lambda *case: _one_cycle()(*case[:2], 1),
    },
    later={"Right but at the turn, where it is `peak`.": [(30, 100, 0.1), (6, 20, 0.5)]},
)


def _judge_batches(batches: list[list[Tensor]], rights: list[tuple[Tensor, Tensor]]) -> None:
    sizes, right_sizes = ([len(labels) for _, labels in pairs] for pairs in (batches, rights))
    said = f"The sizes of the batches have to be {right_sizes}; yours are {sizes}."
    refuse(
        {
            f"{said} Is the `return` inside the loop? It belongs after it.": (
                sizes == right_sizes[:1] != right_sizes
            ),
            f"{said} The last, smaller one is missing.": sizes == right_sizes[:-1],
            f"{said} Let `start` run through range(0, len(images), batch_size), and slice images "
            f"and labels as well, [start : start + batch_size].": sizes != right_sizes,
        }
    )
    for (images, labels), (pixels, numbers) in zip(batches, rights, strict=True):
        refuse(
            {
                f"In a pair (images, labels) the images are {list(images.shape)}, and have to be "
                f"{list(pixels.shape)}. Slice along the first axis, and add the channel axis with "
                f"`unsqueeze(1)`.": images.shape != pixels.shape,
                "Your images go from 0 to 255. Divide by 255.": same(images, 255 * pixels),
                "Your images hold only 0 and 1: the fraction was cut off, by `//` or by a type of "
                "whole numbers. `/` gives float32.": same(images, pixels // 1),
                f"Your images are {images.dtype}, and the weights of a network are float32. A "
                f"uint8 tensor divided by 255 is float32 by itself.": images.dtype != pixels.dtype,
                "A batch does not hold its digits in their order and each as it was, divided by "
                "255.": not same(images, pixels),
                "Nearly: some numbers differ from ToTensor's in their last bit. Divide by 255; to "
                "multiply by 1/255 rounds twice.": not images.equal(pixels),
                "The images are right, but their labels are those of other digits: slice both "
                "alike.": not same(labels.float(), numbers),
                f"The labels are {labels.dtype} now. Leave them int64: the loss takes whole "
                f"numbers for classes.": labels.dtype != numbers.dtype,
            }
        )


def _judge_batches_of(answer: object) -> str:
    generator = torch.Generator().manual_seed(0)
    for count, batch_size in ((10, 4), (6, 3), (3, 1), (5, 8)):
        images = torch.randint(256, (count, 28, 28), dtype=torch.uint8, generator=generator)
        labels = torch.randperm(10, generator=generator)[:count]
        rights = list(TensorBatches(images, labels, batch_size))
        call = f"batches_of(images, labels, {batch_size}), with {count} images,"
        returned = Given(answer, call).call(images, labels, batch_size)
        parts = returned.value if isinstance(returned.value, (list, tuple)) else []
        one_pair = len(parts) == 2 and isinstance(parts[0], Tensor)
        mend = "Append each pair to a list and return that after the loop"
        mend += ", or write `yield` instead of `return`."
        refuse({f"It returns one pair, not a list of pairs. {mend}": one_pair})
        _judge_batches(returned.batches(limit=count + 1), rights)
    why = "Here a batch is one slice and one division; there each picture is taken by itself."
    return f"Bit for bit what a DataLoader with ToTensor gives. {why}"


EXERCISES["5.2"] = Free(
    hint="let `start` run through range(0, len(images), batch_size); a slice may reach beyond the "
    "end. `unsqueeze(1)` adds the channel axis, a division by 255 makes float32. Append each pair "
    "to a list, or `yield` it.",
    judge=_judge_batches_of,
)


def _of_ones(formula: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, float], Tensor]:
    return lambda labels, smoothing: formula(F.one_hot(labels, 10).float(), smoothing)


_FIRST_LABELS = torch.tensor([5, 0, 4, 1, 9, 2, 1, 3, 1, 4])  # of the training set

EXERCISES["5.3"] = Code(
    call="smoothed_targets(labels, smoothing)",
    hint="start from one-hot rows, F.one_hot(labels, 10), which sum to 1. What do you multiply "
    "them by, and what do you add to all ten, so that they still do?",
    praise="With them cross_entropy(logits, targets) is cross_entropy(logits, labels, "
    "label_smoothing=smoothing). Try it.",
    cases=[(_FIRST_LABELS[:n], s) for n, s in ((4, 0.1), (10, 0.4), (1, 0.25), (3, 0.0))],
    right=_of_ones(lambda ones, s: (1 - s) * ones + s / 10),
    mistakes={
        "Yours is plain one-hot: `smoothing` makes no difference. The right class gives up some of "
        "its 1, and all ten share that.": _of_ones(lambda ones, s: ones),
        "Your right class has 1 − s, and the other nine share s. That is a definition too, but not "
        "PyTorch's: it spreads s over all ten, 1 − s + s / 10 and s / 10.": (
            _of_ones(lambda ones, s: (1 - s) * ones + s / 9 * (1 - ones))
        ),
        "Your rows sum to 1 − s / 10, less than 1. The right class gets its tenth of s too: 1 − s "
        "+ s / 10.": _of_ones(lambda ones, s: (1 - s) * ones + s / 10 * (1 - ones)),
        "Your right class is still 1, so the rows sum to more than 1. What the others get it gives "
        "up: 1 − s + s / 10.": _of_ones(lambda ones, s: ones + s / 10 * (1 - ones)),
        "Your rows sum to 1 + s: you gave s / 10 to each class and took nothing away. First "
        "multiply the one-hot rows by 1 − s.": _of_ones(lambda ones, s: ones + s / 10),
        "Your rows sum to 1 − s: you took s away from the right class and gave it to nobody. Add "
        "s / 10 to all ten.": _of_ones(lambda ones, s: (1 - s) * ones),
    },
    clue="Each digit has a row of its own, whatever labels occur: 1 − s + s / 10 at its label, "
    "s / 10 at the other nine.",
)


def _moved(images: Tensor, down: int, right: int) -> Tensor:
    return F.pad(images, (right, -right, down, -down))  # a negative padding crops


def _shifts(*moves: tuple[int, int]) -> list[tuple[Tensor, int, int]]:
    generator = torch.Generator().manual_seed(0)
    sizes = ((2, 1, 6, 9), (3, 1, 7, 5))
    # No pixel is black before, so that black ones are those that came in.
    pictures = [0.1 + torch.rand(*size, generator=generator) for size in sizes]
    return [(images, *move) for images in pictures for move in moves]


EXERCISES["5.4"] = Code(
    call="shifted(images, down, right)",
    hint="F.pad(images, (left, right, top, bottom)) adds black columns and rows, and a negative "
    "number takes some away. What is added on one side has to be taken away on the other.",
    praise="A digit a few pixels further on is the same digit, and for a network a new picture "
    "that nobody had to write. In training each digit gets a shift of its own.",
    cases=_shifts((1, 2), (3, 1), (2, 4)),
    right=_moved,
    mistakes={
        "What goes out on one side comes back on the other, as `torch.roll` has it. What comes in "
        "has to be black, 0.": lambda x, down, right: x.roll((down, right), dims=(2, 3)),
        "What comes in has to be black. Start from zeros, no copy.": lambda x, down, right: (
            _moved(x, down, right) + x * (1 - _moved(torch.ones_like(x), down, right))
        ),
        "Yours moves up and left.": lambda x, down, right: _moved(x, -down, -right),
        "Rows and columns are exchanged.": lambda x, down, right: _moved(x, right, down),
        "You padded on one side; now crop as much on the other, so that the size stays.": (
            lambda x, down, right: F.pad(x, (right, 0, down, 0))
        ),
        "You cropped on one side; now pad as much on the other, with zeros.": (
            lambda x, down, right: x[:, :, : x.shape[2] - down, : x.shape[3] - right]
        ),
    },
    clue="images[n, 0, row, column] has to be found at [n, 0, row + down, column + right], what "
    "comes in is 0, and the size stays.",
    later={
        "Right for shifts above 0. Negative shifts move up and left. F.pad takes negative numbers, "
        "and crops with them.": _shifts((-1, -2), (-3, -1), (2, -1), (-2, 3)),
        "Right for shifts other than 0. A slice that ends at -0 is empty, because -0 is 0. Count "
        "from the front, [: height - down].": _shifts((0, 0), (0, 2), (3, 0), (0, -1), (-2, 0)),
    },
)


def _compared(
    first: list[float],
    second: list[float],
    spread: Callable[[list[float]], float] = variance,
    error: Callable[..., float] = lambda v1, n1, v2, n2: math.sqrt(v1 / n1 + v2 / n2),
) -> tuple[float, float]:
    """Return the difference and its error, which `error` takes from both variances and lengths."""
    spreads = spread(first), len(first), spread(second), len(second)
    return fmean(second) - fmean(first), error(*spreads)


EXERCISES["5.5"] = Code(
    call="difference(first, second)",
    hint="`statistics.mean` and `statistics.stdev` take a list; stdev divides by n − 1. The "
    "squares of the two standard errors add up: sqrt(s1² / n1 + s2² / n2). Return (difference, "
    "standard error).",
    praise="A difference of less than twice its standard error may be luck. With four times as "
    "many seeds the error is about half as large.",
    cases=[
        ([98.0, 98.6, 98.9], [99.1, 98.8, 99.4, 98.5, 99.0]),
        ([97.0, 98.5], [96.2, 97.9, 96.1, 95.0]),
        ([98.9, 99.2, 98.2, 99.3], [98.5, 97.1, 98.8]),
        ([96.0, 97.0, 97.5], [98.2, 97.1, 98.8]),
    ],
    right=_compared,
    mistakes={
        "Both numbers are right, in the wrong order.": lambda *lists: _compared(*lists)[::-1],
        "The sign is turned round: it is second − first, above 0 if the second is better.": (
            lambda first, second: _compared(second, first)
        ),
        "Your standard deviation divides by n, as NumPy's `std` does. Divide by n − 1, as "
        "`statistics.stdev` and torch's `std` do.": partial(_compared, spread=pvariance),
        "That is the spread of single runs: the division by n is missing.": (
            partial(_compared, error=lambda v1, n1, v2, n2: math.sqrt(v1 + v2))
        ),
        "You added the two standard errors. Their squares add up, and the root comes last.": (
            partial(_compared, error=lambda v1, n1, v2, n2: math.sqrt(v1 / n1) + math.sqrt(v2 / n2))
        ),
        "The square root is missing: that is the variance of the difference.": (
            partial(_compared, error=lambda v1, n1, v2, n2: v1 / n1 + v2 / n2)
        ),
    },
    advice={
        "could not be broadcast": "The lists need not have the same length. Take the mean of each "
        "first.",
        "for -: 'list' and 'list'": "Lists cannot be subtracted. Take the mean of each first.",
    },
)
