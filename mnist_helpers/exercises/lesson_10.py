"""The exercises of lesson 10."""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial, reduce
from queue import Empty, SimpleQueue

import torch
from torch import Tensor
from torch.utils.data import DistributedSampler

from .engine import Code, Free, Given, Values, refuse, same

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
        {"Three are left over. How many more make one for each of seven?": 3},
        {
            "The last batch is smaller, and counts.": 267,
            "That is one process alone.": 1_875,
        },
    ],
)


def _orders(number: Callable[[int], int] = lambda epoch: epoch, shuffle: bool = True) -> Callable:
    def orders(digits: int, processes: int, rank: int, epochs: int) -> Tensor:
        sampler = DistributedSampler(range(digits), processes, rank, shuffle)
        return torch.tensor([sampler.set_epoch(number(n)) or [*sampler] for n in range(epochs)])

    return orders


EXERCISES["10.3"] = Code(
    call="orders(digits, processes, rank, epochs)",
    hint="the sampler does not count epochs. Which of its methods tells it, and when?",
    praise="Without that line nothing fails, and every epoch has the order of the first.",
    cases=[(12, 2, 0, 3), (9, 2, 1, 4), (10, 3, 2, 2)],
    tidy=lambda result: torch.tensor(result) if isinstance(result, list) else result,
    right=_orders(),
    mistakes={
        "Each epoch has the same order: the sampler is not told the epoch.": _orders(lambda _: 0),
        "The sampler is told too late: its second order is its first.": (
            _orders(lambda epoch: max(0, epoch - 1))
        ),
        "Nothing is shuffled.": _orders(shuffle=False),
        "Those are all digits. Give the sampler `processes` and `rank`.": (
            lambda digits, _, rank, epochs: _orders()(digits, 1, 0, epochs)
        ),
        "That is process 0's share.": lambda *case: _orders()(*case[:2], 0, case[3]),
    },
    clue="Give a list for each epoch, of what `list(sampler)` is then.",
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
            "Each of the 2 × 3 pieces is a quarter of the gradients.": 4 * _SECONDS,
        },
        {
            "You left the sending out.": 4.0,
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
    pair = "To each `receive` belongs a `send`, made before that process waits."
    advice = {"for ever": f"{pair} After the last comes 0: (rank + 1) % processes."}

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
    refuse({"Your function changes its own tensor. Begin with a copy.": changed})
    return torch.stack([thread.result() for thread in threads])


_ALL_REDUCE = Code(
    call="in_processes(processes)",
    hint="begin with a copy. Then processes − 1 times: send on, first your own, later what came "
    "in last; receive from the one before, and add that to the copy.",
    praise="Each sends the whole tensor n − 1 times. A real ring cuts it into n pieces.",
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


def _judge_all_reduce(answer: object) -> str:
    return _ALL_REDUCE.judge(partial(_in_processes, answer))


EXERCISES["10.5"] = Free(hint=_ALL_REDUCE.hint, judge=_judge_all_reduce)
