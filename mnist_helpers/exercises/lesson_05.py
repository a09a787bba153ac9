"""The exercises of lesson 05: a schedule, batches as slices, smoothed targets, shifted digits, a fair comparison."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import itertools
import math
import statistics
from typing import Any

import torch
from torch import Tensor
import torch.nn.functional as F

from ..checks import described
from .answers import (
    Exercise,
    NotYet,
    a_function,
    a_tensor,
    called,
    match_mistake,
    real_number,
    several,
    the_same,
)


def _combinations(*choices: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return every combination of one value of each mapping, under the messages of those values, joined. A right value
    has the message ``""``, and the combination of right values alone is left out."""
    combined = {}
    for picks in itertools.product(*(choice.items() for choice in choices)):
        message = " ".join(text for text, _ in picks if text)
        if message:
            combined[message] = tuple(value for _, value in picks)
    return combined


Rise = Callable[[float], float]
Fall = Callable[[float, float, float], float]

_TURN = 0.3

# In peaks, at a share of the way up.
_RISES: dict[str, Rise] = {
    "": lambda share: 0.1 + 0.9 * share,
    "Yours starts at 0. It has to start at peak / 10 and rise from there: "
    "peak / 10 + (peak − peak / 10) × step / (0.3 × steps).": lambda share: share,
    "Yours rises too high, to 1.1 × peak. From peak / 10 up to `peak` there are only 0.9 × peak to add.": (
        lambda share: 0.1 + share
    ),
    "Yours is at `peak` from the start. It has to rise there, from peak / 10.": lambda share: 1.0,
}
_TURNS = {
    "": _TURN,
    "Yours turns in the middle. It has to turn at 30 %, at step 0.3 × steps.": 0.5,
    "Yours turns at 70 %. It has to turn at 30 %: the rise is the short part.": 0.7,
}
# In peaks, at a step, with the number of steps and the step of the turn.
_FALLS: dict[str, Fall] = {
    "": lambda step, steps, turn: (steps - step) / (steps - turn),
    "Yours falls to peak / 10. At the end it has to be 0: peak × (steps − step) / (0.7 × steps).": (
        lambda step, steps, turn: 0.1 + 0.9 * (steps - step) / (steps - turn)
    ),
    "Yours falls too slowly and never gets to 0: the fall has 0.7 × steps for its way, not all the steps.": (
        lambda step, steps, turn: 1 - (step - turn) / steps
    ),
    "Yours jumps down at the turn: its fall goes over all the steps, as if it had begun at step 0. It begins at "
    "0.3 × steps: peak × (steps − step) / (0.7 × steps).": (
        lambda step, steps, turn: (steps - step) / steps
    ),
    "Yours does not fall after the turn. It has to: peak × (steps − step) / (0.7 × steps).": (
        lambda step, steps, turn: 1.0
    ),
    "Yours begins at 0 after the turn and rises again. Count the steps that are left, steps − step.": (
        lambda step, steps, turn: (step - turn) / (steps - turn)
    ),
}


def _cycle(
    step: int,
    steps: int,
    turn: float = _TURN,
    rise: Rise = _RISES[""],
    fall: Fall = _FALLS[""],
) -> float:
    """Return the learning rate at a step, in peaks; `turn` is the share of the steps that the rise takes."""
    if step < turn * steps:
        return rise(step / (turn * steps))
    return fall(step, steps, turn * steps)


