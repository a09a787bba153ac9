from dataclasses import replace
from functools import partial
import json
import sys
import time

from mnist_helpers.batches import TensorBatches, random_affine
from mnist_helpers.benchmark import __main__ as program
from mnist_helpers.benchmark import load_results
from mnist_helpers.benchmark.recipes import RECIPES, STEPS, Recipe
from mnist_helpers.models import CNN, BatchNormCNN
from mnist_helpers.training import averaged, fit_fast, fit_one_cycle
import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

NAMES = ["classic", "fast", "fast99", "best", "speedrun", "loading"]


class Digits(MNIST):
    """A few random digits, labelled 0 and 1 in turn; torchvision's own in all else."""

    def __init__(self, count):
        self.data = torch.randint(256, (count, 28, 28), dtype=torch.uint8)
        self.targets = torch.arange(count) % 2
        self.transform, self.target_transform = ToTensor(), None


@pytest.fixture(autouse=True)
def one_way_to_reckon(monkeypatch):
    monkeypatch.setenv("MNIST_DEVICE", "cpu")
    monkeypatch.setenv("MNIST_PRECISION", "float32")


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setattr(program, "load_datasets", lambda: (Digits(40), Digits(10)))
    monkeypatch.setattr(program, "_validation_split", lambda whole: (Digits(30), Digits(7)))

    def run(*options):
        """Run the program; return its exit status, and what it wrote."""
        file = tmp_path / "results.json"
        monkeypatch.setattr(sys, "argv", ["benchmark", f"--json={file}", *options])
        return program.main(), json.loads(file.read_bytes())

    return run


@pytest.fixture
def log(monkeypatch):
    """Trainings that are no more than logged: two seconds an epoch, and the second gets stuck. In
    the eighth of one recipe Ctrl-C is pressed."""
    log = []

    def train(recipe, seed, train_set, test_set):
        if seed == 7:
            raise KeyboardInterrupt
        log.append((recipe.network, seed, recipe.epochs))
        return program._Run(2 * recipe.epochs, 0.1135 if len(log) == 2 else 0.98)

    monkeypatch.setattr(program, "_measure_training", train)
    return log


def test_a_real_run_of_every_recipe_goes_from_the_digits_to_the_json(run, capsys):
    status, records = run("--seeds=2")
    assert (status, [record["recipe"] for record in records]) == (0, NAMES)
    *recipes, loading = records
    for record in recipes:
        assert record["ratio"] == pytest.approx(record["seconds"] / recipes[0]["seconds"], 0.1)
        assert record["settings"] == repr(RECIPES[record["recipe"]])
        assert record["accuracy"] % 5 == 0, "of ten digits, twice"
        assert record["seeds"] == 2
    assert list(loading) == list(load_results("recipes")[0])
    assert loading["accuracy"] is loading["accuracy_sd"] is loading["settings"] is None
    assert loading["ratio"] > 0
    head, precision, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith(f"torch {torch.__version__}, {torch.get_num_threads()} threads, ")
    assert precision.startswith("precision on cpu: float32")
    told = [f"{name}, seed {seed}" for seed in (0, 1) for name in NAMES[:-1]]
    assert [line.partition(":")[0] for line in lines[:10]] == told


def test_a_real_run_of_the_steps_writes_what_lesson_06_reads(run):
    status, records = run("--steps", "--seeds=1")
    assert (status, [record["step"] for record in records]) == (0, list(STEPS))
    for record in records:
        assert list(record) == list(load_results("steps")[0])
        [accuracy] = record["validation_accuracy"]
        assert accuracy in [round(100 * right / 7, 2) for right in range(8)], "on the split"


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


def test_recipes_seeds_and_epochs_can_be_chosen(run, log):
    _, records = run("--quick")
    assert [(seed, epochs) for _, seed, epochs in log] == [(0, 1), (0, 0.75), *[(0, 1)] * 3]
    assert [record["ratio"] for record in records[:2]] == [0.1, 0.075], "to ten epochs"
    log.clear()
    names = ("--recipe=shuffled", "--recipe=best", "--recipe=loading")
    _, records = run(*names, "--epochs=3", "--seeds=2")
    assert log == [(CNN, 0, 3), (BatchNormCNN, 0, 3), (CNN, 1, 3), (BatchNormCNN, 1, 3)]
    assert [record["epochs"] for record in records] == [3, 3, 1]
    assert [record["ratio"] for record in records[:2]] == [None, None]
    _, records = run("--steps")
    assert {len(record["validation_accuracy"]) for record in records} == {5}


@pytest.mark.parametrize("option", ["--seeds=0", "--epochs=-1", "--json=no/rows.json"])
def test_what_would_fail_in_half_an_hour_is_refused_at_once(run, capsys, log, option):
    with pytest.raises(SystemExit, match="2"):
        run(option)
    error = capsys.readouterr().err
    assert "numbers from 1 up" in error or "the folder no does not exist" in error
    assert log == []


