"""The exercises of lesson 05: a gain, batches, strides, bfloat16, a measurement."""

from collections.abc import Callable
from itertools import pairwise
from statistics import fmean, median

from ..batches import TensorBatches
from .engine import Code, Given, Values, _random

EXERCISES = {}

EXERCISES["5.1"] = Values(
    right={"gain at four times": 1 / 0.85, "gain at no time": 1 / 0.8},
    tolerance=0.006,
    hint="take the old time as 1: loading 0.2, the rest 0.8. What is the new time, and how many "
    "times does it go into the old one?",
    praise="A part that takes a fifth brings a quarter more speed, and no more, however fast it "
    "becomes.",
    mistakes=[
        {
            "Loading becomes 4 times as fast, but four fifths of the time stay as they are.": 4,
            "0.85 is the new time. How many times does it go into the old one, 1?": 0.85,
            "1.15 adds what is saved to the speed. Divide the old time by the new one.": 1.15,
        },
        {
            "0.8 is the new time. How many times does it go into the old one, 1?": 0.8,
            "1.2 adds what is saved to the speed. Divide the old time by the new one.": 1.2,
            "It is the rest that is left, 0.8, not the loading.": 5,
        },
    ],
)


def _batches(*case: object) -> tuple:
    return tuple(TensorBatches(*case))


EXERCISES["5.2"] = Code(
    call="batches_of(images, labels, batch_size)",
    hint="let `start` run through range(0, len(images), batch_size); a slice may reach beyond the "
    "end. `unsqueeze(1)` adds the channel axis, a division by 255 makes float32. Append each pair "
    "to a list, or `yield` it.",
    praise="A DataLoader with ToTensor gives the same. Here a batch is one slice and one division; "
    "there each picture is taken by itself.",
    cases=[
        ((256 * _random(n, 28, 28)).byte(), (10 * _random(n)).long(), batch_size)
        for n, batch_size in ((10, 4), (6, 3), (3, 1), (5, 8))
    ],
    right=_batches,
    mistakes={
        "Is the `return` inside the loop? It belongs after it.": lambda *case: _batches(*case)[:1],
        "That is one pair. Append each to a list, and return that after the loop; or `yield` it.": (
            lambda *case: _batches(*case)[0]
        ),
        "The last, smaller batch is missing.": lambda images, labels, size: _batches(
            images, labels, size
        )[: len(images) // size],
        "The channel axis is missing: `unsqueeze(1)`.": lambda *case: [
            (images.squeeze(1), labels) for images, labels in _batches(*case)
        ],
        "Your images go from 0 to 255. Divide by 255.": lambda *case: [
            (255 * images, labels) for images, labels in _batches(*case)
        ],
        "Slice the labels too.": lambda images, labels, size: [
            (some, labels) for some, _ in _batches(images, labels, size)
        ],
    },
    tidy=lambda result: Given(result).batches(limit=9),
)

EXERCISES["5.3"] = Code(
    call="channels_last_strides(samples, channels, height, width)",
    hint="in memory the numbers of one pixel stand first, one for each channel, then the pixel to "
    "its right, then the row below, then the next sample. How many numbers does each hold?",
    praise="The channels lie side by side. Only the strides say so; the shape does not.",
    cases=[(64, 16, 28, 28), (2, 3, 5, 7), (5, 4, 9, 2)],
    right=lambda n, c, h, w: (h * w * c, 1, w * c, c),
    mistakes={
        "Those are the strides of the usual layout, row after row and channel after channel.": (
            lambda n, c, h, w: (c * h * w, h * w, w, 1)
        ),
        "Return them in the order of the shape, N, C, H, W. "
        "Yours are in that of the memory.": lambda n, c, h, w: (h * w * c, w * c, c, 1),
        "From one row to the next it is a whole row of pixels, `width` of them, not `height`.": (
            lambda n, c, h, w: (h * w * c, 1, h * c, c)
        ),
        "Height and width are exchanged.": lambda n, c, h, w: (h * w * c, 1, c, w * c),
        "The pixel to the right is not the next number: the other channels stand between.": (
            lambda n, c, h, w: (h * w * c, 1, w, 1)
        ),
        "The row below is further on: each pixel of a row holds a number for every channel.": (
            lambda n, c, h, w: (h * w * c, 1, w, c)
        ),
    },
)

EXERCISES["5.4"] = Values(
    right={"1.003": 1.0, "5.1": 163 / 32, "999": 1000.0},
    hint="how far apart are the numbers there? Between 1 and 2 it is 1/128; above each power of 2 "
    "it doubles. Divide by that distance, round to a whole number, and multiply again.",
    praise="About three digits are kept, wherever a number lies. The weights need more, the layers "
    "do not.",
    mistakes=[
        {
            "bfloat16 has no 1.003: after 1 comes 1 + 1/128.": 1.003,
            "1 + 1/128 is the next above, but 1 is nearer.": 1 + 1 / 128,
        },
        {
            "bfloat16 has no 5.1: between 4 and 8 its numbers lie 1/32 apart.": 5.1,
            "{} is nearly right. Give all digits.": lambda value: abs(value - 163 / 32) < 0.006,
        },
        {
            "bfloat16 has no 999: between 512 and 1,024 its numbers lie 4 apart.": 999,
            "Between 512 and 1,024 they lie 4 apart, not 2.": 998,
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

    def median_seconds(run: Callable, clock: Callable, repeats: int) -> float:
        ticks = [clock()]
        for _ in range(repeats + warm_up):
            run()
            ticks.append(clock())
        return of([end - start for start, end in pairwise(ticks[warm_up:])])

    return median_seconds


EXERCISES["5.5"] = Code(
    call="median_seconds(run, clock, repeats)",
    hint="call `run()` once. Then, `repeats` times: note clock(), call run(), and keep the "
    "difference to clock() now. `statistics.median` takes the list.",
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
        "The warm-up is missing: the first call counts, too.": _times(median, warm_up=False),
        "That is the mean, which takes one slow run in. Take the median.": _times(fmean),
        "That is the shortest time. Take the median.": _times(min),
        "That is the time of the last run. Keep all of them.": _times(lambda times: times[-1]),
        "Of an even number of runs the median lies between the two in the middle; `torch.median` "
        "takes the lower one. `statistics.median` has it right.": (
            _times(lambda times: sorted(times)[(len(times) - 1) // 2])
        ),
        "Of an even number of runs the median lies between the two in the middle.": (
            _times(lambda times: sorted(times)[len(times) // 2])
        ),
    },
)
