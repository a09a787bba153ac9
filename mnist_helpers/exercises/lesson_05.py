"""The exercises of lesson 05: a gain, batches, strides, bfloat16, a measurement."""

from collections.abc import Callable
from statistics import fmean, median

import torch
from torch import Tensor

from ..batches import TensorBatches
from .engine import Code, Free, Given, Values, refuse, same

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
            "0.15 is the time saved. The training takes 1 − 0.15 of the old time.": 0.15,
            "1.15 adds what is saved to the speed. Divide the old time by the new one.": 1.15,
            "That is the gain at no time at all. Loading still takes a quarter of its 0.2.": 1.25,
            "0.8 / 4 and 0.2: it is the loading that is divided by 4, not the rest.": 1 / 0.4,
        },
        {
            "0.8 is the new time. How many times does it go into the old one, 1?": 0.8,
            "1.2 adds what is saved to the speed. Divide the old time, 1, by the new one.": 1.2,
            "5 would be right if only the loading were left. It is the rest that is left, 0.8.": 5,
            "0.2 is the time saved. The training takes 1 − 0.2 of the old time.": 0.2,
        },
    ],
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

EXERCISES["5.3"] = Code(
    call="channels_last_strides(samples, channels, height, width)",
    hint="in memory the numbers of one pixel stand first, one for each channel, then the pixel to "
    "its right, then the row below, then the next sample. How many numbers does each hold?",
    praise="The channels lie side by side. Only the strides say so; the shape does not.",
    cases=[(64, 16, 28, 28), (2, 3, 5, 7), (5, 4, 9, 2), (1, 8, 6, 10)],
    right=lambda n, c, h, w: (h * w * c, 1, w * c, c),
    mistakes={
        "Those are the strides of the usual layout, row after row and channel after channel.": (
            lambda n, c, h, w: (c * h * w, h * w, w, 1)
        ),
        "The numbers are right, in the order in which they lie in memory, N, H, W, C. Return them "
        "in the order of the shape, N, C, H, W.": (lambda n, c, h, w: (h * w * c, w * c, c, 1)),
        "From one row to the next it is a whole row of pixels, `width` of them, not `height`.": (
            lambda n, c, h, w: (h * w * c, 1, h * c, c)
        ),
        "Height and width are exchanged: the pixel below is a row further on, the one to the right "
        "one pixel.": lambda n, c, h, w: (h * w * c, 1, c, w * c),
        "The pixel to the right is not the next number: this pixel's other channels stand between, "
        "and so it is with the row below.": lambda n, c, h, w: (h * w * c, 1, w, 1),
        "The pixel below is a row further on, and each pixel of a row holds a number for every "
        "channel.": lambda n, c, h, w: (h * w * c, 1, w, c),
        "That is how many numbers there are in all, not the way to the next sample.": (
            lambda n, c, h, w: (n * h * w * c, 1, w * c, c)
        ),
        "Those are the sizes. A stride is a way in memory.": lambda *sizes: sizes,
    },
)

EXERCISES["5.4"] = Values(
    right={"1.003": 1.0, "5.1": 163 / 32, "999": 1000.0},
    tolerance=1e-5,
    hint="how far apart are the numbers there? Between 1 and 2 it is 1/128; above each power of 2 "
    "it doubles. Divide by that distance, round to a whole number, and multiply again.",
    praise="About three digits are kept, wherever a number lies. The weights need more, the layers "
    "do not.",
    mistakes=[
        {
            "1.003 is no number that bfloat16 has: after 1 comes 1 + 1/128.": 1.003,
            "1 + 1/128 is the next above, but 1 is nearer.": 1 + 1 / 128,
        },
        {
            "5.1 is no number that bfloat16 has: between 4 and 8 they lie 1/32 apart.": 5.1,
            "5.125 is the neighbour above, and further away.": 164 / 32,
            "1/128 is the distance between 1 and 2. Between 4 and 8 it is four times as large.": (
                653 / 128
            ),
            "{} is nearly right, but rounded. Give all digits.": (
                lambda value: value != 5.1 and abs(value - 163 / 32) < 0.006
            ),
            "5 is further away than 5 + 3/32: between 4 and 8 the distance is 1/32.": 5,
        },
        {
            "999 is no number that bfloat16 has: between 512 and 1,024 they lie 4 apart.": 999,
            "996 is the neighbour below, and three away. The one above is nearer.": 996,
            "998 would be there if they lay 2 apart. Between 512 and 1,024 it is 4.": 998,
            "1,024 is the next power of 2. There are numbers between, 4 apart.": 1024,
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


def _times(
    of: Callable[[list[float]], float], warm_up: int = 1, more: int = 0
) -> Callable[..., float]:
    """Return a measurement: what `of` makes of the times, `more` than asked for, after warm-up."""

    def median_seconds(run: Callable, clock: Callable, repeats: int) -> float:
        for _ in range(warm_up):
            run()
        times = []
        for _ in range(repeats + more):
            start = clock()
            run()
            times.append(clock() - start)
        return of(times)

    return median_seconds


def _measured(repeats: int, *durations: float) -> tuple:
    machine = _Machine(*durations)
    return machine.run, machine.clock, repeats


EXERCISES["5.5"] = Code(
    call="median_seconds(run, clock, repeats)",
    hint="call `run()` once. Then, `repeats` times: note clock(), call run(), and keep the "
    "difference to clock() now. `statistics.median` takes the list.",
    praise="The first call was nine times as slow as the others, and one neighbour was busy. The "
    "median saw neither.",
    cases=[
        _measured(5, 0.9, 0.11, 0.3, 0.1, 0.12, 0.14, 0.2),
        _measured(4, 2.0, 0.5, 0.1, 0.4, 0.2, 0.7),
        _measured(1, 3.0, 0.25, 0.5),
        _measured(3, 0.1, 0.6, 0.5, 0.2, 0.9),
    ],
    right=_times(median),
    mistakes={
        "The warm-up is missing: the first call counts with the others.": (
            _times(median, warm_up=0)
        ),
        "The first call is counted too: it only warms up.": _times(median, warm_up=0, more=1),
        "That is the mean, which takes one slow run in. Take the median.": _times(fmean),
        "That is the shortest time. Take the median.": _times(min),
        "That is the time of all runs together.": _times(sum),
        "That is the time of the last run. Keep all of them, and take the median.": (
            _times(lambda times: times[-1])
        ),
        "With an even number of runs the median lies between the two in the middle; `torch.median` "
        "takes the lower one. `statistics.median` has it right.": (
            _times(lambda times: sorted(times)[(len(times) - 1) // 2])
        ),
        "With an even number of runs the median lies between the two in the middle. "
        "`statistics.median` does that.": _times(lambda times: sorted(times)[len(times) // 2]),
        "The runs in the middle come after sorting: `statistics.median` sorts.": (
            _times(lambda times: median(times[(len(times) - 1) // 2 : len(times) // 2 + 1]))
        ),
        "You warmed up twice, or ran it once too often before the times begin.": (
            _times(median, warm_up=2)
        ),
    },
    clue="Read the time from `clock()` only: before each run and after it. Its unit is the second.",
)
