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


def not_handed_back(tensor, rank, count, send, receive):
    total = through_process_0(tensor, rank, count, send, receive)
    return tensor if rank else total


def changing_its_own(tensor, rank, count, send, receive):
    tensor += ring(tensor, rank, count, send, receive) - tensor
    return tensor


def receiving_first(tensor, rank, count, send, receive):
    received = receive((rank - 1) % count)
    send(tensor, (rank + 1) % count)
    return tensor + received


def without_a_remainder(tensor, rank, count, send, receive):
    send(tensor, rank + 1)
    return tensor + receive(rank - 1)


def raising_in_process_1(tensor, rank, count, send, receive):
    if rank == 1:
        raise OSError("a cable")
    return ring(tensor, rank, count, send, receive)


def failing_alone(tensor, rank, count, send, receive):
    return ring(tensor, rank, count, send, receive) if count > 1 else receive(0)


def sampled_by_seed(digits, processes, rank, epochs):
    samplers = [DistributedSampler(range(digits), processes, rank, seed=n) for n in range(epochs)]
    return [list(sampler) for sampler in samplers]


ANSWERS = [
    ("10.3", sampled_by_seed, "Right. "),
    ("10.3", lambda *case: sampled_by_seed(*case)[0], "has the shape"),
    ("10.4", (0.5, 0.67), "Right. "),
    *[("10.5", right, "Right. ") for right in (through_process_0, to_everybody)],
    ("10.5", lambda tensor, *_: tensor, "returns its own numbers"),
    ("10.5", lambda *case: ring(*case) / case[2], "That is the mean"),
    ("10.5", lambda *case: ring(*case, rounds=1), "one neighbour's numbers"),
    ("10.5", lambda *case: ring(*case, sums=True), "You send sums on"),
    ("10.5", not_handed_back, "Only process 0 has the sum"),
    ("10.5", changing_its_own, "changes its own tensor"),
    ("10.5", receiving_first, "for ever\nTo each `receive` belongs a `send`"),
    ("10.5", without_a_remainder, "waits for -1, and for ever"),
    ("10.5", raising_in_process_1, "raises OSError: a cable"),
    ("10.5", failing_alone, "process 0 waits for 0, and for ever"),
]