def test_ctrl_c_prints_and_writes_what_is_finished(run, capsys, log):
    status, records = run()
    assert status == 130
    assert [record["seeds"] for record in records] == [3, 5, 5, 5, 7, 5]
    assert [seed for _, seed, _ in log] == sorted(seed for _, seed, _ in log), "in turn"
    trained, told = capsys.readouterr().out.split("Interrupted. What is finished:\n")
    assert "\nfast, seed 0: 1.50 s, accuracy 11.35%  STUCK\n" in trained
    *rows, loading, stuck = told.splitlines()
    assert stuck == "fast: 1 of 5 seeds stuck"
    assert len(loading.split()) == 5, "blanks, where there is no accuracy"
    assert rows == [
        "recipe           seeds  epochs  seconds    ratio     accuracy, %",
        "classic              3      10    20.00     1.00    98.00 ± 0.00",
        "fast                 5    0.75     1.50   1/13.3   80.67 ± 38.75",
        "fast99               5       1     2.00   1/10.0    98.00 ± 0.00",
        "best                 5      20    40.00     2.00    98.00 ± 0.00",
        "speedrun             7       1     2.00   1/10.0    98.00 ± 0.00",
    ]


def test_the_making_of_a_network_is_not_timed_and_the_one_that_comes_back_is_judged():
    begun = []

    class Answering1(Recipe):
        def train(self, model, train_set, seed):
            time.sleep(0.3)
            begun.append(model.output[1].bias.data)
            model.output[1].bias.data = 99 * torch.eye(10)[0]
            other = CNN()
            other.output[1].bias.data = 99 * torch.eye(10)[1]
            return other

    def slow_to_make():
        time.sleep(1)
        return CNN()

    run = program._measure_training(Answering1(slow_to_make), 5, Digits(24), Digits(15))
    assert run.accuracy == 7 / 15
    assert 0.3 < run.seconds < 1
    torch.manual_seed(5)
    assert torch.equal(begun[0], CNN().output[1].bias)


@pytest.mark.parametrize("wrong", ["pixel", "label"])
def test_a_single_bit_between_the_two_ways_of_loading_is_an_error(wrong):
    class Odd(Digits):
        def __getitem__(self, index):
            image, label = super().__getitem__(index)
            if index == 69 and wrong == "pixel":
                image[0, 27, 27] = torch.nextafter(image[0, 27, 27], torch.tensor(2.0))
            return image, label + (index == 69 and wrong == "label")

    with pytest.raises(RuntimeError, match="differ from the DataLoader's"):
        program._measure_loading(Odd(70))


def assert_same(model, other):
    assert_close(model.state_dict(), other.state_dict(), rtol=0, atol=0)


def trained_with(recipe, digits):
    torch.manual_seed(5)
    return recipe.train(recipe.network(), digits, seed=5)


@pytest.mark.parametrize(("name", "rate"), [("classic", 0.005), ("shuffled-slower", 0.001)])
def test_the_classic_recipe_trains_bit_for_bit_like_the_loop_of_lesson_04(name, rate):
    digits = Digits(70)
    torch.manual_seed(5)
    model = CNN()
    loader = DataLoader(digits, batch_size=64, shuffle=name == "shuffled-slower")
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for images, labels in [*loader, *loader]:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert_same(trained_with(replace(RECIPES[name], epochs=2), digits), model)


def test_the_recipe_called_fast99_is_fit_fast():
    digits = Digits(140)
    torch.manual_seed(5)
    model = CNN()
    fit_fast(model, digits, seed=5, progress=False)
    assert_same(trained_with(RECIPES["fast99"], digits), model)


def test_a_recipe_of_one_cycle_is_fit_one_cycle_with_what_it_holds():
    digits, amounts = Digits(40), {"degrees": 20, "scale": 0.2, "shift": 3}
    options = {"betas": (0.6, 0.8), "label_smoothing": 0.2}
    torch.manual_seed(5)
    model = BatchNormCNN()
    mean, generator = averaged(model), torch.Generator().manual_seed(5)
    augment = partial(random_affine, **amounts, generator=generator)
    batches = TensorBatches(digits.data, digits.targets, batch_size=8, shuffle=True, seed=5)
    fit_one_cycle(model, batches, 2.5, 0.03, **options, augment=augment, average=mean)
    options |= {"augment": amounts, "batch_size": 8, "learning_rate": 0.03}
    recipe = Recipe(BatchNormCNN, 2.5, average=True, **options)
    assert_same(trained_with(recipe, digits), mean)
    assert_same(trained_with(replace(recipe, average=False), digits), model)


@pytest.mark.parametrize(("letter", "plain"), [("F", CNN()), ("H", BatchNormCNN())])
def test_normalised_pixels_come_before_the_network_itself(letter, plain):
    images = torch.rand(2, 1, 28, 28)
    normalised = next(recipe for name, recipe in STEPS.items() if name[0] == letter).network()
    plain.load_state_dict(normalised.state_dict())
    assert torch.equal(normalised(images), plain((images - 0.1307) / 0.3081))


def test_the_validation_split_sets_10_000_digits_aside_always_the_same():
    whole = Digits(10_030)
    whole.targets = torch.arange(10_030)
    parts = program._validation_split(whole)
    assert [len(part) for part in parts] == [30, 10_000]
    assert torch.equal(torch.cat([part.targets for part in parts]).sort().values, whole.targets)
    for part, again in zip(parts, program._validation_split(whole), strict=True):
        assert torch.equal(part.data, whole.data[part.targets]), "digit and label stay together"
        assert torch.equal(part.targets, again.targets)
