from dataclasses import replace
import runpy
import sys
from types import SimpleNamespace

from mnist_helpers import benchmark
from mnist_helpers.benchmark import RECIPES, Recipe, Result, run, summary
from mnist_helpers.models import CNN
from mnist_helpers.training import evaluate, fit, get_device
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def result(accuracy, seed=0):
    return Result(seed=seed, seconds=1.0, loss=0.5, accuracy=accuracy)


@pytest.mark.parametrize(
    ("accuracy", "stuck"), [(0.1135, True), (0.1999, True), (0.2, False), (0.99, False)]
)
def test_a_training_that_learned_nothing_is_stuck(accuracy, stuck) -> None:
    assert result(accuracy).stuck == stuck


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
    assert summary([result(accuracy) for accuracy in accuracies]) == line


def run_as_module(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    # Imported above, it would otherwise be in the way of its own second life.
    monkeypatch.delitem(sys.modules, "mnist_helpers.benchmark")
    runpy.run_module("mnist_helpers.benchmark", run_name="__main__")


def test_the_help_names_the_options_and_every_recipe(monkeypatch, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        run_as_module(monkeypatch, "--help")
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: python -m mnist_helpers.benchmark")
    assert "--seeds" in out
    for name in RECIPES:
        assert name in out


def test_an_unknown_recipe_is_refused_with_the_known_ones(monkeypatch, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        run_as_module(monkeypatch, "--recipe", "magic")
    assert caught.value.code == 2
    err = capsys.readouterr().err
    for name in ("magic", *RECIPES):
        assert name in err


def fake_run(log):
    def run(recipe, seed):
        log.append((recipe, seed))
        return result(0.1135 if seed == 1 else 0.98, seed)

    return run


@pytest.mark.parametrize(
    ("arguments", "names", "seeds"),
    [
        ([], list(RECIPES), 5),
        (["--seeds", "2"], list(RECIPES), 2),
        (
            ["--recipe", "shuffled", "--recipe", "classic", "--seeds", "2"],
            ["shuffled", "classic"],
            2,
        ),
    ],
)
def test_each_recipe_is_run_with_every_seed_and_summed_up(
    monkeypatch, capsys, arguments, names, seeds
) -> None:
    log = []
    monkeypatch.setattr(benchmark, "run", fake_run(log))
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    benchmark.main()
    assert log == [(RECIPES[name], seed) for name in names for seed in range(seeds)]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(names) * (seeds + 2)
    for number, name in enumerate(names):
        heading, *trainings, last = lines[number * (seeds + 2) : (number + 1) * (seeds + 2)]
        assert heading.startswith(f"{name}: ")
        assert [line.endswith("STUCK") for line in trainings] == [
            seed == 1 for seed in range(seeds)
        ]
        assert "test loss 0.500, accuracy 98.00%" in trainings[0]
        assert last.strip().startswith(f"1 of {seeds} seeds stuck; accuracy of the others 98.00")


def test_the_number_of_epochs_can_be_chosen_and_the_rest_of_the_recipe_stays(
    monkeypatch, capsys
) -> None:
    log = []
    monkeypatch.setattr(benchmark, "run", fake_run(log))
    monkeypatch.setattr(
        sys, "argv", ["benchmark", "--recipe", "classic", "--seeds", "1", "--epochs", "4"]
    )
    benchmark.main()
    assert log == [(replace(RECIPES["classic"], epochs=4), 0)]
    assert "epochs=4" in capsys.readouterr().out


def tiny_loaders(shuffle=False):
    """Twenty-four digits to train on, dark ones and bright ones, and ten to test on, of classes never trained on."""
    generator = torch.Generator().manual_seed(0)
    loaders = []
    for count, first_class, shuffled in ((24, 0, shuffle), (10, 5, False)):
        bright = torch.arange(count) % 2
        images = torch.rand(count, 1, 28, 28, generator=generator) * (
            0.2 + 0.8 * bright[:, None, None, None]
        )
        loaders.append(
            DataLoader(TensorDataset(images, bright + first_class), batch_size=8, shuffle=shuffled)
        )
    return tuple(loaders)


@pytest.fixture
def calls_for_loaders(monkeypatch):
    calls = []

    def make_tiny_loaders(**arguments):
        calls.append(arguments)
        return tiny_loaders(**arguments)

    monkeypatch.setattr(benchmark, "make_loaders", make_tiny_loaders)
    return calls


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=2, shuffle=False, learning_rate=0.001),
        Recipe(epochs=1, shuffle=True, learning_rate=0.003),
    ],
)
def test_a_run_trains_by_the_recipe_and_evaluates_on_the_test_set(
    calls_for_loaders, recipe
) -> None:
    outcome = run(recipe, seed=3)
    assert calls_for_loaders == [{"shuffle": recipe.shuffle}]
    assert outcome.seed == 3

    torch.manual_seed(3)
    train_loader, test_loader = tiny_loaders(shuffle=recipe.shuffle)
    model = CNN().to(get_device())
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    fit(model, train_loader, optimizer, recipe.epochs, progress=False)
    loss, accuracy = evaluate(model, test_loader, nn.CrossEntropyLoss())
    # The order of the axes in memory, which differs here, changes how sums are rounded.
    assert outcome.loss == pytest.approx(loss, rel=1e-2)
    assert outcome.accuracy == pytest.approx(accuracy, abs=0.101)


def test_the_same_seed_runs_to_the_same_end_and_another_to_another(
    calls_for_loaders, capfd
) -> None:
    recipe = Recipe(epochs=1, shuffle=True, learning_rate=0.003)
    first, second, other = (run(recipe, seed) for seed in (1, 1, 2))
    assert (first.loss, first.accuracy) == (second.loss, second.accuracy)
    assert first.loss != other.loss
    assert tuple(capfd.readouterr()) == ("", "")


def test_the_live_curves_cost_is_a_ratio_for_each_round(monkeypatch) -> None:
    drawn = []
    monkeypatch.setattr(benchmark, "LiveLoss", lambda batches: SimpleNamespace(add=drawn.append))
    ratios = benchmark.live_loss_ratios(rounds=3, batches=2)
    assert len(ratios) == 3
    assert all(ratio > 0 for ratio in ratios)
    assert len(drawn) == 3 * 2, "every batch of the live half, and none of the other"
