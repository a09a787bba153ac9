"""The exercises of lesson 06."""

from collections.abc import Callable
from statistics import fmean, pvariance, variance

import torch
from torch import Tensor
import torch.nn.functional as F

from .engine import Code, Free, Given, _random, refuse

EXERCISES = {}


def _judge_split(answer: object) -> str:
    index, splits, before = torch.tensor([0]), [], torch.get_rng_state()
    for count, n, seed in ((20, 5, 0), (20, 5, 1), (60, 20, 2), (30, 18, 3)):
        call = f"split({count}, {n}, seed={seed})"
        train, chosen = Given(answer, call).call(count, n, seed).like((index, index))
        again, _ = Given(answer, call).call(count, n, seed).like((index, index))
        numbers, learned, kept = list(range(count)), train.tolist(), chosen.tolist()
        sizes = [len(learned), len(kept)]
        refuse(
            {
                f"{call} returns {sizes[0]} and {sizes[1]} numbers. First come the {count - n} to "
                f"train on, then the {n} to choose by.": sizes != [count - n, n],
                "Some numbers are in both: the network has seen them.": {*learned} & {*kept},
                f"The numbers are 0 to {count - 1}, each once.": sorted(learned + kept) != numbers,
                "Yours takes the numbers in order.": kept in (numbers[:n], numbers[-n:]),
                f"Two calls of {call} give two splits. Use the seed.": not again.equal(train),
            }
        )
        splits.append(train)
    refuse({"Every seed gives the same split.": splits[0].equal(splits[1])})
    praise = "Nothing in both, nothing lost, and tomorrow the same: so two recipes can be compared."
    more = " One thing more: yours moves the random numbers of all that follows."
    return praise if torch.get_rng_state().equal(before) else praise + more


EXERCISES["6.1"] = Free(
    hint="cut `torch.randperm(count, generator=...)` in two by slices.",
    judge=_judge_split,
)


def _one_cycle(
    rise: Callable = lambda done: 0.1 + 0.9 * done, fall: Callable = lambda left: left
) -> Callable:
    """Return a schedule; `rise` and `fall` are in peaks, of the share that is done, or left."""

    def learning_rate(step, steps, peak):
        turn = 0.3 * steps
        return peak * (rise(step / turn) if step < turn else fall((steps - step) / (steps - turn)))

    return learning_rate


