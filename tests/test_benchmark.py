import ast
from dataclasses import asdict, fields, replace
import inspect
import itertools
import json
import os
from pathlib import Path
import re
import runpy
import string
import subprocess
import sys
from types import SimpleNamespace

from mnist_helpers import training
from mnist_helpers.batches import TensorBatches, random_affine
from mnist_helpers.benchmark import __main__ as program
from mnist_helpers.benchmark import load, load_results, measure, results
from mnist_helpers.benchmark.load import side_by_side_ratio
from mnist_helpers.benchmark.measure import (
    Loading,
    PeakMemory,
    Training,
    live_loss_ratios,
    measure_loading,
    measure_training,
)
from mnist_helpers.benchmark.recipes import (
    RECIPES,
    SHUFFLED,
    Classic,
    Normalised,
    OneCycle,
    steps,
    validation_split,
)
from mnist_helpers.benchmark.results import (
    Row,
    fraction,
    row_of_loadings,
    row_of_trainings,
    summary,
    table,
    write_json,
)
from mnist_helpers.data import load_datasets
from mnist_helpers.models import CNN
from mnist_helpers.training import Precision, averaged, fit_one_cycle
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

FOLDER = Path(results.__file__).parent
KEYS = ["recipe", "seeds", "epochs", "seconds", "ratio", "accuracy", "accuracy_sd", "peak_mb"]
NAMES = ["classic", "fast", "fast99", "best", "speedrun", "loading"]
FLOAT32 = Precision(torch.float32, "precision on cpu: float32, for these tests")


@pytest.fixture(autouse=True)
def on_the_cpu_in_float32(monkeypatch):
    """The same computer for every test: no graphics card, and a precision that needs no measurement."""
    monkeypatch.setenv("MNIST_DEVICE", "cpu")
    monkeypatch.setenv("MNIST_PRECISION", "float32")
    torch.manual_seed(0)


