"""The exercises of lesson 10."""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial, reduce
from queue import Empty, SimpleQueue

import torch
from torch import Tensor
from torch.utils.data import DistributedSampler

from .engine import Code, Free, Given, Values, _in_tensor, refuse, same

EXERCISES = {}

EXERCISES["10.1"] = Values(
    right={"gradient": 2.5},
    hint="each is the gradient of a mean: do with it what exercise 4.2 does with a loss.",
    praise="With parts of one size it is the plain mean, and that is all that processes do.",
    mistakes=[
        {
            "That is the plain mean. Each of the 16 digits would count three times.": 3.0,
            "You added up gradient × size. Divide by 64.": 160.0,
            "Divide by the 64 digits, not by the two parts.": 80.0,
            "Multiply each gradient by the size of its part before you add up.": 0.09375,
            "You added them up. Weigh each by its share of the 64 digits.": 6.0,
            "The weights are exchanged: the larger part counts for more.": 3.5,
        }
    ],
)

EXERCISES["10.2"] = Values(
    right={"digits of each process": 8_572, "digits dealt twice": 4, "steps": 268},
    hint="round 60,000 / 7 up. By how many is seven times that more? Then divide by 32.",
    praise="All take their steps together: 268, in place of 1,875 with one process.",
    mistakes=[
        {"With 8,571 each, three digits are left out. Round up.": 8_571},
        {
            "Three are left over. How many more make one for each of seven?": 3,
            "So many are dealt. How many more is that than there are?": 60_004,
        },
        {
            "That is of all seven. They take their steps together.": 1_876,
            "The last batch is smaller, and counts.": 267,
            "That is one process alone.": 1_875,
        },
    ],
)


def _orders(number: Callable = lambda epoch: epoch, shuffle: bool = True) -> Callable:
    def orders(digits, processes, rank, epochs):
        sampler = DistributedSampler(range(digits), processes, rank, shuffle)
        return torch.tensor([sampler.set_epoch(number(n)) or [*sampler] for n in range(epochs)])

    return orders


EXERCISES["10.3"] = Code(
    call="orders(digits, processes, rank, epochs)",
    hint="the sampler does not count epochs. Which of its methods tells it, and when?",
    praise="Without that line nothing fails, and every epoch has the order of the first.",
    cases=[(12, 2, 0, 3), (9, 2, 1, 4), (10, 3, 2, 2)],
    tidy=_in_tensor,
    right=_orders(),
    mistakes={
        "Each epoch has the same order: the sampler is not told the epoch.": _orders(lambda _: 0),
        "Tell the sampler the epoch before, not after.": _orders(lambda n: max(0, n - 1)),
        "Yours counts the epochs from 1. Count from 0.": _orders(lambda epoch: epoch + 1),
        "Is the `return` inside the loop? It belongs after it.": lambda *case: _orders()(*case)[:1],
        "Nothing is shuffled.": _orders(shuffle=False),
        "Those are all: hand on `processes` and `rank`.": lambda n, p, r, e: _orders()(n, 1, 0, e),
        "That is process 0's share.": lambda *case: _orders()(*case[:2], 0, case[3]),
    },
    clue="Give a list for each epoch, of what `list(sampler)` is then.",
    advice={"Invalid rank": "`num_replicas` is `processes`, and comes before `rank`."},
)

_SECONDS = 2 * 3 / 4 * 41_264_800 / 125e6

EXERCISES["10.4"] = Values(
    right={"seconds of sending": _SECONDS, "times as fast": 0.4 / (0.1 + _SECONDS)},
    tolerance=0.006,
    hint="each sends 2 × 3 quarters of the bytes. A step is then a quarter of 0.4 s, and that.",
    praise="Slower than alone! A wire ten times as quick would make it 2.7 times as fast.",
    mistakes=[
        {
            "That is the gradients once. Each process sends 2 × 3 quarters of them.": 0.330,
            "That adds up only. Handing out takes as much again.": _SECONDS / 2,
            "Each of the 2 × 3 pieces is a quarter of the gradients.": 4 * _SECONDS,
        },
        {
            "You left the sending out.": 4.0,
            "A step takes each of four 0.1 s, and the sending.": 0.4 / (0.4 + _SECONDS),
            "Divide the time of one by that of four.": (0.1 + _SECONDS) / 0.4,
        },
    ],
)


def _own(processes: int) -> Tensor:
    return 10.0 ** torch.arange(processes)[:, None] + torch.arange(3)


def _sums(processes: int) -> Tensor:
    return _own(processes).sum(dim=0).expand(processes, 3)


def _in_processes(function: object, processes: int) -> Tensor:
    """Return what each of several threads, in place of processes, makes of its row."""
    boxes, rows = defaultdict(SimpleQueue), _own(processes)
    advice = {
        "for ever": "To each `receive` belongs a `send`, made before that process waits. After the "
        "last comes 0: (rank + 1) % processes."
    }

    def run(rank: int) -> Tensor:
        def receive(source: int) -> Tensor:
            try:
                return boxes[source, rank].get(timeout=2)
            except Empty:
                raise TimeoutError(f"process {rank} waits for {source}, and for ever") from None

        def send(tensor: Tensor, to: int) -> None:
            boxes[rank, to].put(tensor.clone())

        given = Given(function, "all_reduce(tensor, rank, processes, send, receive)", advice)
        return given.call(rows[rank], rank, processes, send, receive).tensor()

    with ThreadPoolExecutor(processes) as pool:
        threads = [pool.submit(run, rank) for rank in range(processes)]
        for thread in as_completed(threads):
            thread.result()  # raises what failed first, and not who waited for that one
    changed = not same(rows, _own(processes))
    unread = any(a != b and not box.empty() for (a, b), box in boxes.items())
    refuse(
        {
            "Your function changes its own tensor. Begin with a copy.": changed,
            "Not all that is sent is received: the next call will take it for its own.": unread,
        }
    )
    return torch.stack([thread.result() for thread in threads])


_ALL_REDUCE = Code(
    call="in_processes(processes)",
    hint="begin with a copy. Then processes − 1 times: send on, first your own, later what came "
    "in last; receive from the one before, and add that to the copy.",
    praise="In a ring each sends the whole tensor n − 1 times. A real one cuts it into n pieces.",
    cases=[(2,), (3,), (5,), (1,)],
    right=_sums,
    mistakes={
        "Each process returns its own numbers.": _own,
        "That is the mean. All-reduce adds up.": lambda n: _sums(n) / n,
        "Each has one neighbour's numbers. Go on.": lambda n: _own(n) + _own(n).roll(1, 0),
        "You send sums on, so numbers are added several times. Send what came in last.": (
            lambda n: reduce(lambda rows, _: rows + rows.roll(1, 0), range(n - 1), _own(n))
        ),
        "Only process 0 has the sum.": lambda n: torch.cat([_sums(n)[:1], _own(n)[1:]]),
    },
    clue="Row r is what process r returns, and each has to return the sum of all.",
)


EXERCISES["10.5"] = Free(
    hint=_ALL_REDUCE.hint, judge=lambda answer: _ALL_REDUCE.judge(partial(_in_processes, answer))
)
