import copy
import ctypes
import itertools
import os
from pathlib import Path
import platform
import subprocess
import sys

import mnist_helpers
from mnist_helpers.batches import TensorBatches
from mnist_helpers.training import (
    Precision,
    averaged,
    choose_precision,
    fit_fast,
    fit_one_cycle,
    keep_freed_memory,
    one_cycle,
)
import pytest
import torch
from torch import nn
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel

CPU = torch.device("cpu")
PACKAGE = Path(mnist_helpers.__file__).parent
# Where the names are looked up that some tests replace.
module = sys.modules[fit_fast.__module__]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def precision_unset(monkeypatch):
    monkeypatch.delenv("MNIST_PRECISION", raising=False)


@pytest.fixture
def unmeasured():
    """No measurement of this process is known, before and after."""
    module._speed_of_bfloat16.cache_clear()
    yield
    module._speed_of_bfloat16.cache_clear()


def measuring(monkeypatch, ratio):
    """Have the measurement find this ratio, and return a list that grows with each one."""
    calls = []

    def measure(device):
        calls.append(device)
        return ratio

    monkeypatch.setattr(module, "_speed_of_bfloat16", measure)
    return calls


class Digits:
    """A data set with what is used of MNIST: dark pictures of class 0 and bright ones of class 1."""

    def __init__(self, count=300, size=28):
        generator = torch.Generator().manual_seed(7)
        self.targets = torch.randint(2, (count,), generator=generator)
        noise = torch.randint(100, (count, size, size), generator=generator)
        self.data = (noise + 150 * self.targets[:, None, None]).to(torch.uint8)


def batches(count=48, batch_size=8, size=8, **arguments):
    digits = Digits(count, size)
    return TensorBatches(digits.data, digits.targets, batch_size, **arguments)


