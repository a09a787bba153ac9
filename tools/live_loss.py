"""What the live loss curve costs: ``python tools/live_loss.py`` trains with it and without it,
eight times in turn, and prints each ratio of the times (some ten minutes)."""

import itertools
import statistics
import time

from mnist_helpers.data import make_loaders
from mnist_helpers.models import CNN
from mnist_helpers.training import fit, get_device
from mnist_helpers.widgets import LiveLoss
import torch


def seconds_of_training(batches: list, live: bool) -> float:
    torch.manual_seed(0)
    model = CNN().to(get_device(), memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    options = {"on_batch": LiveLoss(len(batches)).add} if live else {}
    start = time.perf_counter()
    fit(model, batches, optimizer, epochs=1, progress=False, **options)
    return time.perf_counter() - start


def main() -> None:
    batches = list(itertools.islice(make_loaders()[0], 600))
    ratios = []
    for number in range(8):
        # Who is first changes: a computer that becomes slower meanwhile then favours neither.
        order = (True, False) if number % 2 else (False, True)
        seconds = {live: seconds_of_training(batches, live) for live in order}
        ratios.append(seconds[True] / seconds[False])
        print(f"{ratios[-1]:.3f}", flush=True)
    print(f"median {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
