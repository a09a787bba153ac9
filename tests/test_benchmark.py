from dataclasses import replace
from functools import partial
import json
import sys
import time
from types import SimpleNamespace

from by_hand import batches, digits, generator, steps, weights
from mnist_helpers.batches import random_affine, split_indices
from mnist_helpers.benchmark import __main__ as program
from mnist_helpers.benchmark import load_results
from mnist_helpers.benchmark.recipes import RECIPES, STEPS, Recipe
from mnist_helpers.models import CNN, BatchNormCNN
from mnist_helpers.training import averaged, fit_fast, fit_one_cycle
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST

NAMES = ["classic", "fast", "fast99", "fast995", "best", "speedrun", "loading"]


pytestmark = pytest.mark.usefixtures("one_way_to_reckon")


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setattr(program, "load_datasets", lambda: (digits(40), digits(10)))
    monkeypatch.setattr(program, "_validation_split", lambda whole: (digits(30), digits(7)))

    def run(*options):
        file = tmp_path / "results.json"
        monkeypatch.setattr(sys, "argv", ["benchmark", f"--json={file}", *options])
        return program._main(), json.loads(file.read_bytes())

    return run


@pytest.fixture
def log(monkeypatch):
    """Trainings that are only logged; the second gets stuck, and in a seed 7 Ctrl-C is pressed."""
    log = []

    def train(recipe, seed, train_set, test_set):
        if seed == 7:
            raise KeyboardInterrupt
        log.append((recipe.network, seed, recipe.epochs))
        return program._Run(2 * recipe.epochs, 400.4, 0.1135 if len(log) == 2 else 0.98)

    monkeypatch.setattr(program, "_measure_training", train)
    return log


def test_a_real_run_goes_from_the_digits_to_the_json(run, capsys):
    status, (*recipes, loading) = run("--seeds=2")
    assert (status, [record["recipe"] for record in (*recipes, loading)]) == (0, NAMES)
    for record in recipes:
        assert record["ratio"] == pytest.approx(record["seconds"] / recipes[0]["seconds"], 0.1)
        assert record["settings"] == repr(RECIPES[record["recipe"]])
        assert record["accuracy"] % 5 == 0
        assert (record["seeds"], record["peak_mb"] > 50) == (2, True)
    assert list(loading) == list(load_results("recipes")[0])
    assert loading["accuracy"] is loading["accuracy_sd"] is loading["settings"] is None
    assert loading["ratio"] > 0
    head, precision, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith(f"torch {torch.__version__}, {torch.get_num_threads()} threads, ")
    assert precision.startswith("precision on cpu: float32")
    told = [f"{name}, seed {seed}" for seed in (0, 1) for name in NAMES[:-1]]
    assert [line.partition(":")[0] for line in lines[:12]] == told


def test_a_real_run_of_the_steps_writes_what_lesson_06_reads(run):
    status, records = run("--steps", "--seeds=1")
    assert (status, [record["step"] for record in records]) == (0, list(STEPS))
    for record in records:
        assert list(record) == list(load_results("steps")[0])
        [accuracy] = record["validation_accuracy"]
        assert accuracy in [round(100 * right / 7, 2) for right in range(8)]


def test_the_recorded_results_are_those_of_these_recipes():
    *recipes, loading = load_results("recipes")
    assert [record["recipe"] for record in (*recipes, loading)] == NAMES
    for record in recipes:
        one = RECIPES[record["recipe"]]
        told = record["settings"], record["epochs"], record["seeds"]
        assert told == (repr(one), one.epochs, one.seeds)
    for record, (name, one) in zip(load_results("steps"), STEPS.items(), strict=True):
        told = record["step"], record["settings"], record["epochs"]
        assert told == (name, repr(one), one.epochs)
        assert len(record["validation_accuracy"]) == 5


def test_recipes_and_seeds_can_be_chosen(run, log):
    _, records = run("--quick")
    assert [one[1:] for one in log] == [(0, epochs) for epochs in (1, 0.75, 1, 1, 1, 0.75)]
    assert [record["ratio"] for record in records[:2]] == [0.1, 0.075]
    log.clear()
    names = ("--recipe=shuffled", "--recipe=best", "--recipe=loading")
    _, records = run(*names, "--seeds=2")
    assert log == [(CNN, 0, 1), (BatchNormCNN, 0, 20), (CNN, 1, 1), (BatchNormCNN, 1, 20)]
    assert [record["epochs"] for record in records] == [1, 20, 1]
    assert [record["ratio"] for record in records[:2]] == [None, None]
    _, records = run("--steps")
    assert {len(record["validation_accuracy"]) for record in records} == {5}


@pytest.mark.parametrize("option", ["--seeds=0", "--seeds=-1", "--json=no/rows.json"])
def test_what_would_fail_in_half_an_hour_is_refused_at_once(run, capsys, log, option):
    with pytest.raises(SystemExit, match="2"):
        run(option)
    error = capsys.readouterr().err
    assert "a number from 1 up" in error or "the folder no does not exist" in error
    assert log == []