def network(seed=0):
    """A small network with a convolution, batch norm and a linear layer."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, kernel_size=3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 2),
    )


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))


def weights(model):
    return {name: tensor.tolist() for name, tensor in model.state_dict().items()}


def train(model, data=None, epochs=1.0, peak_rate=0.01, **arguments):
    data = batches() if data is None else data
    return fit_one_cycle(model, data, epochs, peak_rate, **{"progress": False, **arguments})


# choose_precision


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_precision_that_is_asked_for_is_taken_unmeasured(monkeypatch, name) -> None:
    calls = measuring(monkeypatch, 1.0)
    monkeypatch.setenv("MNIST_PRECISION", name)
    chosen = choose_precision(CPU)
    assert isinstance(chosen, Precision)
    assert chosen.dtype == getattr(torch, name)
    assert chosen.reason == f"precision on cpu: {name}, as MNIST_PRECISION says"
    assert calls == []


@pytest.mark.parametrize("name", ["float16", "Float32", "fast", " "])
def test_any_other_precision_is_refused_with_the_known_ones(monkeypatch, name) -> None:
    calls = measuring(monkeypatch, 2.0)
    monkeypatch.setenv("MNIST_PRECISION", name)
    with pytest.raises(ValueError, match=f"^MNIST_PRECISION is '{name}'") as caught:
        choose_precision(CPU)
    assert "float32 or bfloat16" in str(caught.value)
    assert calls == []


@pytest.mark.parametrize(
    ("ratio", "name", "told"),
    [
        (0.5, "float32", "0.50 times"),
        (1.0, "float32", "1.00 times"),
        (1.19, "float32", "1.19 times"),
        (1.2, "bfloat16", "1.20 times"),
        (3.14, "bfloat16", "3.14 times"),
    ],
)
def test_the_faster_precision_is_chosen_if_it_is_faster_by_a_fifth_and_the_reason_given(
    monkeypatch, ratio, name, told
) -> None:
    calls = measuring(monkeypatch, ratio)
    chosen = choose_precision(CPU)
    assert chosen.dtype == getattr(torch, name)
    assert chosen.reason == (
        f"precision on cpu: {name} (bfloat16 measured {told} as fast as float32)"
    )
    assert calls == [CPU]


def test_an_empty_variable_is_as_good_as_none(monkeypatch) -> None:
    calls = measuring(monkeypatch, 2.0)
    monkeypatch.setenv("MNIST_PRECISION", "")
    assert choose_precision(CPU).dtype == torch.bfloat16
    assert calls == [CPU]


def test_where_bfloat16_does_not_run_float32_is_chosen_and_that_is_said(monkeypatch) -> None:
    measuring(monkeypatch, None)
    chosen = choose_precision(CPU)
    assert chosen.dtype == torch.float32
    assert chosen.reason == "precision on cpu: float32 (bfloat16 does not run here)"


def test_the_measurement_is_a_ratio_and_leaves_the_random_numbers_as_they_were(unmeasured) -> None:
    before = torch.get_rng_state()
    ratio = module._speed_of_bfloat16(CPU)
    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(ratio, float)
    assert ratio > 0


class Clock:
    """Stands for the module `time`: it moves on by a second with each training step, by three in float32."""

    def __init__(self, slow_first=0.0):
        self.now, self.slow_first, self.precisions = 0.0, slow_first, []

    def perf_counter(self):
        return self.now

    def step(self):
        enabled = torch.is_autocast_enabled("cpu")
        if enabled not in self.precisions:
            self.now += self.slow_first
        self.precisions.append(enabled)
        self.now += 1 if enabled else 3


@pytest.fixture
def clock(monkeypatch, unmeasured):
    """A clock that the measurement reads, and a network that only moves it on."""
    clock = Clock(slow_first=50)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(10))

        def forward(self, images):
            clock.step()
            return images.mean(dim=(2, 3)) * self.scale

    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "CNN", Network)
    return clock


def test_the_measurement_is_the_time_in_float32_over_that_in_bfloat16_without_the_first_steps(
    clock,
) -> None:
    assert module._speed_of_bfloat16(CPU) == 3
    assert clock.precisions.count(True) == clock.precisions.count(False) > 1
    assert choose_precision(CPU).dtype == torch.bfloat16


def test_the_measurement_is_made_once_in_a_process(clock) -> None:
    first = choose_precision(CPU)
    steps = len(clock.precisions)
    assert steps > 0
    assert choose_precision(torch.device("cpu")) == first
    assert len(clock.precisions) == steps


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError])
def test_a_device_that_refuses_bfloat16_is_one_where_it_does_not_run(
    clock, monkeypatch, error
) -> None:
    step = clock.step

    def refuse():
        step()
        if torch.is_autocast_enabled("cpu"):
            raise error("no such type here")

    monkeypatch.setattr(clock, "step", refuse)
    assert module._speed_of_bfloat16(CPU) is None
    assert "does not run here" in choose_precision(CPU).reason


# one_cycle


def rates(steps, peak_rate=0.5):
    """The learning rate of each step."""
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter], lr=7.0, betas=(0.6, 0.8))
    schedule = one_cycle(optimizer, peak_rate, steps)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        assert optimizer.param_groups[0]["betas"] == (0.6, 0.8)
        optimizer.step()
        schedule.step()
    return seen


@pytest.mark.parametrize("steps", [10, 100, 470])
@pytest.mark.parametrize("peak_rate", [0.5, 0.01])
def test_the_rate_goes_from_a_tenth_to_the_peak_at_30_per_cent_and_to_nearly_nothing(
    steps, peak_rate
) -> None:
    seen = rates(steps, peak_rate)
    assert seen[0] == pytest.approx(peak_rate / 10)
    top = seen.index(max(seen))
    assert top + 1 == 0.3 * steps
    assert seen[top] == pytest.approx(peak_rate)
    assert 0 < seen[-1] <= peak_rate / 100


def test_the_rate_rises_and_falls_in_straight_lines() -> None:
    seen = rates(100)
    changes = [after - before for before, after in itertools.pairwise(seen)]
    rising, falling = changes[:29], changes[29:]
    assert rising == [pytest.approx(rising[0])] * 29
    assert falling == [pytest.approx(falling[0])] * 70
    assert rising[0] > 0 > falling[0]


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
def test_even_a_few_steps_have_a_schedule(steps) -> None:
    seen = rates(steps)
    assert len(seen) == steps
    assert all(0 < rate <= 0.5 for rate in seen)


# fit_one_cycle


def test_a_network_learns_to_tell_dark_pictures_from_bright_ones() -> None:
    model, data = network(), batches(200, shuffle=True)
    losses = train(model, data, epochs=2)
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    model.eval()
    with torch.no_grad():
        correct = sum((model(images).argmax(1) == labels).sum().item() for images, labels in data)
    assert correct / 200 > 0.95


def test_a_training_is_adam_with_the_rates_of_one_cycle() -> None:
    model = linear()
    by_hand = copy.deepcopy(model)
    # What an earlier use left in the gradients must not count.
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    losses = train(model, epochs=2, peak_rate=0.02, betas=(0.6, 0.8))

    optimizer = torch.optim.Adam(by_hand.parameters(), lr=1, betas=(0.6, 0.8))
    expected = []
    for rate, (images, labels) in zip(rates(12, 0.02), [*batches(), *batches()], strict=True):
        optimizer.param_groups[0]["lr"] = rate
        loss = F.cross_entropy(by_hand(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected.append(loss.item())

    assert losses == pytest.approx(expected, rel=1e-4)
    for parameter, wanted in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(parameter, wanted, atol=1e-5)


def test_adam_has_a_short_memory_unless_told_otherwise() -> None:
    trained = []
    for arguments in ({}, {"betas": (0.7, 0.9)}, {"betas": (0.9, 0.999)}):
        model = linear()
        train(model, **arguments)
        trained.append(weights(model))
    assert trained[0] == trained[1]
    assert trained[0] != trained[2]


@pytest.mark.parametrize(
    ("epochs", "steps"), [(1, 6), (0.5, 3), (2 / 3, 4), (0.1, 1), (2.5, 15), (3, 18)]
)
def test_each_batch_gives_a_loss_and_a_fraction_of_an_epoch_a_fraction_of_them(
    epochs, steps
) -> None:
    losses = train(linear(), epochs=epochs)
    assert len(losses) == steps
    assert {type(loss) for loss in losses} == {float}


def test_the_batches_are_gone_through_again_and_again_in_their_order() -> None:
    data = list(batches())
    passes, seen = [], []

    class Watched:
        def __len__(self):
            return len(data)

        def __iter__(self):
            passes.append(len(seen))
            yield from data

    model = linear()
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    train(model, Watched(), epochs=2.5)
    assert passes == [0, 6, 12]
    expected = [images for images, _ in [*data, *data, *data[:3]]]
    assert all(map(torch.equal, seen, expected))
    assert len(seen) == 15


def test_each_time_through_shuffled_batches_is_a_new_order() -> None:
    seen = []
    train(
        linear(),
        batches(shuffle=True),
        epochs=2,
        augment=lambda images: seen.append(images.clone()) or images,
    )
    first, second = torch.cat(seen[:6]), torch.cat(seen[6:])
    assert not torch.equal(first, second)
    assert sorted(first.sum((1, 2, 3)).tolist()) == sorted(second.sum((1, 2, 3)).tolist())


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    def trained(weight_seed, order_seed):
        model = network(weight_seed)
        return train(model, batches(shuffle=True, seed=order_seed)), weights(model)

    assert trained(0, 0) == trained(0, 0)
    assert trained(0, 0) != trained(0, 1)
    assert trained(0, 0) != trained(1, 0)


@pytest.mark.parametrize("epochs", [0, 0.05, -1])
def test_too_little_for_a_single_step_is_refused_before_anything_is_trained(epochs) -> None:
    model = network()
    before = weights(model)
    with pytest.raises(ValueError, match=f"^{epochs} epochs of 6 batches make no step"):
        train(model, epochs=epochs)
    assert weights(model) == before


def test_batches_that_hold_none_are_refused() -> None:
    with pytest.raises(ValueError, match="epochs of 0 batches make no step"):
        train(network(), [])


def test_the_network_is_given_what_augment_makes_of_each_batch() -> None:
    given, seen = [], []

    def brighter(images):
        given.append(images.clone())
        return images + 1

    model = linear()
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    train(model, epochs=1.5, augment=brighter)
    data = [images for images, _ in batches()]
    assert all(map(torch.equal, given, [*data, *data[:3]]))
    assert all(map(torch.equal, seen, [images + 1 for images in given]))
    assert len(given) == len(seen) == 9


class Parcel:
    """Stands for a tensor on another device, and for one only: it can do nothing but come over."""

    def __init__(self, content, log):
        self.content, self.log = content, log

    def to(self, device):
        self.log.append(torch.device(device))
        return self.content


def test_batches_are_moved_to_the_device_of_the_model() -> None:
    log = []
    parcels = [(Parcel(images, log), Parcel(labels, log)) for images, labels in batches()]
    train(linear(), parcels, augment=lambda images: images)
    assert log == [CPU] * 12


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_cross_entropy_with_label_smoothing(smoothing) -> None:
    model = network()
    images, labels = next(iter(batches()))
    logits = copy.deepcopy(model)(images)
    loss = train(model, label_smoothing=smoothing)[0]
    assert loss == pytest.approx(
        F.cross_entropy(logits, labels, label_smoothing=smoothing).item(), rel=1e-4
    )
    other = F.cross_entropy(logits, labels, label_smoothing=0.3 - smoothing).item()
    assert loss != pytest.approx(other, rel=1e-3)


def test_without_a_word_no_label_is_smoothed_and_no_bfloat16_used() -> None:
    silent, told = network(), network()
    losses = train(silent)
    assert losses == train(told, label_smoothing=0, precision=torch.float32)
    assert weights(silent) == weights(told)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_layers_compute_in_the_precision_asked_for_and_the_parameters_stay_float32(
    precision,
) -> None:
    model, computed = network(), []
    for layer in (model[0], model[5]):
        layer.register_forward_hook(lambda _, __, output: computed.append(output.dtype))
    before = weights(model)
    losses = train(model, precision=precision)
    assert set(computed) == {precision}
    assert len(computed) == 2 * len(losses)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert weights(model) != before
    assert not torch.is_autocast_enabled("cpu")


def test_the_loss_is_computed_in_float32_whatever_the_layers_compute_in() -> None:
    model, logits = linear(), []
    model.register_forward_hook(lambda _, __, output: logits.append(output.detach()))
    losses = train(model, precision=torch.bfloat16)
    expected = [
        F.cross_entropy(output.float(), labels).item()
        for output, (_, labels) in zip(logits, batches(), strict=True)
    ]
    assert losses == expected


def test_the_network_is_trained_in_training_mode_and_laid_out_with_the_channels_last() -> None:
    model, seen = network().eval(), []
    model[1].register_forward_hook(
        lambda layer, inputs, _: seen.append(
            (layer.training, inputs[0].is_contiguous(memory_format=torch.channels_last))
        )
    )
    train(model)
    assert seen == [(True, True)] * 6
    assert model.training
    # A kernel of one input channel lies in both ways at once; one of four does not.
    deep = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    train(deep)
    assert deep[1].weight.is_contiguous(memory_format=torch.channels_last)
    assert not deep[1].weight.is_contiguous()


def test_pictures_of_several_channels_are_laid_out_like_the_network() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    seen = []
    model.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last))
    )
    train(model, [(torch.rand(5, 3, 6, 6), torch.zeros(5, dtype=torch.int64))])
    assert seen == [True]


@pytest.mark.parametrize(("epochs", "first"), [(0.1, 1), (1, 5), (2.5, 13), (5, 25)])
def test_an_average_takes_in_the_weights_after_each_of_the_last_fifth_of_the_steps(
    epochs, first
) -> None:
    model = network()
    average = averaged(model)
    steps, at_updates, taken_in = [], [], []
    update = average.update_parameters

    def watched(current):
        at_updates.append(len(steps))
        taken_in.append(copy.deepcopy(current.state_dict()))
        update(current)

    average.update_parameters = watched
    model.register_forward_hook(lambda *_: steps.append(None))
    losses = train(model, epochs=epochs, average=average)
    assert at_updates == list(range(first, len(losses) + 1))

    for name, tensor in model.state_dict().items():
        assert torch.equal(taken_in[-1][name], tensor), "after the step, not before it"
    for name, tensor in average.module.state_dict().items():
        if tensor.is_floating_point():
            path = torch.stack([one[name] for one in taken_in])
            assert torch.allclose(tensor, path.mean(dim=0), atol=1e-6), name
            assert (tensor >= path.amin(dim=0) - 1e-6).all(), name
            assert (tensor <= path.amax(dim=0) + 1e-6).all(), name
    if len(taken_in) > 1:
        assert weights(average.module) != weights(model)


def test_a_training_with_an_average_is_bit_for_bit_the_one_without() -> None:
    alone, followed = network(), network()
    assert train(alone) == train(followed, average=averaged(followed))
    assert weights(alone) == weights(followed)


def test_without_progress_nothing_is_printed(capfd) -> None:
    train(network())
    assert tuple(capfd.readouterr()) == ("", "")


def test_the_bar_counts_every_batch(capsys) -> None:
    train(network(), epochs=2.5, progress=True)
    printed = capsys.readouterr()
    assert "15/15" in printed.err
    assert printed.out == ""


# averaged


def test_an_average_is_the_mean_of_the_weights_and_statistics_that_it_was_shown() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    average = averaged(model)
    assert isinstance(average, AveragedModel)
    for number in (1, 2, 6):
        for tensor in (*model.parameters(), model[1].running_mean, model[1].running_var):
            tensor.data.fill_(number)
        average.update_parameters(model)
    norm = average.module[1]
    for tensor in (*average.module.parameters(), norm.running_mean, norm.running_var):
        assert torch.allclose(tensor, torch.tensor(3.0))
    assert all((tensor == 6).all() for tensor in model.parameters())


# fit_fast


@pytest.fixture
def digits():
    return Digits()


def fast(model, train_set, **arguments):
    return fit_fast(
        model, train_set, **{"precision": torch.float32, "progress": False, **arguments}
    )


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize("seed", [0, 5])
def test_the_fast_way_is_one_cycle_to_0_005_over_shuffled_batches_of_128_with_smooth_labels(
    digits, epochs, seed
) -> None:
    model, by_hand = network(), network()
    losses = fast(model, digits, epochs=epochs, seed=seed)
    expected = fit_one_cycle(
        by_hand,
        TensorBatches(digits.data, digits.targets, 128, shuffle=True, seed=seed),
        epochs,
        peak_rate=0.005,
        label_smoothing=0.1,
        progress=False,
    )
    assert losses == expected
    assert len(losses) == 3 * epochs
    assert weights(model) == weights(by_hand)


def test_the_fast_way_starts_at_seed_0_and_takes_one_epoch_unless_told_otherwise(digits) -> None:
    silent, told = network(), network()
    assert fast(silent, digits) == fast(told, digits, epochs=1, seed=0)
    assert weights(silent) == weights(told)


def test_the_same_seed_trains_the_same_network_and_another_seed_another(digits) -> None:
    trained = []
    for order_seed, global_seed in ((3, 1), (3, 2), (4, 1)):
        model = network()
        torch.manual_seed(global_seed)
        fast(model, digits, seed=order_seed)
        trained.append(weights(model))
    assert trained[0] == trained[1], "whatever the global generator holds"
    assert trained[0] != trained[2]


def test_the_precision_is_the_measured_one_and_the_reason_is_printed(
    monkeypatch, capsys, digits
) -> None:
    calls = measuring(monkeypatch, 2.0)
    model, computed = network(), []
    model[0].register_forward_hook(lambda _, __, output: computed.append(output.dtype))
    fit_fast(model, digits)
    assert set(computed) == {torch.bfloat16}
    assert calls == [CPU]
    printed = capsys.readouterr()
    assert printed.out == choose_precision(CPU).reason + "\n"
    assert "3/3" in printed.err


def test_without_progress_nothing_is_printed_by_the_fast_way(monkeypatch, capfd, digits) -> None:
    calls = measuring(monkeypatch, 2.0)
    fit_fast(network(), digits, progress=False)
    assert calls == [CPU]
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_precision_that_is_given_is_taken_and_nothing_measured_or_said(
    monkeypatch, capsys, digits, precision
) -> None:
    calls = measuring(monkeypatch, 2.0 if precision == torch.float32 else 0.5)
    model, computed = network(), []
    model[0].register_forward_hook(lambda _, __, output: computed.append(output.dtype))
    fit_fast(model, digits, precision=precision)
    assert set(computed) == {precision}
    assert calls == []
    assert capsys.readouterr().out == ""


def test_without_a_data_set_the_fast_way_trains_on_mnists_training_set(monkeypatch, digits) -> None:
    other = Digits(150)
    monkeypatch.setattr(module, "load_datasets", lambda: (digits, other))
    model, told = network(), network()
    assert fast(model, None) == fast(told, digits)
    assert weights(model) == weights(told)


# keep_freed_memory

MAPPED = """
import ctypes
from mnist_helpers.training import keep_freed_memory

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