EXERCISES["6.2"] = Code(
    call="learning_rate(step, steps, peak)",
    hint="up to 0.3 × steps the share of the way from peak / 10 to `peak` is step / (0.3 × steps). "
    "After that (steps − step) / (0.7 × steps) goes from 1 down to 0.",
    praise="Low while the network is raw, high in between, and 0 at the end.",
    cases=[
        (steps * part // 20, steps, peak)
        for steps, peak in ((100, 0.1), (20, 0.5), (1000, 0.4))
        for part in range(21)
        if part != 6  # there mistakes would depend on whether the turn belongs to rise or fall
    ],
    right=_one_cycle(),
    mistakes={
        "Yours starts at 0. Start at peak / 10.": _one_cycle(rise=lambda done: done),
        "Yours rises to 1.1 × peak. Go up by 0.9 × peak.": _one_cycle(rise=lambda done: 0.1 + done),
        "Yours stays above 0: fall in 0.7 × steps.": _one_cycle(fall=lambda left: 0.3 + 0.7 * left),
        "Yours jumps at the turn: divide by 0.7 × steps.": _one_cycle(fall=lambda left: 0.7 * left),
        "Yours rises after the turn. Count steps − step.": _one_cycle(fall=lambda left: 1 - left),
        "The multiplication by `peak` is missing.": lambda *case: _one_cycle()(*case[:2], 1),
    },
    later={"Right but at the turn, where it is `peak`.": [(30, 100, 0.1), (6, 20, 0.5)]},
)


def _of_ones(formula: Callable) -> Callable:
    return lambda labels, smoothing: formula(F.one_hot(labels, 10).float(), smoothing)


EXERCISES["6.3"] = Code(
    call="smoothed_targets(labels, smoothing)",
    hint="start from one-hot rows, F.one_hot(labels, 10), which sum to 1. What do you multiply "
    "them by, and what do you add to all ten, so that they still do?",
    praise="With them cross_entropy(logits, targets) is cross_entropy with `label_smoothing`.",
    cases=[((10 * _random(n)).long(), s) for n, s in ((4, 0.1), (10, 0.4), (1, 0.25), (3, 0.0))],
    right=_of_ones(lambda ones, s: (1 - s) * ones + s / 10),
    mistakes={
        "In yours `smoothing` makes no difference.": _of_ones(lambda ones, s: ones),
        "All ten share s, not the other nine.": _of_ones(lambda x, s: x - s * x + s / 9 * (1 - x)),
        "Rows sum to less than 1. All get s / 10.": _of_ones(lambda x, s: x - 1.1 * s * x + s / 10),
        "Your right class is still 1.": _of_ones(lambda ones, s: ones + s / 10 * (1 - ones)),
        "Your rows sum to 1 + s. First multiply by 1 − s.": _of_ones(lambda ones, s: ones + s / 10),
        "Your rows sum to 1 − s. Add s / 10 to all ten.": _of_ones(lambda ones, s: (1 - s) * ones),
    },
)


def _moved(images: Tensor, down: int, right: int) -> Tensor:
    return F.pad(images, (right, -right, down, -down))  # a negative padding crops


def _shifts(*moves: tuple[int, int]) -> list:
    # No pixel is black before, so that black ones are those that came in.
    pictures = 0.1 + _random(2, 1, 6, 9), 0.1 + _random(3, 1, 7, 5)
    return [(images, *move) for images in pictures for move in moves]


EXERCISES["6.4"] = Code(
    call="shifted(images, down, right)",
    hint="what F.pad adds on one side it has to take away on the other: `right` columns on the "
    "left, and -right on the right.",
    praise="A digit a few pixels further on is, for a network, a new picture.",
    cases=_shifts((1, 2), (3, 1), (2, 4)),
    right=_moved,
    mistakes={
        "What goes out may not return.": lambda x, down, right: x.roll((down, right), dims=(2, 3)),
        "What comes in has to be black. Start from zeros, no copy.": lambda x, down, right: (
            _moved(x, down, right) + x * (1 - _moved(torch.ones_like(x), down, right))
        ),
        "Yours moves up and left.": lambda x, down, right: _moved(x, -down, -right),
        "Rows and columns are exchanged.": lambda x, down, right: _moved(x, right, down),
        "Now crop as much on the other side.": lambda x, down, right: F.pad(x, (right, 0, down, 0)),
    },
    later={
        "Right for shifts above 0. Negative shifts move up and left. F.pad crops by them.": (
            _shifts((-1, -2), (-3, -1), (2, -1), (-2, 3))
        ),
        "Right for shifts other than 0. A slice that ends at -0 is empty: -0 is 0. Count from the "
        "front, [: height - down].": _shifts((0, 0), (0, 2), (3, 0), (0, -1), (-2, 0)),
    },
)


def _with(
    error: Callable = lambda v, m, w, n: (v / m + w / n) ** 0.5, spread: Callable = variance
) -> Callable:
    """Return a comparison, whose `error` is made of both lists' variances and lengths."""
    return lambda first, second: (
        fmean(second) - fmean(first),
        error(spread(first), len(first), spread(second), len(second)),
    )


_compared = _with()

EXERCISES["6.5"] = Code(
    call="difference(first, second)",
    hint="`statistics.mean` and `statistics.stdev` take a list; stdev divides by n − 1.",
    praise="A difference of less than twice its standard error may be luck. Four times as many "
    "seeds halve the error.",
    cases=[
        ([98.0, 98.6, 98.9], [99.1, 98.8, 99.4, 98.5, 99.0]),
        ([97.0, 98.5], [96.2, 97.9, 96.1, 95.0]),
        ([96.0, 97.0, 97.5], [98.2, 97.1, 98.8]),
    ],
    right=_compared,
    mistakes={
        "The difference comes first.": lambda *lists: _compared(*lists)[::-1],
        "The sign is wrong: it is second − first.": lambda first, second: _compared(second, first),
        "Your standard deviation divides by n, not n − 1.": _with(spread=pvariance),
        "That is the spread of single runs: divide by n.": _with(lambda v, m, w, n: (v + w) ** 0.5),
        "Add the errors' squares.": _with(lambda v, m, w, n: (v / m) ** 0.5 + (w / n) ** 0.5),
        "Take the square root.": _with(lambda v, m, w, n: v / m + w / n),
    },
    advice={
        "could not be broadcast": "The lists may differ in length: take the mean of each first.",
        "for -: 'list' and 'list'": "Take the mean of each list first.",
    },
)
