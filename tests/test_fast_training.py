import copy
import ctypes
import functools
import os
import platform
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import Mock

from by_hand import batches, cycle, digits, linear, network, weights
from mnist_helpers.training import evaluate, fast, fit_fast, fit_one_cycle
from mnist_helpers.training.fast import averaged, choose_precision, one_cycle
import pytest
import torch
from torch import nn
import torch.nn.functional as F

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch, random_numbers_stay):
    """A network's step takes a second, or `float32` of them; the first of each kind 50 more."""

    def step(*_):
        kind = torch.is_autocast_enabled("cpu")
        clock.now += (1 if kind else clock.float32) + 50 * (kind not in clock.steps)
        clock.steps.append(kind)
        assert torch.get_num_threads() == 1
        if kind and clock.float32 == 0:
            raise NotImplementedError("no such type here")

    def slow_network():
        model = linear()
        model.register_forward_pre_hook(step)
        return model

    clock = SimpleNamespace(now=0, float32=3, steps=[], perf_counter=lambda: clock.now)
    monkeypatch.setattr(fast, "time", clock)
    monkeypatch.setattr(fast, "CNN", slow_network)
    monkeypatch.setenv("MNIST_PRECISION", "")
    fast._speed_of_bfloat16.cache_clear()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield clock
    torch.set_num_threads(threads)
    fast._speed_of_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("seconds", "name", "found"),
    [
        (1.19, "float32", "measured 1.19 times as fast as float32"),
        (1.25, "bfloat16", "measured 1.25 times as fast as float32"),
        (0, "float32", "does not run here"),
    ],
)
def test_bfloat16_is_chosen_where_it_is_faster_by_a_fifth(clock, seconds, name, found):
    clock.float32 = seconds
    chosen = choose_precision(CPU)
    assert torch.get_num_threads() == 2
    assert chosen == (getattr(torch, name), f"precision on cpu: {name} (bfloat16 {found})")
    steps = len(clock.steps)
    assert steps <= 6, "after three rounds a second is over"
    assert choose_precision(CPU) == chosen
    assert len(clock.steps) == steps


def test_the_precision_that_is_asked_for_is_taken_unmeasured(monkeypatch, clock):
    for name in ("float32", "bfloat16"):
        monkeypatch.setenv("MNIST_PRECISION", name)
        reason = f"precision on cpu: {name}, as MNIST_PRECISION says"
        assert choose_precision(CPU) == (getattr(torch, name), reason)
    monkeypatch.setenv("MNIST_PRECISION", "float16")
    with pytest.raises(ValueError, match="MNIST_PRECISION is 'float16': set it to float32 or bfl"):
        choose_precision(CPU)
    assert clock.steps == []