library.mallinfo2.restype = Info

def mapped():
    before = library.mallinfo2().hblks
    assert library.malloc(30 * 2**20)
    return library.mallinfo2().hblks - before

print(mapped(), keep_freed_memory(), mapped())
"""


def glibc_tells_of_its_mappings():
    """Whether memory comes from glibc, and from one that can count what it has mapped (from 2.33 on)."""
    is_glibc = platform.libc_ver()[0] == "glibc" and "LD_PRELOAD" not in os.environ
    return is_glibc and hasattr(ctypes.CDLL(None), "mallinfo2")


@pytest.mark.skipif(not glibc_tells_of_its_mappings(), reason="there is nothing to see without")
def test_after_it_the_c_library_asks_the_system_for_no_mapping_of_its_own_for_30_mib() -> None:
    variables = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    variables.pop("GLIBC_TUNABLES", None)
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-B", "-c", MAPPED],
        env={**variables, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    before, returned, after = done.stdout.split()
    if before == "0":
        pytest.skip("what was imported has freed so large a block already")
    assert (returned, after) == ("None", "0")


def test_the_fast_way_has_freed_memory_kept(monkeypatch, digits) -> None:
    calls = []
    monkeypatch.setattr(module, "keep_freed_memory", lambda: calls.append(None))
    fast(network(), digits)
    assert calls == [None]


def test_having_memory_kept_changes_no_random_number() -> None:
    before = torch.get_rng_state()
    assert keep_freed_memory() is None
    assert torch.equal(torch.get_rng_state(), before)