def test_ctrl_c_prints_and_writes_what_is_finished(run, capsys, log):
    status, records = run()
    assert status == 130
    assert [record["seeds"] for record in records] == [3, 5, 5, 7, 5, 7, 5]
    assert [seed for _, seed, _ in log] == sorted(seed for _, seed, _ in log)
    trained, told = capsys.readouterr().out.split("Interrupted. What is finished:\n")
    assert "\nfast, seed 0: 1.50 s, accuracy 11.35%  STUCK\n" in trained
    head, _, fast, *_ = told.splitlines()
    assert [head, fast] == [
        "recipe           seeds  epochs  seconds    ratio     accuracy, %  peak MB",
        "fast                 5    0.75     1.50   1/13.3   80.67 ± 38.75      400",
    ]


def test_training_alone_is_timed_and_what_it_returns_judged(monkeypatch):
    clock = SimpleNamespace(now=0, perf_counter=lambda: clock.now)
    monkeypatch.setattr(program, "time", clock)
    _, _, before = program._watched(lambda: None)
    begun = []

    class Answering1(Recipe):
        def train(self, model, train_set, seed):
            kept = torch.ones(50_000_000)  # 200 MB
            time.sleep(0.3)  # until the memory has been looked at
            clock.now += 3
            begun.extend((model.output[1].bias.data, kept[0]))
            model.output[1].bias.data = 99 * torch.eye(10)[0]
            other = CNN()
            other.output[1].bias.data = 99 * torch.eye(10)[1]
            return other

    def slow_network():
        clock.now += 50
        return CNN()

    run = program._measure_training(Answering1(slow_network), 5, digits(24), digits(15))
    assert run.accuracy == (digits(15).targets == 1).sum() / 15
    assert run.seconds == 3
    assert run.peak_mb > before + 150
    torch.manual_seed(5)
    assert torch.equal(begun[0], CNN().output[1].bias)


@pytest.mark.parametrize("wrong", ["pixel", "label"])
def test_a_single_bit_between_the_ways_of_loading_is_an_error(wrong):
    class Odd(MNIST):
        def __init__(self):
            vars(self).update(vars(digits(70)))

        def __getitem__(self, index):
            image, label = super().__getitem__(index)
            if index == 69 and wrong == "pixel":
                image[0, 27, 27] = torch.nextafter(image[0, 27, 27], torch.tensor(2.0))
            return image, label + (index == 69 and wrong == "label")

    with pytest.raises(RuntimeError, match="differ from the DataLoader's"):
        program._measure_loading(Odd())


def trained_with(recipe, few):
    torch.manual_seed(5)
    return weights(recipe.train(recipe.network(), few, seed=5))


@pytest.mark.parametrize(("name", "rate"), [("classic", 0.005), ("shuffled-slower", 0.001)])
def test_the_classic_recipe_is_the_loop_of_lesson_04(name, rate):
    torch.manual_seed(5)
    model = CNN()
    loader = DataLoader(digits(70), batch_size=64, shuffle=name == "shuffled-slower")
    steps(model, [*loader, *loader], torch.optim.Adam(model.parameters(), lr=rate))
    assert trained_with(replace(RECIPES[name], epochs=2), digits(70)) == weights(model)


def test_the_recipe_called_fast99_is_fit_fast():
    torch.manual_seed(5)
    model = CNN()
    fit_fast(model, digits(140), seed=5, progress=False)
    assert trained_with(RECIPES["fast99"], digits(140)) == weights(model)


def test_a_recipe_of_one_cycle_is_fit_one_cycle():
    amounts = {"degrees": 20, "scale": 0.2, "shift": 3}
    options = {"betas": (0.6, 0.8), "label_smoothing": 0.2}
    torch.manual_seed(5)
    model = BatchNormCNN()
    mean, augment = averaged(model), partial(random_affine, **amounts, generator=generator(5))
    few = batches(40, batch_size=8, shuffle=True, seed=5)
    fit_one_cycle(model, few, 2.5, 0.03, **options, augment=augment, average=mean)
    options |= {"augment": amounts, "batch_size": 8, "learning_rate": 0.03}
    recipe = Recipe(BatchNormCNN, 2.5, average=True, **options)
    assert trained_with(recipe, digits(40)) == weights(mean)
    assert trained_with(replace(recipe, average=False), digits(40)) == weights(model)


@pytest.mark.parametrize(("letter", "plain"), [("F", CNN()), ("H", BatchNormCNN())])
def test_normalised_pixels_come_before_the_network_itself(letter, plain):
    images = torch.rand(2, 1, 28, 28)
    normalised = next(recipe for name, recipe in STEPS.items() if name[0] == letter).network()
    plain.load_state_dict(normalised.state_dict())
    assert torch.equal(normalised(images), plain((images - 0.1307) / 0.3081))


def test_the_validation_split_is_always_the_same_10_000():
    whole = digits(10_030)
    whole.targets = torch.arange(10_030)
    indices = split_indices(10_030, 10_000, seed=5)
    for part, own in zip(program._validation_split(whole), indices, strict=True):
        assert torch.equal(part.targets, own)
        assert torch.equal(part.data, whole.data[own])
