from dataclasses import replace
import json
import sys
import time
from types import SimpleNamespace

from mnist_helpers.batches import TensorBatches, random_affine
from mnist_helpers.benchmark import __main__ as program
from mnist_helpers.benchmark import load_results, measure
from mnist_helpers.benchmark.measure import Run, measure_loading, measure_training
from mnist_helpers.benchmark.recipes import RECIPES, SHUFFLED, Recipe, steps, validation_split
from mnist_helpers.benchmark.results import fraction, table
from mnist_helpers.models import CNN, BatchNormCNN, SmallCNN
from mnist_helpers.training import fit_fast, fit_one_cycle
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

NAMES = ["classic", "fast", "fast99", "best", "speedrun", "loading"]
KEYS = ["recipe", "seeds", "epochs", "seconds", "ratio", "accuracy", "accuracy_sd", "peak_mb"]


class Digits(MNIST):
    """A few digits, dark ones labelled 0 and bright ones 1; torchvision's own in all else."""

    def __init__(self, count, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.targets = torch.arange(count) % 2
        noise = torch.randint(100, (count, 28, 28), generator=generator)
        self.data = (noise + 150 * self.targets[:, None, None]).to(torch.uint8)
        self.transform, self.target_transform = ToTensor(), None


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    monkeypatch.setenv("MNIST_DEVICE", "cpu")
    monkeypatch.setenv("MNIST_PRECISION", "float32")
    monkeypatch.setattr(program, "load_datasets", lambda: (Digits(40), Digits(10, 1)))
    monkeypatch.setattr(program, "validation_split", lambda whole: (Digits(30), Digits(7, 2)))


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run(*options):
        """Run the program; return its exit status, and what it wrote."""
        file = tmp_path / "results.json"
        monkeypatch.setattr(sys, "argv", ["benchmark", "--json", str(file), *map(str, options)])
        return program.main(), json.loads(file.read_bytes())

    return run


@pytest.fixture
def log(monkeypatch):
    """Trainings that are no more than logged: two seconds an epoch, and the second gets stuck."""
    log = []

    def train(recipe, seed, train_set, test_set):
        log.append((recipe.network.__name__, seed, recipe.epochs))
        return Run(2 * recipe.epochs, 400.4, 0.1135 if len(log) == 2 else 0.98)

    monkeypatch.setattr(program, "measure_training", train)
    return log


def test_a_real_run_of_every_recipe_goes_from_the_digits_to_the_json(run, capsys):
    status, records = run("--seeds", 2)
    assert (status, [record["recipe"] for record in records]) == (0, NAMES)
    for record in records:
        assert list(record) == [*KEYS, "settings"]
        assert (record["seeds"], record["peak_mb"] > 50) == (2, True)
    for record in records[:-1]:
        assert record["ratio"] == pytest.approx(record["seconds"] / records[0]["seconds"], 0.1)
        assert record["settings"] == repr(RECIPES[record["recipe"]])
        assert record["accuracy"] % 5 == 0, "of ten digits, twice"
    assert records[-1]["ratio"] > 0
    assert records[-1]["accuracy"] is records[-1]["settings"] is None
    out = capsys.readouterr().out
    assert f"torch {torch.__version__}" in out
    assert "precision on cpu: float32" in out
    assert table(records) in out
    told = [line.split(":")[0] for line in out.splitlines() if ", accuracy " in line]
    assert told == [f"{name}, seed {seed}" for seed in (0, 1) for name in NAMES[:-1]]


def test_a_real_run_of_the_steps_writes_what_lesson_05_reads(run):
    status, records = run("--steps", "--seeds", 1)
    assert (status, [record["step"] for record in records]) == (0, list(steps()))
    for record in records:
        assert list(record) == ["step", "epochs", "validation_accuracy", "settings"]
        [accuracy] = record["validation_accuracy"]
        assert accuracy in [round(100 * right / 7, 2) for right in range(8)], "on the split"


def test_the_recorded_results_are_those_of_these_recipes():
    *recipes, loading = load_results("recipes")
    assert [record["recipe"] for record in (*recipes, loading)] == NAMES
    for record in recipes:
        recipe = RECIPES[record["recipe"]]
        assert record["settings"] == repr(recipe)
        assert (record["epochs"], record["seeds"]) == (recipe.epochs, recipe.seeds)
    for record, (name, recipe) in zip(load_results("steps"), steps().items(), strict=True):
        told = (record["step"], record["settings"], record["epochs"])
        assert told == (name, repr(recipe), recipe.epochs)
        assert len(record["validation_accuracy"]) == 5


QUICK = [("CNN", 0, 1), ("CNN", 0, 0.75), ("CNN", 0, 1), ("BatchNormCNN", 0, 1), ("SmallCNN", 0, 1)]
CHOSEN = ["--recipe", "shuffled", "--recipe", "best", "--epochs", 3, "--seeds", 2]


def test_recipes_seeds_and_epochs_can_be_chosen(run, log):
    _, records = run("--quick")
    assert log == QUICK
    assert [record["ratio"] for record in records[:2]] == [0.1, 0.075], "to ten epochs"
    log.clear()
    _, records = run(*CHOSEN)
    assert log == [("CNN", 0, 3), ("BatchNormCNN", 0, 3), ("CNN", 1, 3), ("BatchNormCNN", 1, 3)]
    assert [record["ratio"] for record in records] == [None, None]
    log.clear()
    _, records = run()
    assert [record["seeds"] for record in records] == [3, 5, 5, 5, 10, 5]
    assert [seed for _, seed, _ in log] == sorted(seed for _, seed, _ in log), "in turn"
    log.clear()
    _, records = run("--recipe", "loading")
    assert ([record["recipe"] for record in records], log) == (["loading"], [])
    _, records = run("--steps")
    assert {len(record["validation_accuracy"]) for record in records} == {5}


@pytest.mark.parametrize("option", [("--seeds", 0), ("--epochs", -1), ("--json", "no/rows.json")])
def test_what_would_fail_in_half_an_hour_is_refused_at_once(run, capsys, log, option):
    with pytest.raises(SystemExit, match="2"):
        run(*option)
    error = capsys.readouterr().err
    assert "numbers from 1 up" in error or "the folder no does not exist" in error
    assert log == []


def test_ctrl_c_prints_and_writes_what_is_finished(monkeypatch, run, capsys, log):
    train = program.measure_training

    def train_or_interrupt(*arguments):
        if len(log) == 4:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(program, "measure_training", train_or_interrupt)
    names = ("best", "classic", "shuffled", "fast", "loading")
    status, records = run(*(f"--recipe={name}" for name in (*names, "speedrun")), "--seeds=3")
    out = capsys.readouterr().out
    assert status == 130
    assert "classic, seed 0: 20.00 s, accuracy 11.35%  STUCK" in out
    assert "Interrupted. What is finished:" in out
    assert table(records) in out
    assert out.splitlines()[-1] == "classic: 1 of 1 seeds stuck"
    assert tuple(record["recipe"] for record in records) == names
    assert [record["seeds"] for record in records] == [1, 1, 1, 1, 3]


def test_the_table_is_read_at_a_glance():
    rows = [
        ("classic", 5, 10, 123.456, 1.0, 98.765, 0.123, 812),
        ("fast", 1, 0.75, 6.1728, 0.05, 98.1, None, 800),
        ("loading", 2, 1, 0.2, None, None, None, 600),
    ]
    assert table([dict(zip(KEYS, row, strict=True)) for row in rows]).splitlines()[1:] == [
        "classic              5      10   123.46     1.00    98.77 ± 0.12      812",
        "fast                 1    0.75     6.17   1/20.0           98.10      800",
        "loading              2       1     0.20                               600",
    ]
    assert (fraction(0.499), fraction(0.5)) == ("1/2.0", "0.50")


def test_a_training_alone_is_timed_and_the_network_that_it_returns_is_judged(monkeypatch):
    now, seen = [0], []
    monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(measure, "keep_freed_memory", lambda: seen.append("kept"))

    class Answering1(Recipe):
        def train(self, model, batches, seed):
            now[0] += seed
            seen.append(model.output[1].bias.data)
            model.output[1].bias.data = 99 * torch.eye(10)[0]
            other = CNN()
            other.output[1].bias.data = 99 * torch.eye(10)[1]
            return other

    def slow_to_make():
        now[0] += 100
        return CNN()

    done = measure_training(Answering1(slow_to_make), 5, Digits(24), Digits(15))
    assert (done.seconds, done.accuracy) == (5, 7 / 15)
    torch.manual_seed(5)
    assert seen[0] == "kept"
    assert torch.equal(seen[1], CNN().output[1].bias)
    learning = Recipe(SmallCNN, epochs=5, batch_size=8)
    assert measure_training(learning, 0, Digits(48), Digits(20, 2)).accuracy == 1


@pytest.mark.parametrize("wrong", ["pixel", "label"])
def test_a_single_bit_between_the_two_ways_of_loading_is_an_error(wrong):
    class Odd(Digits):
        def __getitem__(self, index):
            image, label = super().__getitem__(index)
            if index == 69 and wrong == "pixel":
                image[0, 27, 27] = torch.nextafter(image[0, 27, 27], torch.tensor(2.0))
            return image, label + (index == 69 and wrong == "label")

    with pytest.raises(RuntimeError, match="differ from the DataLoader's"):
        measure_loading(Odd(70))


def test_memory_that_is_held_meanwhile_is_seen():
    with measure._watched_memory() as before:
        pass
    with measure._watched_memory() as held:
        kept = torch.ones(50_000_000)  # 200 MB
        for _ in range(100):
            time.sleep(0.02)
            if max(held) > max(before) + 150:
                break
    assert max(held) > max(before) + 150, len(kept)


def same(model, other):
    pairs = zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def trained_with(recipe, digits):
    torch.manual_seed(5)
    model = recipe.network()
    return recipe.train(model, recipe.batches(digits, 5), 5)


@pytest.mark.parametrize(("name", "rate"), [("classic", 0.005), ("shuffled-slower", 0.001)])
def test_the_classic_recipe_trains_bit_for_bit_like_the_loop_of_lesson_04(name, rate):
    recipe = {**RECIPES, **SHUFFLED}[name]
    torch.manual_seed(5)
    model = CNN()
    loader = DataLoader(Digits(70), batch_size=64, shuffle=name == "shuffled-slower")
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(2):
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert same(trained_with(replace(recipe, epochs=2), Digits(70)), model)


def test_the_recipe_called_fast99_is_fit_fast():
    torch.manual_seed(5)
    model = CNN()
    fit_fast(model, Digits(300), seed=5, progress=False)
    assert same(trained_with(RECIPES["fast99"], Digits(300)), model)


def test_a_recipe_of_one_cycle_is_fit_one_cycle_with_what_it_holds():
    options = {"betas": (0.6, 0.8), "label_smoothing": 0.2}
    amounts = {"degrees": 20, "scale": 0.2, "shift": 3}
    digits = Digits(40)
    torch.manual_seed(5)
    model = BatchNormCNN()
    generator = torch.Generator().manual_seed(5)
    mean = AveragedModel(model, use_buffers=True)
    batches = TensorBatches(digits.data, digits.targets, 8, shuffle=True, seed=5)
    options |= {"augment": lambda images: random_affine(images, **amounts, generator=generator)}
    fit_one_cycle(model, batches, 2.5, 0.03, **options, average=mean, progress=False)
    options |= {"augment": amounts, "network": BatchNormCNN, "batch_size": 8}
    recipe = Recipe(epochs=2.5, learning_rate=0.03, average=True, **options)
    assert same(trained_with(recipe, digits), mean)
    assert same(trained_with(replace(recipe, average=False), digits), model)


def test_normalised_pixels_come_before_the_network_itself():
    images = torch.rand(2, 1, 28, 28)
    for letter, plain in (("F", CNN()), ("H", BatchNormCNN())):
        [recipe] = [recipe for name, recipe in steps().items() if name.startswith(letter)]
        normalised = recipe.network()
        plain.load_state_dict(normalised.state_dict())
        assert torch.equal(normalised(images), plain((images - 0.1307) / 0.3081))


def test_the_validation_split_sets_10_000_digits_aside_always_the_same():
    whole = Digits(10_030)
    whole.targets = torch.arange(10_030)
    parts = validation_split(whole)
    assert [len(part) for part in parts] == [30, 10_000]
    assert torch.equal(torch.cat([part.targets for part in parts]).sort().values, whole.targets)
    for part, again in zip(parts, validation_split(whole), strict=True):
        assert torch.equal(part.data, whole.data[part.targets]), "digit and label stay together"
        assert torch.equal(part.targets, again.targets)
