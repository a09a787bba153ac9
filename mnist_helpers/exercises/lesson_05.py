"""The exercises of lesson 05."""

from collections.abc import Callable
from itertools import pairwise
from statistics import fmean, median, median_high, median_low

from ..batches import TensorBatches
from .engine import Code, Given, Values, _random

EXERCISES = {}


def _wrong_factors(time: float) -> dict:
    return {
        f"{time} is the new time. How many times does it go into the old one, 1?": time,
        f"{2 - time} adds what is saved to the speed. Divide the old time by the new.": 2 - time,
    }


EXERCISES["5.1"] = Values(
    right={"factor at four times": 1 / 0.85, "factor at no time": 1 / 0.8},
    tolerance=0.006,
    hint="take the old time as 1: loading 0.2, the rest 0.8. What is the new time, and how many "
    "times does it go into the old one?",
    praise="A part that takes a fifth brings a quarter more speed at most, however fast it gets.",
    mistakes=[
        {
            "Only loading becomes 4 times as fast, a fifth of the time.": 4,
            "{} is what you gain. Divide the old time by the new one.": lambda value: value < 0.2,
            **_wrong_factors(0.85),
        },
        {"It is the rest that is left, 0.8, not the loading.": 5, **_wrong_factors(0.8)},
    ],
)


def _batches(*case: object) -> tuple:
    return tuple(TensorBatches(*case))


def _each(change: Callable) -> Callable:
    return lambda *case: [change(*batch) for batch in _batches(*case)]


EXERCISES["5.2"] = Code(
    call="batches_of(images, labels, batch_size)",
    hint="let `start` run through range(0, len(images), batch_size); a slice may reach beyond the "
    "end. `unsqueeze(1)` adds the channel axis, a division by 255 makes float32.",
    praise="Here a batch is one slice and one division; a DataLoader takes each picture by itself.",
    cases=[
        ((256 * _random(n, 28, 28)).byte(), (10 * _random(n)).long(), batch_size)
        for n, batch_size in ((10, 4), (6, 3), (3, 1), (5, 8))
    ],
    right=_batches,
    mistakes={
        "Is the `return` inside the loop? It belongs after it.": lambda *case: _batches(*case)[:1],
        "That is one pair. Return a list of all, after the loop.": lambda *case: _batches(*case)[0],
        "The last batch is missing.": lambda *case: _batches(*case)[: len(case[0]) // case[2]],
        "The channel axis is missing: `unsqueeze(1)`.": _each(lambda x, y: (x.squeeze(1), y)),
        "Your images go from 0 to 255. Divide by 255.": _each(lambda x, y: (255 * x, y)),
        "Images first, then labels.": _each(lambda x, y: (y, x)),
    },
    tidy=lambda result: Given(result).batches(limit=9),
)

EXERCISES["5.3"] = Code(
    call="channels_last_strides(samples, channels, height, width)",
    hint="in memory a pixel's numbers stand first, one for each channel, then the pixel to its "
    "right, then the row below, then the next sample. How many numbers does each hold?",
    praise="The channels lie side by side, and only the strides say so.",
    cases=[(64, 16, 28, 28), (2, 3, 5, 7), (5, 4, 9, 2)],
    right=lambda n, c, h, w: (h * w * c, 1, w * c, c),
    mistakes={
        "Those are the usual layout's strides.": lambda n, c, h, w: (c * h * w, h * w, w, 1),
        "Return them in the order N, C, H, W.": lambda n, c, h, w: (h * w * c, w * c, c, 1),
        "A row holds `width` pixels, not `height`.": lambda n, c, h, w: (h * w * c, 1, h * c, c),
        "Count numbers, not bytes.": lambda n, c, h, w: (4 * h * w * c, 4, 4 * w * c, 4 * c),
        "Height and width are exchanged.": lambda n, c, h, w: (h * w * c, 1, c, w * c),
        "A row holds all channels of its pixels.": lambda n, c, h, w: (h * w * c, 1, w, c),
    },
)

_NEARER = "bfloat16 has {}, but another of its numbers lies nearer."
EXERCISES["5.4"] = Values(
    right={"1.003": 1.0, "5.1": 163 / 32, "999": 1000.0},
    hint="from 1 to 2 its numbers lie 1/128 apart; above each power of 2 it is twice as much. "
    "Divide by that distance, round to a whole number, and multiply again.",
    praise="About three digits are kept, wherever a number lies. Weights need more, layers do not.",
    mistakes=[
        {
            "bfloat16 has no 1.003: after 1 comes 1 + 1/128.": 1.003,
            "1 + 1/128 is the next above, but 1 is nearer.": 1 + 1 / 128,
        },
        {
            "{} is nearly right. Give all digits.": lambda value: abs(value - 163 / 32) < 0.006,
            "bfloat16 has no {}: from 4 to 8 its numbers lie 1/32 apart.": lambda x: 32 * x % 1,
            _NEARER: ...,
        },
        {
            "bfloat16 has no {}: from 512 to 1,024 its numbers lie 4 apart.": lambda x: x % 4,
            _NEARER: ...,
        },
    ],
)


class _Machine:
    """A clock that goes on only while `run` works."""

    def __init__(self, *durations: float) -> None:
        self.now, self.durations = 100.0, list(durations)

    def run(self) -> None:
        self.now += self.durations.pop(0) if self.durations else 1000.0

    def clock(self) -> float:
        return self.now


def _times(of: Callable, warm_up: bool = True) -> Callable:
    """Return a measurement: what `of` makes of the times."""

    def median_seconds(run, clock, repeats):
        ticks = [clock()]
        for _ in range(repeats + warm_up):
            run()
            ticks.append(clock())
        return of([end - start for start, end in pairwise(ticks[warm_up:])])

    return median_seconds


EXERCISES["5.5"] = Code(
    call="median_seconds(run, clock, repeats)",
    hint="call `run()` once. Then, `repeats` times: note clock(), call run(), and keep the "
    "difference to clock() now.",
    praise="The first call was nine times as slow as the others, and one neighbour was busy. The "
    "median saw neither.",
    cases=[
        (machine.run, machine.clock, repeats)
        for repeats, machine in (
            (5, _Machine(0.9, 0.11, 0.3, 0.1, 0.12, 0.14, 0.2)),
            (4, _Machine(2.0, 0.5, 0.1, 0.4, 0.2, 0.7)),
            (3, _Machine(0.1, 0.6, 0.5, 0.2, 0.9)),
        )
    ],
    right=_times(median),
    mistakes={
        "The warm-up is missing.": _times(median, False),
        "The warm-up is counted.": lambda *case: _times(median, False)(*case[:2], case[2] + 1),
        "Time `repeats` runs after the warm-up.": _times(lambda times: median(times[1:]), False),
        "That is the mean. Take the median.": _times(fmean),
        "Of four it is the mean of two. `torch.median` takes the lower.": _times(median_low),
        "Of an even number take the mean of the middle two.": _times(median_high),
    },
)