class Digits(MNIST):
    """A small data set that is torchvision's own in all but where its digits come from: dark ones and bright ones."""

    def __init__(self, count=24, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.targets = torch.arange(count) % 2
        noise = torch.randint(100, (count, 28, 28), generator=generator)
        self.data = (noise + 150 * self.targets[:, None, None]).to(torch.uint8)
        self.transform, self.target_transform = ToTensor(), None


class Pooled(nn.Module):
    """A network that is quickly trained."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.AvgPool2d(7), nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 10)
        )

    def forward(self, images):
        return self.layers(images)


def weights(model):
    return {name: tensor.tolist() for name, tensor in model.state_dict().items()}


def trained(recipe="fast", seed=0, seconds=1.0, accuracy=0.98, peak_mb=500.0):
    return Training(recipe, seed, seconds, accuracy, peak_mb)


# A training, and several


@pytest.mark.parametrize(
    ("accuracy", "stuck"), [(0.1135, True), (0.1999, True), (0.2, False), (0.99, False)]
)
def test_a_training_that_learned_nothing_is_stuck(accuracy, stuck) -> None:
    assert trained(accuracy=accuracy).stuck == stuck


@pytest.mark.parametrize(
    ("accuracies", "line"),
    [
        ([0.99, 0.1135, 0.98], "1 of 3 seeds stuck; accuracy of the others 98.50 ± 0.71 %"),
        ([0.98, 0.98, 0.98], "0 of 3 seeds stuck; accuracy of the others 98.00 ± 0.00 %"),
        ([0.9725, 0.0980], "1 of 2 seeds stuck; accuracy of the others 97.25 %"),
        ([0.1135, 0.1135], "2 of 2 seeds stuck"),
        ([], "0 of 0 seeds stuck"),
    ],
)
def test_the_summary_counts_the_stuck_and_averages_the_others(accuracies, line) -> None:
    assert summary([trained(accuracy=accuracy) for accuracy in accuracies]) == line


def test_a_row_sums_up_the_trainings_of_a_recipe() -> None:
    trainings = [
        trained("best", 0, seconds=10, accuracy=0.99, peak_mb=700.4),
        trained("best", 1, seconds=20, accuracy=0.98, peak_mb=900.4),
        trained("best", 2, seconds=30, accuracy=0.97, peak_mb=800.4),
    ]
    assert row_of_trainings(trainings, 2 / 3, classic_seconds=80) == Row(
        recipe="best",
        seeds=3,
        epochs=0.667,
        seconds=20,
        ratio=0.25,
        accuracy=98,
        accuracy_sd=1,
        peak_mb=900,
    )


def test_a_single_training_has_no_standard_deviation_and_without_the_classic_no_ratio() -> None:
    row = row_of_trainings([trained(seconds=12.3456, accuracy=0.98765)], 1, None)
    assert (row.ratio, row.accuracy_sd) == (None, None)
    assert (row.seconds, row.accuracy) == (12.346, 98.765)


def test_a_row_sums_up_the_loading_with_its_ratio_to_the_loader() -> None:
    loadings = [Loading(8, 0.1, 600), Loading(12, 0.3, 500)]
    assert row_of_loadings(loadings) == Row(
        recipe="loading",
        seeds=2,
        epochs=1,
        seconds=0.2,
        ratio=0.02,
        accuracy=None,
        accuracy_sd=None,
        peak_mb=600,
    )


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(None, ""), (0.05, "1/20.0"), (0.499, "1/2.0"), (0.5, "0.50"), (0.93, "0.93"), (1.5, "1.50")],
)
def test_a_ratio_is_written_as_it_is_read_best(ratio, text) -> None:
    assert fraction(ratio) == text


def test_the_table_has_a_heading_and_a_line_for_each_row_in_columns() -> None:
    rows = [
        Row("classic", 5, 10, 123.456, 1.0, 98.765, 0.123, 812),
        Row("fast", 1, 0.667, 6.1728, 0.05, 98.1, None, 800),
        Row("loading", 2, 1, 0.2, 0.02, None, None, 600),
        Row("speedrun", 10, 1, 3.0, None, 98.1, 0.1, 600),
    ]
    lines = table(rows).splitlines()
    assert lines[0].split() == (
        ["recipe", "seeds", "epochs", "seconds", "ratio", "accuracy,", "%", "peak", "MB"]
    )
    assert [line.split() for line in lines[1:]] == [
        ["classic", "5", "10", "123.46", "1.00", "98.77", "±", "0.12", "812"],
        ["fast", "1", "0.667", "6.17", "1/20.0", "98.10", "800"],
        ["loading", "2", "1", "0.20", "1/50.0", "600"],
        ["speedrun", "10", "1", "3.00", "98.10", "±", "0.10", "600"],
    ]
    assert len({len(line) for line in lines}) == 1


# JSON


def test_the_json_is_a_list_of_objects_one_to_a_line_with_the_tables_numbers(tmp_path) -> None:
    rows = [
        Row("classic", 5, 10, 123.456, 1.0, 98.765, 0.123, 812),
        Row("loading", 2, 1, 0.2, 0.02, None, None, 600),
    ]
    path = tmp_path / "rows.json"
    write_json(path, rows)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == [asdict(row) for row in rows]
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found == [asdict(row) for row in rows]
    assert [list(record) for record in found] == [KEYS] * 2


def test_records_of_other_kinds_and_an_empty_list_are_written_too(tmp_path) -> None:
    for records in ([{"step": "… batch norm", "epochs": 8}], []):
        write_json(tmp_path / "records.json", records)
        assert json.loads((tmp_path / "records.json").read_text(encoding="utf-8")) == records


def test_a_json_file_is_replaced_as_a_whole_and_no_other_is_left(tmp_path, monkeypatch) -> None:
    path = tmp_path / "rows.json"
    path.write_text("[1, 2, 3]", encoding="utf-8")
    seen, replace_file = [], os.replace

    def look_and_replace(source, target):
        seen.append((path.read_text(encoding="utf-8"), json.loads(Path(source).read_bytes())))
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", look_and_replace)
    write_json(path, [{"step": 1}])
    assert seen == [("[1, 2, 3]", [{"step": 1}])], "the old one stands until the new one is whole"
    assert json.loads(path.read_bytes()) == [{"step": 1}]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_json_file_can_be_read_by_everybody(tmp_path) -> None:
    write_json(tmp_path / "rows.json", [])
    assert (tmp_path / "rows.json").stat().st_mode & 0o777 == 0o644


def test_what_cannot_be_written_as_json_leaves_the_old_file_and_no_other(tmp_path) -> None:
    path = tmp_path / "rows.json"
    write_json(path, [{"step": 1}])
    with pytest.raises(TypeError):
        write_json(path, [{"step": 2}, {"step": object()}])
    assert json.loads(path.read_bytes()) == [{"step": 1}]
    assert list(tmp_path.iterdir()) == [path]


def test_a_json_file_that_cannot_be_replaced_stays_and_no_other_is_left(
    tmp_path, monkeypatch
) -> None:
    path = tmp_path / "rows.json"
    write_json(path, [{"step": 1}])

    def fail(*_):
        raise PermissionError("somebody reads it")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PermissionError):
        write_json(path, [{"step": 2}])
    assert json.loads(path.read_bytes()) == [{"step": 1}]
    assert list(tmp_path.iterdir()) == [path]


# What lies in the package


def test_the_results_in_the_package_have_the_shape_that_the_docstring_says() -> None:
    for path in FOLDER.glob("*.json"):
        records = load_results(path.stem)
        assert records == json.loads(path.read_text(encoding="utf-8"))
        assert records, path
        if path.stem == "recipes":
            assert all(list(record) == KEYS for record in records)
            assert {record["recipe"] for record in records} <= {*NAMES, *SHUFFLED}
            assert all(record["seconds"] > 0 and record["seeds"] >= 1 for record in records)
        elif path.stem == "steps":
            assert all(
                set(record) == {"step", "epochs", "validation_accuracy"} for record in records
            )
            for record in records:
                assert all(0 < accuracy <= 100 for accuracy in record["validation_accuracy"])


def test_unknown_results_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"^There are no results 'magic'; there are ") as caught:
        load_results("magic")
    for path in FOLDER.glob("*.json"):
        assert path.stem in str(caught.value)


def test_results_are_read_by_name_and_only_by_name(tmp_path, monkeypatch) -> None:
    write_json(tmp_path / "steps.json", [{"step": "… batch norm"}])
    write_json(tmp_path / "recipes.json", [{"recipe": "fast"}])
    (tmp_path / "results.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(results.resources, "files", lambda package: tmp_path)
    assert load_results("steps") == [{"step": "… batch norm"}]
    assert load_results("recipes") == [{"recipe": "fast"}]
    for name in ("results", "steps.json", "../steps", ""):
        with pytest.raises(ValueError, match=r"there are recipes, steps\.$"):
            load_results(name)


# What is measured


class Clock:
    """Stands for the module `time`: it moves on only when told to."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(measure, "time", clock)
    return clock


class Watched:
    """A recipe that says what is done with it, and takes 100 seconds to build, 5 to train and 1 for each batch."""

    epochs, seeds = 2, 3

    def __init__(self, clock):
        self.clock, self.log, self.drawn = clock, [], []

    def build(self):
        self.clock.sleep(100)
        self.log.append("build")
        self.drawn.append(torch.rand(1).item())
        return Pooled()

    def batches(self, train_set, seed):
        self.log.append(f"batches {len(train_set)}, seed {seed}")
        parts = list(TensorBatches(train_set.data, train_set.targets, batch_size=8))
        clock = self.clock

        class Slow:
            def __len__(self):
                return len(parts)

            def __iter__(self):
                for part in parts:
                    clock.sleep(1)
                    yield part

        return Slow()

    def train(self, model, batches, seed):
        self.clock.sleep(5)
        self.log.append(f"train {type(model).__name__}, seed {seed}")
        for _ in range(self.epochs):
            assert sum(len(labels) for _, labels in batches) == 24
        for parameter in model.parameters():
            parameter.data.zero_()
        model.layers[-1].bias.data[1] = 1  # so that it answers 1, whatever the picture
        return model


def test_a_training_is_timed_without_the_making_of_the_network(clock) -> None:
    recipe = Watched(clock)
    done = measure_training("watched", recipe, 4, Digits(24), Digits(15))
    assert recipe.log == ["build", "batches 24, seed 4", "train Pooled, seed 4"]
    assert (done.recipe, done.seed) == ("watched", 4)
    assert done.seconds == 5 + 2 * 3
    assert done.accuracy == 7 / 15
    assert done.peak_mb > 50


def test_the_seed_is_that_of_the_networks_first_weights(clock) -> None:
    recipe = Watched(clock)
    for seed in (3, 3, 4):
        measure_training("watched", recipe, seed, Digits(24), Digits(4))
    first, again, other = recipe.drawn
    assert first == again != other
    torch.manual_seed(4)
    assert other == torch.rand(1).item()


def test_the_network_that_the_recipe_returns_is_the_one_that_is_evaluated(clock) -> None:
    class Swapped(Watched):
        def train(self, model, batches, seed):
            answer = super().train(Pooled(), batches, seed)
            for parameter in model.parameters():
                parameter.data.zero_()  # an answer of 0 to everything
            return answer

    assert measure_training("swapped", Swapped(clock), 0, Digits(24), Digits(15)).accuracy == 7 / 15


class Bar:
    def __init__(self):
        self.total, self.count = None, 0

    def reset(self, total):
        self.total = total

    def update(self):
        self.count += 1


def test_the_bar_moves_on_with_each_batch(clock) -> None:
    bar = Bar()
    measure_training("watched", Watched(clock), 0, Digits(24), Digits(4), bar)
    assert bar.total == bar.count == 6


def test_nothing_is_printed_while_a_training_is_measured(capfd) -> None:
    measure_training("fast", OneCycle(network=Pooled, batch_size=8), 0, Digits(), Digits(10))
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize(
    "recipe",
    [
        Classic(epochs=2),
        OneCycle(network=Pooled, epochs=20, batch_size=8, peak_rate=0.05),
        OneCycle(network=Pooled, epochs=60, batch_size=4, peak_rate=0.05, average=True),
    ],
)
def test_a_recipe_is_trained_and_evaluated_to_the_same_end_from_the_same_seed(recipe) -> None:
    ends = [measure_training("real", recipe, seed, Digits(), Digits(11, 1)) for seed in (1, 1)]
    assert ends[0].accuracy == ends[1].accuracy
    assert ends[0].seconds > 0
    if isinstance(recipe, OneCycle) and not recipe.average:
        assert ends[0].accuracy == 1, "dark and bright are easily told apart"


class SlowDigits(Digits):
    """Each digit that is fetched alone takes a second."""

    def __init__(self, count, clock):
        super().__init__(count)
        self.clock = clock

    def __getitem__(self, index):
        self.clock.sleep(1)
        return super().__getitem__(index)


def test_the_loading_is_timed_with_a_loader_and_with_tensors(clock) -> None:
    loading = measure_loading(SlowDigits(100, clock))
    assert (loading.loader_seconds, loading.seconds) == (100, 0)
    assert loading.peak_mb > 50


@pytest.mark.parametrize("what", ["training", "loading"])
def test_freed_memory_is_kept_before_anything_is_timed(monkeypatch, clock, what) -> None:
    kept = []
    monkeypatch.setattr(measure, "keep_freed_memory", lambda: kept.append(clock.now))
    if what == "training":
        measure_training("watched", Watched(clock), 0, Digits(24), Digits(4))
        assert kept == [100], "the network is made, and nothing trained"
    else:
        measure_loading(SlowDigits(70, clock))
        assert kept == [0]


@pytest.mark.parametrize("wrong", ["pixel", "label"])
def test_a_single_bit_that_differs_between_the_two_ways_of_loading_is_an_error(wrong) -> None:
    class Odd(Digits):
        def __getitem__(self, index):
            image, label = super().__getitem__(index)
            if index == len(self) - 1:
                if wrong == "label":
                    return image, label + 1
                image[0, 27, 27] = torch.nextafter(image[0, 27, 27], torch.tensor(2.0))
            return image, label

    with pytest.raises(RuntimeError, match="differ from the DataLoader's"):
        measure_loading(Odd(70))


def test_a_digit_too_many_is_an_error_too() -> None:
    class Longer(Digits):
        def __len__(self):
            return 64

    with pytest.raises(ValueError, match="zip"):
        measure_loading(Longer(65))


def test_memory_that_is_held_within_the_block_is_seen() -> None:
    with PeakMemory() as alone:
        pass
    with PeakMemory() as memory:
        held = torch.ones(50_000_000)  # 200 MB
        for _ in range(100):
            if memory.peak_mb > alone.peak_mb + 150:
                break
            memory._ended.wait(0.05)
        del held
    assert memory.peak_mb > alone.peak_mb + 150


def test_an_error_within_the_block_ends_the_watch() -> None:
    memory = PeakMemory()
    with pytest.raises(KeyboardInterrupt), memory:
        raise KeyboardInterrupt
    assert not memory._watch.is_alive()
    assert memory.peak_mb > 0


def test_the_live_curves_cost_is_a_ratio_for_each_round(monkeypatch) -> None:
    drawn, trained_with = [], []
    batches = [(torch.rand(4, 1, 28, 28), torch.tensor([0, 1, 2, 3]))] * 5
    monkeypatch.setattr(measure, "make_loaders", lambda: (batches, None))
    monkeypatch.setattr(measure, "LiveLoss", lambda count: SimpleNamespace(add=drawn.append))
    fit = measure.fit

    def watched_fit(*arguments, on_batch, **others):
        trained_with.append(on_batch is not None)
        return fit(*arguments, on_batch=on_batch, **others)

    monkeypatch.setattr(measure, "fit", watched_fit)
    ratios = live_loss_ratios(rounds=3, batches=2)
    assert len(ratios) == 3
    assert all(ratio > 0 for ratio in ratios)
    assert len(drawn) == 3 * 2, "every batch of the live half, and none of the other"
    assert trained_with == [False, True, True, False, False, True], "who is first changes"


def test_the_live_curves_ratio_is_the_time_with_it_over_the_time_without(
    monkeypatch, clock
) -> None:
    monkeypatch.setattr(measure, "make_loaders", lambda: ([], None))
    monkeypatch.setattr(
        measure, "fit", lambda *_, on_batch, **__: clock.sleep(2 if on_batch is None else 3)
    )
    assert live_loss_ratios(rounds=2, batches=1) == [1.5, 1.5]


# The recipes


def test_the_recipes_are_the_ones_that_the_lessons_speak_of() -> None:
    assert [*RECIPES, "loading"] == NAMES == program.NAMES


def test_each_recipe_has_the_seeds_that_the_help_says(monkeypatch, capsys) -> None:
    with pytest.raises(SystemExit):
        run_as_module(monkeypatch, "--help")
    (told,) = re.findall(r"\(default: (.*?)\)", " ".join(capsys.readouterr().out.split()))
    usual, *others = re.split("[;,] ", told)
    seeds = {name: int(usual) for name in RECIPES}
    for one in others:
        number, name = one.split(" for ")
        seeds[name] = int(number)
    assert {name: recipe.seeds for name, recipe in RECIPES.items()} == seeds
    assert (seeds["fast"], seeds["speedrun"]) == (5, 10)


def every_recipe():
    return {**RECIPES, **SHUFFLED, **steps()}


@pytest.mark.parametrize("name", every_recipe())
def test_every_recipe_can_be_trained(name) -> None:
    recipe = every_recipe()[name]
    assert recipe.epochs > 0
    assert recipe.seeds >= 1
    model = recipe.build()
    few = replace(recipe, epochs=1)
    batches = few.batches(Digits(9), seed=0)
    assert sum(len(labels) for _, labels in batches) == 9
    before = weights(model)
    answer = few.train(model, batches, seed=0)
    assert weights(model) != before
    assert answer.eval()(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_the_classic_recipe_is_the_one_of_lesson_04() -> None:
    classic = RECIPES["classic"]
    assert (classic.epochs, classic.learning_rate, classic.shuffle) == (10, 0.005, False)
    assert [type(classic.build()), Classic()] == [CNN, classic]
    loader = classic.batches(Digits(70), seed=0)
    assert isinstance(loader, DataLoader)
    assert [len(labels) for _, labels in loader] == [64, 6]


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_classic_recipe_trains_bit_for_bit_like_the_loop_of_lesson_04(shuffle) -> None:
    recipe = Classic(epochs=3, learning_rate=0.002, shuffle=shuffle)
    digits = Digits(70)
    torch.manual_seed(5)
    model = recipe.build()
    assert recipe.train(model, recipe.batches(digits, 5), 5) is model

    torch.manual_seed(5)
    by_hand = CNN()
    loader = DataLoader(digits, batch_size=64, shuffle=shuffle)
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=0.002)
    by_hand.train()
    for _ in range(3):
        for images, labels in loader:
            loss = loss_function(by_hand(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert weights(model) == weights(by_hand)


def test_the_shuffled_recipes_are_the_classic_one_shuffled_and_with_a_fifth_of_the_rate() -> None:
    shuffled, slower = SHUFFLED["shuffled"], SHUFFLED["shuffled-slower"]
    assert shuffled == replace(RECIPES["classic"], epochs=1, shuffle=True)
    assert slower == replace(shuffled, learning_rate=0.001)
    orders = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        images, _ = next(iter(shuffled.batches(Digits(50), 0)))
        orders.append(images)
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])


@pytest.mark.parametrize("augment", [{}, {"degrees": 20, "scale": 0.2, "shift": 3}])
@pytest.mark.parametrize("average", [False, True])
def test_a_recipe_of_one_cycle_is_fit_one_cycle_with_what_it_holds(augment, average) -> None:
    recipe = OneCycle(
        network=Pooled,
        epochs=2.5,
        batch_size=8,
        peak_rate=0.03,
        betas=(0.6, 0.8),
        label_smoothing=0.2,
        augment=augment,
        average=average,
    )
    digits = Digits(40)
    torch.manual_seed(5)
    model = recipe.build()
    answer = recipe.train(model, recipe.batches(digits, 5), 5)

    torch.manual_seed(5)
    by_hand = Pooled()
    generator = torch.Generator().manual_seed(5)
    followed = averaged(by_hand) if average else None
    fit_one_cycle(
        by_hand,
        TensorBatches(digits.data, digits.targets, 8, shuffle=True, seed=5),
        2.5,
        0.03,
        betas=(0.6, 0.8),
        label_smoothing=0.2,
        augment=(lambda images: random_affine(images, 20, 0.2, 3, generator)) if augment else None,
        average=followed,
        progress=False,
    )
    assert weights(model) == weights(by_hand)
    assert isinstance(answer, AveragedModel) == average
    assert weights(answer) == weights(followed if average else by_hand)


def test_a_recipe_of_one_cycle_takes_the_precision_that_is_chosen(monkeypatch) -> None:
    monkeypatch.setenv("MNIST_PRECISION", "bfloat16")
    recipe, computed = OneCycle(network=Pooled, batch_size=8), []
    model = recipe.build()
    model.layers[2].register_forward_hook(lambda _, __, output: computed.append(output.dtype))
    recipe.train(model, recipe.batches(Digits(), 0), 0)
    assert set(computed) == {torch.bfloat16}


def test_the_same_seed_trains_the_same_network_whatever_else_draws_and_another_seed_another() -> (
    None
):
    recipe = OneCycle(network=Pooled, batch_size=8, augment={"degrees": 10})
    ends = []
    for seed, other_draws in ((3, 0), (3, 7), (4, 0)):
        torch.manual_seed(0)
        model = recipe.build()
        torch.rand(other_draws)
        recipe.train(model, recipe.batches(Digits(), seed), seed)
        ends.append(weights(model))
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]


