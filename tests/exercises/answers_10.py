import torch
from torch.utils.data import DistributedSampler


def ring(tensor, rank, count, send, receive, rounds=None, sums=False):
    total, passed = tensor.clone(), tensor
    for _ in range(count - 1 if rounds is None else rounds):
        send(total if sums else passed, (rank + 1) % count)
        passed = receive((rank - 1) % count)
        total += passed
    return total


def through_process_0(tensor, rank, count, send, receive):
    if rank:
        send(tensor, 0)
        return receive(0)
    total = sum((receive(source) for source in range(1, count)), tensor)
    for other in range(1, count):
        send(total, other)
    return total


def to_everybody(tensor, rank, count, send, receive):
    for other in range(count):
        send(tensor, other)
    return sum(receive(other) for other in range(count))


def raising_in_process_1(tensor, rank, count, send, receive):
    if rank == 1:
        raise OSError("a cable")
    return ring(tensor, rank, count, send, receive)


def sampled_by_seed(digits, processes, rank, epochs):
    samplers = [DistributedSampler(range(digits), processes, rank, seed=n) for n in range(epochs)]
    return [list(sampler) for sampler in samplers]


def lists_in(container):
    return lambda *case: container(sampled_by_seed(*case))


ANSWERS = [
    ("10.3", sampled_by_seed, "Right. "),
    *[("10.3", lists_in(container), "Right. ") for container in (tuple, iter, torch.tensor)],
    ("10.3", lists_in(lambda lists: [*torch.tensor(lists)]), "Right. "),
    ("10.3", lists_in(lambda lists: dict(enumerate(lists))), "Right. "),
    ("10.3", lambda *_: [DistributedSampler(range(9), 2, 0)], "numbers alone"),
    ("10.3", lambda n, p, rank, epochs: sampled_by_seed(n, rank, p, epochs), "`num_replicas` is"),
    ("10.3", lists_in(lambda lists: lists[0]), "has the shape"),
    ("10.4", (0.5, 0.67), "Right. "),
    *[("10.5", right, "Right. ") for right in (through_process_0, to_everybody)],
    ("10.5", lambda tensor, *_: tensor, "returns its own numbers"),
    ("10.5", lambda *case: ring(*case) / case[2], "That is the mean"),
    ("10.5", lambda *case: ring(*case, rounds=1), "one neighbour's numbers"),
    ("10.5", lambda *case: ring(*case, sums=True), "You send sums on"),
    ("10.5", lambda *case: [through_process_0(*case), case[0]][case[1] > 0], "Only process 0 has"),
    ("10.5", lambda *case: case[0].copy_(ring(*case)), "changes its own tensor"),
    # Nobody waits for what a process sends itself.
    ("10.5", lambda *c: [ring(*c), c[3](c[0], 0)][0], "Not all that is sent is received"),
    ("10.5", lambda *case: case[3](case[0], case[1]) or ring(*case), "Right. "),
    ("10.5", lambda *c: c[4](1 - c[1]), "for ever\nTo each `receive` belongs a `send`"),
    ("10.5", lambda x, r, _, send, get: send(x, r + 1) or get(r - 1), "waits for -1, and for ever"),
    ("10.5", raising_in_process_1, "raises OSError: a cable"),
    ("10.5", lambda *c: ring(*c) if c[2] > 1 else c[4](0), "process 0 waits for 0, and for ever"),
]