@pytest.mark.parametrize("steps", [10, 100, 470])
def test_the_rate_goes_straight_up_for_30_per_cent_and_down(steps):
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=7.0, betas=(0.6, 0.8))
    schedule = one_cycle(optimizer, 0.5, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    up, down = 3 * steps // 10, 7 * steps // 10
    assert rates[:up] == pytest.approx(torch.linspace(0.05, 0.5, up).tolist())
    assert rates[up - 1 :] == pytest.approx(torch.linspace(0.5, 0.0005, down + 1).tolist())
    assert optimizer.param_groups[0]["betas"] == (0.6, 0.8)


def test_one_cycle_is_what_pytorch_makes_of_it_by_hand():
    shift = functools.partial(torch.roll, shifts=1, dims=3)
    model, few, path = network(), batches(shuffle=True, seed=3), []
    options = {"label_smoothing": 0.1, "augment": shift, "average": averaged(model)}
    losses = fit_one_cycle(model, few, 3.5, 0.02, betas=(0.6, 0.8), progress=False, **options)
    few, by_hand = batches(shuffle=True, seed=3), network()
    pairs = [(shift(images), labels) for _ in range(4) for images, labels in few][:18]
    # The weights before each step, and after the last.
    by_hand.register_forward_pre_hook(lambda *_: path.append(copy.deepcopy(by_hand.state_dict())))
    assert losses == cycle(by_hand, pairs, 0.02, (0.6, 0.8), 0.1)
    path.append(by_hand.state_dict())
    assert weights(model) == weights(by_hand)
    for name, tensor in options["average"].module.state_dict().items():
        if tensor.is_floating_point():
            # After the steps above 0.8 · 18 = 14.4: the last four.
            mean = torch.stack([one[name] for one in path[15:]]).mean(dim=0)
            assert torch.allclose(tensor, mean, atol=1e-6), name
    assert model.training
    assert evaluate(model, [pairs[0]], F.cross_entropy)[1] > 0.8


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_only_the_layers_compute_in_the_precision_asked_for(precision):
    model, given, logits = network(), [], []
    model[3].register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    model.register_forward_hook(lambda _, __, output: logits.append(output.detach()))
    losses = fit_one_cycle(model, batches(), 1, 0.01, precision=precision, progress=False)
    assert {output.dtype for output in logits} == {precision}
    for tensor in (model[3].weight, *given):
        assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    for loss, output, (_, labels) in zip(losses, logits, batches(), strict=True):
        assert loss == F.cross_entropy(output.float(), labels).item()


@pytest.mark.parametrize("spoilt", [2, 4])
def test_a_cycle_stops_at_the_first_loss_that_is_nan(spoilt):
    few, seen, model = list(batches()), [], linear()
    few[spoilt][0][5] = torch.nan
    model.register_forward_hook(lambda *_: seen.append(None))
    with pytest.raises(FloatingPointError, match=f"of batch {spoilt + 1} of 5 is nan"):
        fit_one_cycle(model, few, 1, 0.01, progress=False)
    assert len(seen) == spoilt + 1


def test_an_interrupted_cycle_says_so():
    augment = Mock(side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt, match="Make the network anew"):
        fit_one_cycle(network(), batches(), 1, 0.005, augment=augment, progress=False)


def test_batches_that_can_be_gone_through_once_are_refused():
    loader = iter(torch.utils.data.DataLoader(digits(), batch_size=64))
    with pytest.raises(ValueError, match="can be gone through once only: give the loader"):
        fit_one_cycle(linear(), loader, 2, 0.01, progress=False)


def test_the_fast_way_is_one_cycle_over_shuffled_batches(monkeypatch, capsys):
    few = batches(batch_size=128, shuffle=True, seed=5)
    losses = fit_fast(linear(), digits(), 2, seed=5, precision=torch.float32, progress=False)
    assert losses == cycle(linear(), [*few, *few], 0.005, smoothing=0.1)
    assert capsys.readouterr() == ("", "")

    # Unless told otherwise: one epoch, seed 0, MNIST's training set, the measured precision.
    kept = []
    monkeypatch.setattr(fast, "load_datasets", lambda: (digits(), digits(50)))
    monkeypatch.setattr(fast, "keep_freed_memory", lambda: kept.append(True))
    monkeypatch.setenv("MNIST_PRECISION", "float32")
    few = list(batches(batch_size=128, shuffle=True))
    assert fit_fast(linear()) == cycle(linear(), few, 0.005, smoothing=0.1)
    printed, bar = capsys.readouterr()
    assert printed == choose_precision(CPU).reason + "\n"
    assert "3/3" in bar
    assert kept == [True]


MAPPED = """
import ctypes
from mnist_helpers.training import keep_freed_memory

class Info(ctypes.Structure):
    _fields_ = [("counts", ctypes.c_size_t * 10)]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Info

def mappings():
    library.malloc(30 * 2**20)
    return library.mallinfo2().counts[3]

print(mappings(), keep_freed_memory(), mappings())
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="only glibc from 2.33 on tells of its mappings",
)
def test_the_c_library_keeps_freed_memory():
    preset = ("LD_PRELOAD", "GLIBC_TUNABLES", "MALLOC")
    variables = {name: it for name, it in os.environ.items() if not name.startswith(preset)}
    printed = subprocess.check_output([sys.executable, "-c", MAPPED], env=variables, text=True)
    before, _, after = printed.split()
    assert after == before