def test_pixels_that_are_normalised_have_mean_0_and_standard_deviation_1_over_the_training_set() -> (
    None
):
    train_set, _ = load_datasets()
    counts = torch.bincount(train_set.data.flatten(), minlength=256).double()
    values = torch.arange(256) / 255
    normalised = Normalised(nn.Identity())(values).double()
    mean = (counts * normalised).sum() / counts.sum()
    variance = (counts * (normalised - mean) ** 2).sum() / counts.sum()
    assert mean.item() == pytest.approx(0, abs=1e-3)
    assert variance.sqrt().item() == pytest.approx(1, abs=1e-3)


def test_the_normalised_network_answers_with_the_network_behind_it() -> None:
    network = Pooled()
    images = torch.rand(2, 1, 28, 28)
    expected = network((images - 0.1307) / 0.3081)
    assert torch.allclose(Normalised(network)(images), expected)
    assert len(list(Normalised(network).parameters())) == len(list(network.parameters()))


# The steps


def test_no_name_of_a_step_stands_for_two_settings() -> None:
    # In a dictionary the first of the two would be lost without a word.
    (function,) = ast.parse(inspect.getsource(steps)).body
    written = function.body[-1].value
    assert isinstance(written, ast.Dict)
    names = [ast.literal_eval(key) for key in written.keys]
    assert names == list(steps())
    assert len(names) == len(set(names))