def _learning_rate(answer: object) -> str:
    learning_rate = a_function(answer, "learning_rate(step, steps, peak)")
    schedules = [(100, 0.01), (20, 0.5), (1000, 0.004)]
    # Every step of each, or fifty of them. The turn is a whole step, and comes last.
    tried = [
        [*(step for step in range(0, steps + 1, max(1, steps // 50)) if step != turn), turn]
        for steps, turn in ((steps, round(_TURN * steps)) for steps, _ in schedules)
    ]
    results = []
    for (steps, peak), chosen in zip(schedules, tried, strict=True):
        rates = []
        for step in chosen:
            shown = f"learning_rate({step}, {steps}, {peak})"
            result = called(learning_rate, step, steps, peak, shown=shown)
            rates.append(real_number(result, f"What {shown} returns") / peak)
        results.append(torch.tensor(rates))

    def of(rate: Callable[[int, int, float], float]) -> Callable[[int], Tensor]:
        return lambda case: torch.tensor(
            [rate(step, *schedules[case]) / schedules[case][1] for step in tried[case]]
        )

    right = of(lambda step, steps, peak: peak * _cycle(step, steps))
    if all(the_same(result, right(case)) for case, result in enumerate(results)):
        return "Low while the network is raw, high in between, and 0 at the end, where it comes to rest."

    def without_the_turn(rate: Callable[[int, int, float], float]) -> Callable[[int], Tensor]:
        return lambda case: of(rate)(case)[:-1]  # at the turn itself `<` and `<=` differ

    if all((result == result[0]).all() for result in results):
        raise NotYet(
            "Yours is the same at every step. It has to depend on `step`: up to 0.3 × steps it rises, then it falls."
        )
    scales = {
        "": lambda peak: peak,
        "The multiplication by `peak` is missing: yours is right for a peak of 1 only.": lambda peak: (
            1.0
        ),
    }
    mistakes = {
        "Yours falls from the start: peak × (1 − step / steps). The rise is missing, from peak / 10 at step 0 to "
        "`peak` at 0.3 × steps.": lambda step, steps, peak: peak * (1 - step / steps),
        "Yours falls from the start. The rise is missing, from peak / 10 at step 0 to `peak` at 0.3 × steps; and at "
        "the end it has to be 0, not peak / 10.": lambda step, steps, peak: (
            peak * (1 - 0.9 * step / steps)
        ),
        **{
            message: lambda step, steps, peak, rise=rise, turn=turn, fall=fall, scale=scale: (
                scale(peak) * _cycle(step, steps, turn, rise, fall)
            )
            for message, (rise, turn, fall, scale) in _combinations(
                _RISES, _TURNS, _FALLS, scales
            ).items()
        },
    }
    match_mistake(
        [result[:-1] for result in results],
        {message: without_the_turn(rate) for message, rate in mistakes.items()},
    )
    for name, rates in _parts(tried[0], schedules[0][0], results[0]).items():
        if the_same(rates, rates[0].expand(len(rates))):
            raise NotYet(
                f"{name} yours stays at {rates[0].item() * schedules[0][1]:g}, for 100 steps and a peak of 0.01. It "
                f"has to change in a straight line. Did you divide with `//`? That cuts the fraction off; `/` keeps it."
            )
    for (steps, peak), chosen, result, case in zip(
        schedules, tried, results, range(len(schedules)), strict=True
    ):
        for step, given, wanted in zip(chosen, result, right(case), strict=True):
            if not the_same(given, wanted):
                raise NotYet(
                    f"learning_rate({step}, {steps}, {peak}) is {given.item() * peak:g} with yours, and should be "
                    f"{wanted.item() * peak:g}. Up to step {_TURN * steps:g} it is a straight line from peak / 10 to "
                    f"`peak`, then one from `peak` to 0 at step {steps}."
                )
    raise NotYet("The rates are off.")


def _parts(chosen: Sequence[int], steps: int, rates: Tensor) -> dict[str, Tensor]:
    """Return the rates of the rise and those of the fall, without its end, each under the beginning of a sentence."""
    at = torch.tensor(chosen)
    turn = _TURN * steps
    return {
        "Before the turn": rates[at < turn],
        "After the turn": rates[(at > turn) & (at < steps)],
    }


def _batches_of(answer: object) -> str:
    batches_of = a_function(answer, "batches_of(images, labels, batch_size)")
    generator = torch.Generator().manual_seed(0)
    for count, batch_size in ((10, 4), (6, 3), (3, 1), (5, 8)):
        images = torch.randint(256, (count, 28, 28), dtype=torch.uint8, generator=generator)
        labels = torch.randperm(10, generator=generator)[:count]
        shown = f"batches_of(images, labels, {batch_size}), with {count} images,"
        pairs = called(
            lambda images=images, labels=labels, batch_size=batch_size: _listed(
                batches_of(images.clone(), labels.clone(), batch_size), limit=3 * len(images)
            ),
            shown=shown,
        )
        batches = _pairs_of_tensors(pairs)
        for batch in batches:
            _judge_shape(*batch)
        _judge_sizes([len(batch) for batch, _ in batches], count, batch_size)
        for number, batch in enumerate(batches):
            start = number * batch_size
            chosen = slice(start, start + batch_size)
            _judge_pixels(batch[0], images[chosen].unsqueeze(1), start)
            _judge_labels(batch[1], labels[chosen], labels)
    return (
        "Bit for bit what a DataLoader with ToTensor gives. Here a batch is one slice and one division; there each "
        "picture is taken by itself."
    )


def _listed(result: object, limit: int) -> object:
    """Return a list of what a learner's list or generator holds, `limit` entries at most."""
    if result is None or result is ...:
        return result
    if isinstance(result, (Tensor, Mapping, str)) or not isinstance(result, Iterable):
        raise NotYet(
            f"It returns {described(result)}. Asked for is a list of pairs (images, labels), or a generator that "
            f"yields them."
        )
    return list(itertools.islice(result, limit))


def _pairs_of_tensors(entries: Sequence[object]) -> list[tuple[Tensor, Tensor]]:
    if len(entries) == 2 and all(isinstance(entry, Tensor) for entry in entries):
        raise NotYet(
            "It returns one pair, not a list of pairs. A `return` inside the loop ends the function at the first "
            "batch: append each pair to a list and return that after the loop, or write `yield` instead of `return`."
        )
    if len(entries) == 2 and all(
        isinstance(entry, (list, tuple)) and len(entry) > 2 for entry in entries
    ):
        raise NotYet(
            "It returns two lists. Asked for is one list of pairs, each batch of images with its labels; "
            "`zip` makes pairs of two lists."
        )
    pairs = []
    for entry in entries:
        if not isinstance(entry, (list, tuple)) or len(entry) != 2:
            raise NotYet(
                f"It gives {described(entry)} where a batch should be. Each has to be a pair (images, labels)."
            )
        images, labels = (
            a_tensor(part, f"The {name} entry of a pair, the {what},")
            for part, name, what in zip(
                entry, ("first", "second"), ("images", "labels"), strict=True
            )
        )
        if images.ndim < 2 < labels.ndim:
            raise NotYet("Your pairs are in the wrong order: first the images, then the labels.")
        pairs.append((images, labels))
    return pairs


def _judge_shape(images: Tensor, labels: Tensor) -> None:
    shape = list(images.shape)
    if len(shape) == 4 and shape[1:] == [1, 28, 28]:
        return
    said = f"A batch of images has the shape {shape}, and has to be [n, 1, 28, 28]. "
    if shape[-2:] == [28, 28] and labels.ndim == 0:
        raise NotYet(
            said
            + "Those are single digits. A slice, images[start : start + batch_size], holds several, and keeps the "
            "batch axis."
        )
    if len(shape) == 3 and shape[1:] == [28, 28]:
        raise NotYet(said + "The channel axis is missing: `unsqueeze(1)` adds it.")
    if len(shape) == 4 and shape[1:] == [28, 28, 1]:
        raise NotYet(
            said
            + "The channel axis stands at the end. It comes after the batch axis: unsqueeze(1)."
        )
    if len(shape) == 4 and shape[0] == 1 and shape[2:] == [28, 28]:
        raise NotYet(
            said
            + "The new axis stands in front, which makes one picture with many channels of it. "
            "The batch axis comes first: unsqueeze(1)."
        )
    raise NotYet(said + "Slice along the first axis, and add the channel axis with `unsqueeze(1)`.")


def _judge_sizes(sizes: list[int], count: int, batch_size: int) -> None:
    right = [min(batch_size, count - start) for start in range(0, count, batch_size)]
    if sizes == right:
        return
    overlapping = [min(batch_size, count - start) for start in range(count)]
    shown = f"{count} digits in batches of {batch_size} make batches of {right}. "
    if not sizes:
        raise NotYet(shown + "Yours gives no batch at all.")
    if sizes == right[:1]:
        raise NotYet(
            shown
            + "Yours stops after the first: is the `return` inside the loop? It belongs after it."
        )
    if sizes == right[:-1]:
        raise NotYet(shown + "Yours drops the last, smaller one: the digits that are left.")
    if sizes == [*right, 0]:
        raise NotYet(
            shown
            + "Yours ends with an empty one: `range(0, len(images), batch_size)` stops in time."
        )
    if sizes in (overlapping, overlapping[: count - batch_size + 1]):
        raise NotYet(
            shown
            + "Yours overlap: each starts one digit after the one before, and has to start batch_size digits "
            "after it, range(0, len(images), batch_size)."
        )
    if sizes == [len(piece) for piece in torch.arange(count).chunk(batch_size)]:
        raise NotYet(
            shown + f"Yours are {sizes}: `chunk` takes the number of pieces, `split` their size."
        )
    if set(sizes) == {count}:
        raise NotYet(
            shown
            + f"Each of yours holds all {count} images: slice them, images[start : start + batch_size]."
        )
    given = ", ".join(map(str, sizes[:8])) + (", …" if len(sizes) > 8 else "")
    raise NotYet(shown + f"Yours are [{given}].")


def _judge_pixels(images: Tensor, raw: Tensor, start: int) -> None:
    """Judge a batch's images, whose shape is right, from the uint8 ones that it has to hold, `raw`."""
    right = raw / 255
    if images.dtype == right.dtype and torch.equal(images, right):
        return
    match_mistake(
        [images],
        {
            "Your images still have values from 0 to 255. Divide by 255: that makes them float32 in [0, 1].": (
                lambda case: raw
            ),
            "Your images hold only 0 and 1: the fraction was cut off, by `//` or by a type of whole numbers. "
            "`/` gives float32.": lambda case: raw // 255,
            "You divided by 256. White is 255 and has to become exactly 1, so divide by 255.": (
                lambda case: raw / 256
            ),
            "Your images are inverted: what was black is white now.": lambda case: 1 - right,
        },
    )
    if images.dtype != right.dtype:
        raise NotYet(
            f"Your images are {str(images.dtype).removeprefix('torch.')}, and the weights of a network are float32. A "
            f"uint8 tensor divided by 255 is float32 by itself."
        )
    if not the_same(images, right):
        raise NotYet(
            f"The batch that starts at digit {start} does not hold the digits {start} to {start + len(raw) - 1}, in "
            f"their order and each as it was, divided by 255."
        )
    raise NotYet(
        "Nearly: some numbers differ from ToTensor's in their last bit. Divide float32 numbers by 255; "
        "to multiply them by 1/255 rounds twice."
    )


def _judge_labels(given: Tensor, right: Tensor, all_labels: Tensor) -> None:
    if given.shape != right.shape:
        if given.shape == all_labels.shape:
            raise NotYet(
                f"All {len(all_labels)} labels come with a batch of {len(right)} images: slice the labels as well."
            )
        raise NotYet(
            f"The labels of a batch of {len(right)} have the shape {list(given.shape)}, and have to be "
            f"{list(right.shape)}."
        )
    if not torch.equal(given.double(), right.double()):
        raise NotYet(
            "The images are right, but their labels are those of other digits: slice both alike."
        )
    if given.dtype != right.dtype:
        raise NotYet(
            f"The labels are {str(given.dtype).removeprefix('torch.')} now. Leave them int64: the loss takes whole "
            f"numbers for classes."
        )


def _smoothed_targets(answer: object) -> str:
    smoothed_targets = a_function(answer, "smoothed_targets(labels, smoothing)")
    first_labels = torch.tensor([5, 0, 4, 1, 9, 2, 1, 3, 1, 4])  # of the training set
    cases = [
        (first_labels[:count], smoothing)
        for count, smoothing in ((4, 0.1), (10, 0.4), (1, 0.25), (3, 0.0))
    ]
    results = []
    for labels, smoothing in cases:
        shown = f"smoothed_targets(labels, {smoothing}), with {len(labels)} labels,"
        result = called(smoothed_targets, labels.clone(), smoothing, shown=shown)
        results.append(a_tensor(result, f"What {shown} returns", rank=2, axes="N, classes"))

    def of(formula: Callable[[Tensor, float], Tensor]) -> Callable[[int], Tensor]:
        return lambda case: formula(F.one_hot(cases[case][0], 10).float(), cases[case][1])

    right = of(lambda ones, s: (1 - s) * ones + s / 10)
    if all(the_same(result, right(case)) for case, result in enumerate(results)):
        return (
            "With them cross_entropy(logits, targets) is cross_entropy(logits, labels, label_smoothing=smoothing). "
            "Try it."
        )
    match_mistake(
        results,
        {
            "Yours is plain one-hot: `smoothing` makes no difference. The right class gives up some of its 1, and all "
            "ten share that: 1 − s + s / 10 and nine times s / 10.": of(lambda ones, s: ones),
            "Your right class has 1 − s, and the other nine share s. That is a definition too, but not PyTorch's: "
            "it spreads s over all ten, the right one as well, 1 − s + s / 10 and s / 10.": of(
                lambda ones, s: (1 - s) * ones + s / 9 * (1 - ones)
            ),
            "Your rows sum to 1 − s / 10, less than 1. The right class gets its tenth of s too: 1 − s + s / 10.": of(
                lambda ones, s: (1 - s) * ones + s / 10 * (1 - ones)
            ),
            "Your right class is still 1, so the rows sum to more than 1. What the others get it gives up: "
            "1 − s + s / 10.": of(lambda ones, s: ones + s / 10 * (1 - ones)),
            "Your rows sum to 1 + s: you gave s / 10 to each class and took nothing away. First multiply the one-hot "
            "rows by 1 − s.": of(lambda ones, s: ones + s / 10),
            "Your rows sum to 1 − s: you took s away from the right class and gave it to nobody. Add s / 10 to all "
            "ten.": of(lambda ones, s: (1 - s) * ones),
            "All your classes have s / 10. The right one is missing its 1 − s.": of(
                lambda ones, s: torch.full_like(ones, s / 10)
            ),
            "You exchanged right and wrong: the right class has s / 10 in yours, and each other 1 − s + s / 10.": of(
                lambda ones, s: (1 - s) * (1 - ones) + s / 10
            ),
            "You exchanged ones and zeros: the right class has 0 in yours, and the others 1. And `smoothing` makes no "
            "difference yet.": of(lambda ones, s: 1 - ones),
            "Yours is transposed, [classes, N]. Each digit has a row: [N, classes].": of(
                lambda ones, s: ((1 - s) * ones + s / 10).T
            ),
        },
    )
    for (labels, smoothing), result in zip(cases, results, strict=True):
        if not result.is_floating_point():
            raise NotYet(
                f"Yours is {str(result.dtype).removeprefix('torch.')}, and what is no whole number is cut off in it: "
                f"0.91 becomes 0. Make it float."
            )
        if list(result.shape) != [len(labels), 10]:
            raise NotYet(
                f"For {len(labels)} labels yours has the shape {list(result.shape)}, and has to be "
                f"[{len(labels)}, 10]: a row for each digit, whatever labels occur."
            )
        wanted = torch.full((10,), smoothing / 10)
        wanted[labels[0]] += 1 - smoothing
        if not the_same(result[0], wanted):
            rounded = [round(value, 3) for value in result[0].tolist()]
            raise NotYet(
                f"For the label {labels[0].item()} and a smoothing of {smoothing} your row is {rounded}. Asked for is "
                f"1 − s + s / 10 = {wanted.max().item():g} at {labels[0].item()} and s / 10 = "
                f"{smoothing / 10:g} at the other nine."
            )
    raise NotYet(
        "The first row of each batch is right, the others are not: each has its own label."
    )


_DIRECTIONS = {
    "": lambda down, right: (down, right),
    "Yours moves up instead of down, and left instead of right.": lambda down, right: (
        -down,
        -right,
    ),
    "Yours moves up instead of down. Row 0 is at the top.": lambda down, right: (-down, right),
    "Yours moves left instead of right.": lambda down, right: (down, -right),
    "Rows and columns are exchanged: `down` moves along H, the axis before the last, and `right` along W.": (
        lambda down, right: (right, down)
    ),
    "Yours makes no difference: the pictures come back as they were.": lambda down, right: (0, 0),
    "Yours moves the rows only: `right` makes no difference.": lambda down, right: (down, 0),
    "Yours moves the columns only: `down` makes no difference.": lambda down, right: (0, right),
}


def _moved(images: Tensor, down: int, right: int) -> Tensor:
    return F.pad(images, (right, -right, down, -down))  # a negative padding crops


def _with_old_pixels(images: Tensor, down: int, right: int) -> Tensor:
    covered = _moved(torch.ones_like(images), down, right).bool()
    return torch.where(covered, _moved(images, down, right), images)


_EDGES = {
    "": _moved,
    "What goes out on one side comes back on the other, as `torch.roll` has it. What comes in has to be black, 0.": (
        lambda images, down, right: images.roll((down, right), dims=(2, 3))
    ),
    "What comes in has to be black, 0; in yours the old pixels still stand there. Start from zeros, not from a copy.": (
        _with_old_pixels
    ),
}


def _shifted(answer: object) -> str:
    shifted = a_function(answer, "shifted(images, down, right)")
    generator = torch.Generator().manual_seed(0)
    # No pixel is black before, so that black ones are those that came in.
    pictures = [
        0.1 + 0.9 * torch.rand(*shape, generator=generator)
        for shape in [(2, 1, 6, 9), (3, 1, 7, 5)]
    ]
    empty = (
        "A slice that ends at -0 is empty, because -0 is 0: [:-down] with down = 0 is [:0]. Count from the front, "
        "[: height - down], or pad with F.pad, which takes zero and negative numbers too."
    )
    negative = (
        "Negative shifts move up and left: rows then go out at the top, and black ones come in at the bottom. "
        "F.pad takes negative numbers, and crops with them."
    )
    stages = [
        ([(1, 2), (3, 1), (2, 4)], "", ""),
        ([(-1, -2), (-3, -1), (2, -1), (-2, 3)], "Right for shifts above 0", negative),
        ([(0, 0), (0, 2), (3, 0), (0, -1), (-2, 0)], "Right for shifts other than 0", empty),
    ]
    changed = False
    for moves, passed, advice in stages:
        cases = [(images, *move) for images in pictures for move in moves]
        results = []
        for images, down, right in cases:
            given = images.clone()
            shown = f"shifted(images, {down}, {right})"
            result = called(
                shifted,
                given,
                down,
                right,
                shown=shown,
                advice={"": f"{passed}. {advice}"} if passed else None,
            )
            results.append(a_tensor(result, f"What {shown} returns"))
            changed |= not torch.equal(given, images)
        if all(
            the_same(result, _moved(*case)) for case, result in zip(cases, results, strict=True)
        ):
            continue
        if passed:
            _judge_later_stage(cases, results, passed, advice)
        match_mistake(
            results,
            {
                message: lambda case, edge=edge, turned=turned, cases=cases: edge(
                    cases[case][0], *turned(*cases[case][1:])
                )
                for message, (turned, edge) in _combinations(_DIRECTIONS, _EDGES).items()
            },
        )
        if changed:
            raise NotYet(
                "You write into the pictures that you read from, and read pixels that are overwritten already. "
                "Start from torch.zeros_like(images)."
            )
        _judge_size_and_edge(cases, results)
    if changed:
        raise NotYet(
            "What you return is right, but your function also changes the images that it is given: whoever uses those "
            "again finds them moved. Write into torch.zeros_like(images), or into a clone."
        )
    return (
        "A digit a few pixels further on is the same digit, and for a network a new picture that nobody had to write. "
        "In training each digit gets a shift of its own."
    )


def _judge_later_stage(
    cases: Sequence[tuple[Tensor, int, int]], results: Sequence[Tensor], passed: str, advice: str
) -> None:
    """Raise `NotYet` for a function that is right for other shifts, as `passed` says."""
    for (images, down, right), result in zip(cases, results, strict=True):
        if not the_same(result, _moved(images, down, right)):
            said = "is not yet"
            if result.shape != images.shape:
                said = f"has the shape {list(result.shape)}, and has to have {list(images.shape)}"
            raise NotYet(f"{passed}, but shifted(images, {down}, {right}) {said}. {advice}")


def _judge_size_and_edge(
    cases: Sequence[tuple[Tensor, int, int]], results: Sequence[Tensor]
) -> None:
    """Raise `NotYet` for a function that does not even fit the shifts above 0, nor any known mistake."""
    for (images, down, right), result in zip(cases, results, strict=True):
        shown = f"shifted(images, {down}, {right}), with images {list(images.shape)},"
        height, width = images.shape[2:]
        if result.shape != images.shape:
            why = ""
            if result.shape[2:] == (height + down, width + right):
                why = " You padded on one side; now crop as much on the other."
            if result.shape[2:] == (height - down, width - right):
                why = " You cropped on one side; now pad as much on the other, with zeros."
            raise NotYet(f"{shown} has the shape {list(result.shape)}. The size has to stay.{why}")
        if the_same(result[:, :, down:, right:], images[:, :, : height - down, : width - right]):
            raise NotYet(
                f"{shown} moves the pixels rightly, but what comes in at the top and on the left has to be black, 0."
            )
    _, down, right = cases[0]
    raise NotYet(
        f"With shifted(images, {down}, {right}) the pixels are not where they belong: images[n, 0, row, column] has to "
        f"be found at [n, 0, row + {down}, column + {right}], and what comes in is 0."
    )


Accuracies = list[float]
Variance = Callable[[Accuracies], float]

# What is compared, of a list of accuracies.
_MIDDLES = {
    "": statistics.fmean,
    "You compare the best of each. The best of many is luck more than anything: compare the means.": max,
    "You compare the sums. Divide each by the number of its seeds.": sum,
}
_SIGNS = {
    "": lambda first, second: second - first,
    "The sign is turned round: it is second − first, above 0 if the second is better.": (
        lambda first, second: first - second
    ),
    "The sign is lost: a second that is worse has to give a difference below 0.": (
        lambda first, second: abs(second - first)
    ),
}
_SPREADS = {
    "": statistics.variance,
    "Your standard deviation divides by n, and comes out too small. Divide by n − 1, as `statistics.stdev` and torch's "
    "`std` do; `statistics.pstdev` and NumPy's `std` divide by n.": statistics.pvariance,
}
_FORMULA = "It is sqrt(s1² / n1 + s2² / n2)."

# Of the variance and length of each list, and the variance of both lists as one.
_ERRORS = {
    "": lambda v1, n1, v2, n2, both: math.sqrt(v1 / n1 + v2 / n2),
    f"That is the spread of single runs: the division by n is missing. A mean of n runs spreads less. {_FORMULA}": (
        lambda v1, n1, v2, n2, both: math.sqrt(v1 + v2)
    ),
    f"You added the two standard errors. Their squares add up, and the root comes last. {_FORMULA}": (
        lambda v1, n1, v2, n2, both: math.sqrt(v1 / n1) + math.sqrt(v2 / n2)
    ),
    f"The square root is missing: that is the variance of the difference. {_FORMULA}": (
        lambda v1, n1, v2, n2, both: v1 / n1 + v2 / n2
    ),
    f"You forgot to square the standard deviations before you divide by n. {_FORMULA}": (
        lambda v1, n1, v2, n2, both: math.sqrt(math.sqrt(v1) / n1 + math.sqrt(v2) / n2)
    ),
    f"You divided by n² under the root: divide the variance by n, or the standard deviation by sqrt(n). {_FORMULA}": (
        lambda v1, n1, v2, n2, both: math.sqrt(v1 / n1**2 + v2 / n2**2)
    ),
    f"That is the spread of both lists as one, which holds their difference too. Each has a spread of its own. "
    f"{_FORMULA}": lambda v1, n1, v2, n2, both: math.sqrt(both),
    f"That is the standard error of both lists as one, which holds their difference too. Each has a spread of its own. "
    f"{_FORMULA}": lambda v1, n1, v2, n2, both: math.sqrt(both / (n1 + n2)),
}


def _error(
    first: Accuracies,
    second: Accuracies,
    formula: Callable[..., float] = _ERRORS[""],
    variance: Variance = statistics.variance,
) -> float:
    both = variance(first + second)
    return formula(variance(first), len(first), variance(second), len(second), both)


def _difference(answer: object) -> str:
    difference = a_function(answer, "difference(first, second)")
    cases = [
        ([98.0, 98.6, 98.9], [99.1, 98.8, 99.4, 98.5, 99.0]),
        ([97.0, 98.5], [96.2, 97.9, 96.1, 95.0]),
        ([98.9, 99.2, 98.2, 99.3], [98.5, 97.1, 98.8]),
        ([96.0, 97.0, 97.5], [98.2, 97.1, 98.8]),
    ]
    names = ("the difference of the means", "its standard error")
    differences, errors = [], []
    for first, second in cases:
        shown = f"difference({first}, {second})"
        result = called(
            difference,
            list(first),
            list(second),
            shown=shown,
            advice={
                "could not be broadcast": "The lists need not have the same length. Take the mean of each first.",
                "for -: 'list' and 'list'": "Lists cannot be subtracted. Take the mean of each first.",
            },
        )
        gap, error = (
            real_number(value, f"With {shown}, {name}")
            for value, name in zip(several(result, names), names, strict=True)
        )
        differences.append(torch.tensor(gap))
        errors.append(torch.tensor(error))

    def of(formula: Callable[[Accuracies, Accuracies], float]) -> Callable[[int], Tensor]:
        return lambda case: torch.tensor(formula(*cases[case]))

    def mean_gap(first: Accuracies, second: Accuracies) -> float:
        return statistics.fmean(second) - statistics.fmean(first)

    def is_right(
        given: Sequence[Tensor], formula: Callable[[Accuracies, Accuracies], float]
    ) -> bool:
        return all(the_same(one, of(formula)(case)) for case, one in enumerate(given))

    if is_right(differences, _error) and is_right(errors, mean_gap):
        raise NotYet(f"Both numbers are right, in the wrong order: ({', '.join(names)}).")
    if not is_right(differences, mean_gap):
        match_mistake(
            differences,
            {
                message: of(
                    lambda first, second, middle=middle, sign=sign: sign(
                        middle(first), middle(second)
                    )
                )
                for message, (middle, sign) in _combinations(_MIDDLES, _SIGNS).items()
            },
        )
        _say_what_is_off(
            cases, differences, mean_gap, "the difference of the means, second − first"
        )
    if not is_right(errors, _error):
        match_mistake(
            errors,
            {
                f"The difference is right, its standard error is not. {message}": of(
                    lambda first, second, formula=formula, variance=variance: _error(
                        first, second, formula, variance
                    )
                )
                for message, (formula, variance) in _combinations(_ERRORS, _SPREADS).items()
            },
        )
        _say_what_is_off(cases, errors, _error, "the standard error, sqrt(s1² / n1 + s2² / n2)")
    return (
        "A difference of less than twice its standard error may be luck. With four times as many seeds the error is "
        "about half as large."
    )


def _say_what_is_off(
    cases: Sequence[tuple[Accuracies, Accuracies]],
    given: Sequence[Tensor],
    formula: Callable[[Accuracies, Accuracies], float],
    what: str,
) -> None:
    rights = [formula(*case) for case in cases]
    if all(abs(one - right) < 0.0051 for one, right in zip(given, rights, strict=True)):
        raise NotYet(f"Do not round {what}: return it as it is.")
    for (first, second), one, right in zip(cases, given, rights, strict=True):
        if not the_same(one, torch.tensor(right)):
            raise NotYet(
                f"For {first} and {second} {what}, is {right:.3f}; yours is {one.item():.3f}."
            )


EXERCISES = {
    "5.1": Exercise(
        "two straight lines. Up to step 0.3 × steps the share of the way up is step / (0.3 × steps), and the way goes "
        "from peak / 10 to `peak`. After that (steps − step) / (0.7 × steps) goes from 1 down to 0.",
        _learning_rate,
    ),
    "5.2": Exercise(
        "let `start` run through range(0, len(images), batch_size); a slice may reach beyond the end. `unsqueeze(1)` "
        "adds the channel axis, a division by 255 makes float32. Append each pair to a list, or `yield` it.",
        _batches_of,
    ),
    "5.3": Exercise(
        "start from one-hot rows, F.one_hot(labels, 10), which sum to 1. What do you multiply them by, and what do you "
        "add to all ten, so that they still do?",
        _smoothed_targets,
    ),
    "5.4": Exercise(
        "F.pad(images, (left, right, top, bottom)) adds black columns and rows, and a negative number takes some away. "
        "What is added on one side has to be taken away on the other.",
        _shifted,
    ),
    "5.5": Exercise(
        "`statistics.mean` and `statistics.stdev` take a list; stdev divides by n − 1. The squares of the two standard "
        "errors add up: sqrt(s1² / n1 + s2² / n2). Return (difference, standard error).",
        _difference,
    ),
}