def differing(one, other):
    return [
        field.name
        for field in fields(one)
        if getattr(one, field.name) != getattr(other, field.name)
    ]


def test_each_name_of_a_step_says_which_one_above_it_starts_from() -> None:
    letters = []
    for number, name in enumerate(steps()):
        letter, start = name.split()[:2]
        assert number == 0 or start in letters, name
        letters.append(letter)
    assert letters == [*string.ascii_uppercase[: len(letters)]]


def test_each_step_of_one_cycle_differs_in_one_thing_from_the_one_that_it_starts_from() -> None:
    settings = {name.split()[0]: (name, setting) for name, setting in steps().items()}
    compared = 0
    for name, setting in settings.values():
        _, before = settings.get(name.split()[1], (None, None))
        if isinstance(setting, OneCycle) and isinstance(before, OneCycle):
            assert len(differing(setting, before)) == 1, name
            compared += 1
    assert compared > 5


def test_the_steps_begin_with_an_epoch_of_the_classic_recipe() -> None:
    assert next(iter(steps().values())) == replace(RECIPES["classic"], epochs=1)


class Numbered:
    """Stands for MNIST's training set: each digit and each label is its own number."""

    def __init__(self):
        self.data = self.targets = torch.arange(60_000)
        self.kept = "as it was"

    def __len__(self):
        return len(self.data)


def test_the_validation_split_sets_10_000_digits_aside_and_is_always_the_same() -> None:
    whole = Numbered()
    train_part, validation_part = validation_split(whole)
    parts = (train_part, validation_part)
    assert [len(part) for part in parts] == [50_000, 10_000]
    assert sorted(torch.cat([part.data for part in parts]).tolist()) == list(range(60_000))
    for part in parts:
        assert torch.equal(part.data, part.targets), "images and labels stay together"
        assert part.kept == "as it was"
    assert len(whole) == 60_000
    torch.manual_seed(1)
    again = validation_split(whole)
    assert all(torch.equal(one.data, two.data) for one, two in zip(parts, again, strict=True))


def test_the_parts_of_mnist_are_mnist() -> None:
    train_set, _ = load_datasets()
    _, validation_part = validation_split(train_set)
    assert isinstance(validation_part, MNIST)
    image, label = validation_part[3]
    assert (image.shape, image.dtype) == ((1, 28, 28), torch.float32)
    assert torch.equal(image[0], validation_part.data[3] / 255)
    assert label == validation_part.targets[3].item()
    assert len(train_set.data) == len(train_set.targets) == 60_000


# The program


def run_as_module(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    # Imported above, it would otherwise be in the way of its own second life.
    monkeypatch.delitem(sys.modules, "mnist_helpers.benchmark.__main__")
    runpy.run_module("mnist_helpers.benchmark", run_name="__main__")


@pytest.fixture
def nothing_begins(monkeypatch):
    """The precision, which comes before all that takes long, must not be asked for."""

    def fail(device):
        raise AssertionError("the program has begun")

    monkeypatch.setattr(training, "choose_precision", fail)


def test_the_help_names_the_options_and_every_recipe(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as caught:
        run_as_module(monkeypatch, "--help")
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: python -m mnist_helpers.benchmark")
    options = ("recipe", "seeds", "epochs", "quick", "json", "steps", "live-loss", "load")
    for name in (*NAMES, *SHUFFLED, *(f"--{option}" for option in options)):
        assert name in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--recipe", "magic"], ["magic", *NAMES, *SHUFFLED]),
        (["--seeds", "0"], ["0 is no whole number from 1 up"]),
        (["--seeds", "-1"], ["--seeds"]),
        (["--epochs", "1.5"], ["1.5 is no whole number from 1 up"]),
        (["--epochs", "ten"], ["ten is no whole number from 1 up"]),
        (["magic"], ["magic"]),
    ],
)
def test_what_is_unknown_or_too_small_is_refused_with_what_would_do(
    monkeypatch, capsys, nothing_begins, arguments, told
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_as_module(monkeypatch, *arguments)
    assert caught.value.code == 2
    err = capsys.readouterr().err
    for name in told:
        assert name in err


def test_a_json_file_in_a_missing_folder_is_refused_before_anything_is_trained(
    monkeypatch, capsys, nothing_begins, tmp_path
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_as_module(monkeypatch, "--json", str(tmp_path / "missing" / "rows.json"))
    assert caught.value.code == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "missing does not exist; make it first" in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_a_json_file_is_refused_before_anything_is_trained(
    monkeypatch, capsys, nothing_begins, tmp_path
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_as_module(monkeypatch, "--recipe", "loading", "--json", str(tmp_path))
    assert caught.value.code == 2
    assert tmp_path.name in "".join(capsys.readouterr().err.split())


class Laboratory:
    """Stands for all that takes long: trainings that are logged and not made.

    An epoch of `classic` takes 10 seconds and one of any other recipe 5; seed 1 of `shuffled` gets stuck.
    """

    def __init__(self):
        self.log, self.loadings = [], 0
        self.interrupt_at = self.interrupt_loading_at = None
        self.sets = Digits(24), Digits(10)

    def measure_training(self, name, recipe, seed, train_set, test_set, bar=None):
        if len(self.log) == self.interrupt_at:
            raise KeyboardInterrupt
        self.log.append((name, seed, recipe.epochs))
        self.given = train_set, test_set
        seconds = recipe.epochs * (10 if name == "classic" else 5)
        stuck = name == "shuffled" and seed == 1
        return Training(name, seed, seconds, 0.1135 if stuck else 0.98 + seed / 1000, 400 + seed)

    def measure_loading(self, train_set):
        if self.loadings == self.interrupt_loading_at:
            raise KeyboardInterrupt
        self.loadings += 1
        assert train_set is self.sets[0]
        return Loading(8.0, 0.16, 300)


@pytest.fixture
def laboratory(monkeypatch):
    laboratory = Laboratory()
    for name in ("measure_training", "measure_loading"):
        monkeypatch.setattr(program, name, getattr(laboratory, name))
    monkeypatch.setattr(program, "load_datasets", lambda: laboratory.sets)
    monkeypatch.setattr(program, "choose_precision", lambda device: FLOAT32)
    return laboratory


def run(monkeypatch, *arguments):
    """Run the program, and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, arguments)])
    return program.main()


def printed_rows(out):
    """The first word of each line of the table, and the words that follow it."""
    lines = out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("recipe "))
    rows = [line.split() for line in lines[first + 1 :]]
    rows = itertools.takewhile(lambda words: words[0] in (*NAMES, *SHUFFLED), rows)
    return {words[0]: words[1:] for words in rows}


def in_turn(chosen, seeds=None):
    """Each recipe's first seed, then each one's second, and so on."""
    longest = max((seeds or RECIPES[name].seeds) for name in chosen)
    return [
        (name, seed)
        for seed in range(longest)
        for name in chosen
        if seed < (seeds or RECIPES[name].seeds)
    ]


def test_all_recipes_are_trained_in_turn_with_their_own_seeds_and_the_loading_is_timed(
    monkeypatch, capsys, laboratory
) -> None:
    assert run(monkeypatch) == 0
    assert [(name, seed) for name, seed, _ in laboratory.log] == in_turn(RECIPES)
    assert {(name, epochs) for name, _, epochs in laboratory.log} == {
        (name, recipe.epochs) for name, recipe in RECIPES.items()
    }
    assert laboratory.loadings == 5
    assert laboratory.given == laboratory.sets
    rows = printed_rows(capsys.readouterr().out)
    assert list(rows) == NAMES
    assert {name: int(words[0]) for name, words in rows.items()} == {
        **{name: recipe.seeds for name, recipe in RECIPES.items()},
        "loading": 5,
    }


def test_the_computer_and_the_precision_are_named_first(monkeypatch, capsys, laboratory) -> None:
    run(monkeypatch, "--recipe", "loading")
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"torch {torch.__version__}, {torch.get_num_threads()} threads, ")
    assert second == FLOAT32.reason


@pytest.mark.parametrize(
    ("arguments", "names", "seeds", "loadings"),
    [
        (["--seeds", 2], list(RECIPES), 2, 2),
        (["--seeds", 7], list(RECIPES), 7, 7),
        (["--recipe", "best", "--recipe", "classic"], ["best", "classic"], None, 0),
        (
            ["--recipe", "classic", "--recipe", "speedrun", "--seeds", 3],
            ["classic", "speedrun"],
            3,
            0,
        ),
        (["--recipe", "classic", "--recipe", "loading"], ["classic"], None, 5),
        (["--recipe", "loading", "--recipe", "classic", "--seeds", 1], ["classic"], 1, 1),
    ],
)
def test_recipes_and_seeds_can_be_chosen(
    monkeypatch, capsys, laboratory, arguments, names, seeds, loadings
) -> None:
    assert run(monkeypatch, *arguments) == 0
    assert [(name, seed) for name, seed, _ in laboratory.log] == in_turn(names, seeds)
    assert laboratory.loadings == loadings
    rows = printed_rows(capsys.readouterr().out)
    assert list(rows) == [*names, *(["loading"] if loadings else [])]


def test_the_loading_alone_trains_nothing(monkeypatch, capsys, laboratory, tmp_path) -> None:
    assert run(monkeypatch, "--recipe", "loading", "--json", tmp_path / "rows.json") == 0
    assert (laboratory.log, laboratory.loadings) == ([], 5)
    (row,) = json.loads((tmp_path / "rows.json").read_bytes())
    assert (row["recipe"], row["seeds"], row["seconds"], row["ratio"]) == ("loading", 5, 0.16, 0.02)
    assert (row["accuracy"], row["accuracy_sd"]) == (None, None)
    assert "ten epochs" not in capsys.readouterr().out


def test_the_number_of_epochs_can_be_chosen_for_all(monkeypatch, capsys, laboratory) -> None:
    run(monkeypatch, "--epochs", 4, "--seeds", 1)
    assert laboratory.log == [(name, 0, 4) for name in RECIPES]
    rows = printed_rows(capsys.readouterr().out)
    assert {words[1] for name, words in rows.items() if name != "loading"} == {"4"}


def test_quick_is_one_seed_and_one_epoch_of_the_long_recipes(
    monkeypatch, capsys, laboratory
) -> None:
    run(monkeypatch, "--quick")
    own = {name: recipe.epochs for name, recipe in RECIPES.items()}
    expected = {**own, "classic": 1, "best": 1}
    assert laboratory.log == [(name, 0, epochs) for name, epochs in expected.items()]
    assert laboratory.loadings == 1
    assert list(printed_rows(capsys.readouterr().out)) == NAMES


def test_quick_gives_way_to_seeds_and_epochs_that_are_given(monkeypatch, laboratory) -> None:
    run(monkeypatch, "--quick", "--seeds", 2, "--epochs", 3, "--recipe", "best")
    assert laboratory.log[-2:] == [("best", 0, 3), ("best", 1, 3)]


def test_the_ratio_is_to_the_classic_recipes_ten_epochs(
    monkeypatch, capsys, laboratory, tmp_path
) -> None:
    run(monkeypatch, "--json", tmp_path / "rows.json", "--seeds", 2)
    rows = {row["recipe"]: row for row in json.loads((tmp_path / "rows.json").read_bytes())}
    assert RECIPES["classic"].epochs == 10
    assert rows["classic"]["ratio"] == 1
    for name, recipe in RECIPES.items():
        if name != "classic":
            assert rows[name]["ratio"] == pytest.approx(recipe.epochs * 5 / 100, abs=1e-5), name
    assert rows["loading"]["ratio"] == 0.02
    assert "reckoned" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "classic_ratio"),
    [
        (["--quick", "--recipe", "fast99", "--recipe", "classic"], 0.1),
        (["--epochs", 1, "--recipe", "classic", "--recipe", "fast99"], 0.1),
        (["--recipe", "fast99"], None),
    ],
)
def test_the_ratio_is_to_ten_epochs_also_where_fewer_of_the_classic_recipe_were_trained(
    monkeypatch, capsys, laboratory, tmp_path, arguments, classic_ratio
) -> None:
    run(monkeypatch, *arguments, "--json", tmp_path / "rows.json")
    rows = {row["recipe"]: row for row in json.loads((tmp_path / "rows.json").read_bytes())}
    epochs = rows["fast99"]["epochs"]
    assert rows["fast99"]["ratio"] == pytest.approx(epochs * 5 / 100, abs=1e-5)
    assert ("classic" in rows) == (classic_ratio is not None)
    if classic_ratio is not None:
        assert rows["classic"]["ratio"] == classic_ratio
    assert "the classic recipe's ten epochs were reckoned from 1." in capsys.readouterr().out


def test_more_than_ten_epochs_of_the_classic_recipe_are_not_called_fewer(
    monkeypatch, capsys, laboratory
) -> None:
    run(monkeypatch, "--recipe", "classic", "--epochs", 20, "--seeds", 1)
    out = capsys.readouterr().out
    assert printed_rows(out)["classic"][2:4] == ["200.00", "2.00"]
    assert "fewer" not in out


def test_where_the_classic_recipe_is_not_chosen_one_epoch_of_it_comes_first(
    monkeypatch, capsys, laboratory
) -> None:
    run(monkeypatch, "--recipe", "fast", "--recipe", "best", "--seeds", 2)
    assert laboratory.log[0] == ("classic", 0, 1)
    assert [(name, seed) for name, seed, _ in laboratory.log[1:]] == in_turn(["fast", "best"], 2)
    assert list(printed_rows(capsys.readouterr().out)) == ["fast", "best"]


def test_each_finished_training_is_told_in_a_line(monkeypatch, capsys, laboratory) -> None:
    run(monkeypatch, "--recipe", "classic", "--seeds", 2)
    out = capsys.readouterr().out
    assert "classic, seed 0: 100.00 s, accuracy 98.00%\n" in out
    assert "classic, seed 1: 100.00 s, accuracy 98.10%\n" in out
    assert printed_rows(out)["classic"][2:] == ["100.00", "1.00", "98.05", "±", "0.07", "401"]


def test_a_training_that_got_stuck_is_told_of_and_summed_up(
    monkeypatch, capsys, laboratory
) -> None:
    run(monkeypatch, "--recipe", "classic", "--recipe", "shuffled", "--seeds", 3)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith("STUCK")] == [
        "shuffled, seed 1: 5.00 s, accuracy 11.35%  STUCK"
    ]
    assert lines[-1] == ("shuffled: 1 of 3 seeds stuck; accuracy of the others 98.10 ± 0.14 %")
    assert not [line for line in lines if line.startswith("classic: ")]


def test_the_json_holds_the_tables_rows_under_exactly_these_keys(
    monkeypatch, capsys, laboratory, tmp_path
) -> None:
    run(monkeypatch, "--json", tmp_path / "rows.json")
    records = json.loads((tmp_path / "rows.json").read_bytes())
    assert [record["recipe"] for record in records] == NAMES
    for record in records:
        assert set(record) == {
            *("recipe", "seeds", "epochs", "seconds", "ratio"),
            *("accuracy", "accuracy_sd", "peak_mb"),
        }
    out = capsys.readouterr().out
    assert table([Row(**record) for record in records]) in out


@pytest.mark.parametrize("finished", [1, 2, 3, 4, 5])
def test_ctrl_c_prints_and_writes_what_is_finished(
    monkeypatch, capsys, laboratory, tmp_path, finished
) -> None:
    laboratory.interrupt_at = finished
    arguments = ["--recipe", "classic", "--recipe", "fast99", "--recipe", "loading", "--seeds", 3]
    assert run(monkeypatch, *arguments, "--json", tmp_path / "rows.json") == 130
    out = capsys.readouterr().out
    assert "Interrupted. What is finished:" in out
    counts = {"classic": (finished + 1) // 2, "fast99": finished // 2, "loading": 3}
    expected = {name: count for name, count in counts.items() if count}
    records = json.loads((tmp_path / "rows.json").read_bytes())
    assert {record["recipe"]: record["seeds"] for record in records} == expected
    assert {name: int(words[0]) for name, words in printed_rows(out).items()} == expected
    assert all(record["ratio"] is not None for record in records)


def test_ctrl_c_before_the_classic_recipe_is_finished_leaves_rows_without_a_ratio(
    monkeypatch, capsys, laboratory, tmp_path
) -> None:
    laboratory.interrupt_at = 1
    arguments = ["--recipe", "fast99", "--recipe", "classic", "--json", tmp_path / "rows.json"]
    assert run(monkeypatch, *arguments) == 130
    (row,) = json.loads((tmp_path / "rows.json").read_bytes())
    assert (row["recipe"], row["seeds"], row["ratio"]) == ("fast99", 1, None)
    assert row["accuracy_sd"] is None
    assert "reckoned" not in capsys.readouterr().out


@pytest.mark.parametrize("finished", [0, 2])
def test_ctrl_c_during_the_loading_leaves_the_passes_that_are_finished(
    monkeypatch, capsys, laboratory, finished
) -> None:
    laboratory.interrupt_loading_at = finished
    assert run(monkeypatch) == 130
    assert laboratory.log == []
    rows = printed_rows(capsys.readouterr().out)
    assert {name: words[0] for name, words in rows.items()} == (
        {"loading": "2"} if finished else {}
    )


def test_the_program_ends_with_the_status_of_an_interrupt(monkeypatch, capsys) -> None:
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "measure_training", interrupt)
    monkeypatch.setattr(training, "choose_precision", lambda device: FLOAT32)
    with pytest.raises(SystemExit) as caught:
        run_as_module(monkeypatch, "--recipe", "classic")
    assert caught.value.code == 130
    assert "Interrupted. What is finished:" in capsys.readouterr().out


def test_another_error_is_not_taken_for_an_interrupt(monkeypatch, laboratory) -> None:
    def fail(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(program, "measure_training", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        run(monkeypatch, "--recipe", "classic")


def test_a_real_run_of_a_small_recipe_goes_from_the_digits_to_the_json(
    monkeypatch, capsys, tmp_path
) -> None:
    monkeypatch.setattr(program, "load_datasets", lambda: (Digits(40), Digits(10, 1)))
    monkeypatch.setattr(
        program, "RECIPES", {"classic": Classic(epochs=1), "fast": OneCycle(network=Pooled)}
    )
    arguments = ["--recipe", "classic", "--recipe", "fast", "--recipe", "loading", "--seeds", 2]
    assert run(monkeypatch, *arguments, "--json", tmp_path / "rows.json") == 0
    records = json.loads((tmp_path / "rows.json").read_bytes())
    assert [(record["recipe"], record["seeds"]) for record in records] == [
        ("classic", 2),
        ("fast", 2),
        ("loading", 2),
    ]
    for record in records:
        assert record["peak_mb"] > 50
        assert record["recipe"] == "loading" or 0 <= record["accuracy"] <= 100
    assert FLOAT32.reason.split(":")[0] in capsys.readouterr().out


# The comparison of the steps


@pytest.fixture
def few_steps(monkeypatch, laboratory):
    """Two settings, and a split of as few digits as there are."""
    monkeypatch.setattr(
        program, "steps", lambda: {"one": Classic(epochs=1), "… two": OneCycle(epochs=8)}
    )
    monkeypatch.setattr(program, "validation_split", lambda whole: (whole, "validation"))
    return laboratory


def test_the_steps_are_compared_on_the_validation_split(
    monkeypatch, capsys, few_steps, tmp_path
) -> None:
    assert run(monkeypatch, "--steps", "--seeds", 3, "--json", tmp_path / "steps.json") == 0
    assert few_steps.log == [
        (name, seed, epochs) for seed in range(3) for name, epochs in (("one", 1), ("… two", 8))
    ]
    assert few_steps.given == (few_steps.sets[0], "validation"), "nothing of the test set"
    assert json.loads((tmp_path / "steps.json").read_bytes()) == [
        {"step": "one", "epochs": 1, "validation_accuracy": [98.0, 98.1, 98.2]},
        {"step": "… two", "epochs": 8, "validation_accuracy": [98.0, 98.1, 98.2]},
    ]
    told = "0 of 3 seeds stuck; accuracy of the others 98.10 ± 0.10 %"
    last = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[-2:]]
    assert last == [f"one {told}", f"… two {told}"]


def test_the_steps_are_compared_over_five_seeds_unless_told_otherwise(
    monkeypatch, few_steps
) -> None:
    run(monkeypatch, "--steps")
    assert [seed for name, seed, _ in few_steps.log if name == "one"] == [0, 1, 2, 3, 4]


def test_ctrl_c_keeps_the_steps_that_are_finished(monkeypatch, few_steps, tmp_path) -> None:
    few_steps.interrupt_at = 3
    assert run(monkeypatch, "--steps", "--json", tmp_path / "steps.json") == 130
    records = json.loads((tmp_path / "steps.json").read_bytes())
    assert [record["validation_accuracy"] for record in records] == [[98.0, 98.1], [98.0]]


def test_the_live_curve_is_measured_instead_of_anything_else(
    monkeypatch, capsys, laboratory
) -> None:
    monkeypatch.setattr(program, "live_loss_ratios", lambda rounds, batches: [1.02, 1.04, 1.03])
    assert run(monkeypatch, "--live-loss") == 0
    assert laboratory.log == []
    assert capsys.readouterr().out.splitlines()[1:] == ["1.020 1.040 1.030", "median 1.030"]


def test_the_load_is_measured_instead_of_anything_else(monkeypatch, capsys, laboratory) -> None:
    asked = []

    def ratio(processes: int, steps: int = 150, short_spin: bool = True) -> float:
        asked.append((processes, short_spin))
        # The third measurement lies between the first two.
        return processes + [0.0, 0.5, 0.3][(len(asked) - 1) % 3]

    monkeypatch.setattr(program, "side_by_side_ratio", ratio)
    assert run(monkeypatch, "--load") == 0
    assert laboratory.log == []
    assert asked == [(2, True)] * 3 + [(4, True)] * 3 + [(2, False)]
    printed = capsys.readouterr().out
    assert "2 trainings side by side take 2.3 times as long as one" in printed
    assert "from 2.0 to 2.5" in printed
    assert "4 trainings side by side take 4.3 times as long as one" in printed
    assert "by themselves: 2.0 times" in printed


def test_side_by_side_each_training_is_a_process_that_nobody_prepared(monkeypatch) -> None:
    seen = []

    class Training(subprocess.Popen):
        def __init__(self, command: list[str], **options: object) -> None:
            seen.append((command[2], options["env"]))
            super().__init__(command, **options)

    monkeypatch.setattr(load.subprocess, "Popen", Training)
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert side_by_side_ratio(3, steps=1) > 0
    assert len(seen) == 1 + 3
    for code, environment in seen:
        assert code.index("import mnist_helpers") < code.index("import torch")
        assert not {"GOMP_SPINCOUNT", "OMP_NUM_THREADS"} & environment.keys()
    seen.clear()
    assert side_by_side_ratio(2, steps=1, short_spin=False) > 0
    assert all(code.index("import torch") < code.index("mnist_helpers") for code, _ in seen)


def test_a_training_that_fails_beside_others_is_no_measurement(monkeypatch) -> None:
    monkeypatch.setattr(load, "_TRAIN", "{first}; raise SystemExit({steps})")
    with pytest.raises(RuntimeError, match="A training failed"):
        side_by_side_ratio(2, steps=3)
