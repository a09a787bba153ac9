"""Lesson 01's exercises: other right answers, and what a function judges."""

from mnist_helpers.data import load_datasets
from mnist_helpers.exercises import judge
import pytest
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset


def loader(chosen=lambda targets, digits: torch.isin(targets, digits).nonzero().flatten(), **given):
    def digit_loader(dataset, digits, batch_size):
        indices = chosen(dataset.targets, torch.tensor(digits))
        settings = {"batch_size": batch_size, "shuffle": True, "drop_last": True, **given}
        return DataLoader(Subset(dataset, indices), **settings)

    return digit_loader


def from_a_list(dataset, digits, batch_size, label=lambda index, label, digits: label):
    samples = [(dataset[i][0], label(i, y, digits)) for i, y in enumerate(dataset.targets.tolist())]
    kept = [sample for sample, y in zip(samples, dataset.targets, strict=True) if y in digits]
    return DataLoader(kept, batch_size, shuffle=True, drop_last=True)


def endless(*arguments):
    while True:
        yield from loader()(*arguments)


def from_data(prepared):
    def digit_loader(dataset, digits, batch_size):
        chosen = torch.isin(dataset.targets, torch.tensor(digits))
        samples = TensorDataset(prepared(dataset.data[chosen]), dataset.targets[chosen])
        seed = torch.Generator().manual_seed(0)  # the largest pixel
        return DataLoader(samples, batch_size, True, drop_last=True, generator=seed)

    return digit_loader


def cut_short(dataset, digits, batch_size):
    chosen = torch.isin(dataset.targets, torch.tensor(digits))
    dataset.data, dataset.targets = dataset.data[chosen], dataset.targets[chosen]
    return DataLoader(dataset, batch_size, shuffle=True, drop_last=True)


ANSWERS = [
    ("1.5", loader(), "Right. "),
    ("1.5", from_a_list, "Right. "),
    ("1.1", (236, 96), "Your number of batches is not 236. Hint: divide"),
    ("1.1", (235.0, 96), "Make it whole: `int(235.0)`"),
    ("1.1", (235, 95), "one is not 95. Hint"),
    ("1.2", 15, "A 5 stands at 15, but"),
    ("1.2", 1, "At index 1 of the test set stands no 5"),
    ("1.3", (19.4, 44.2), "Divide by 255"),
    ("1.3", (0.08, 0.173), "Nearly. Give three decimals"),
    ("1.3", (0.076, 0.1723), "of the training set"),
    ("1.3", (0.3, 0.173), "Your mean of the ones is not 0.3. Hint"),
    ("1.5", loader(shuffle=False), "same order"),
    ("1.5", loader(drop_last=False), "leaves it out"),
    ("1.5", loader(batch_size=2), "Hand batch_size on"),
    ("1.5", loader(lambda targets, digits: range(40)), "other digits too: ["),
    ("1.5", loader(lambda y, digits: (y == digits[0]).nonzero().flatten()), "are samples for"),
    ("1.5", loader(lambda y, digits: torch.isin(y, digits).nonzero()), "`flatten()`"),
    ("1.5", loader(torch.isin), "true and false"),
    ("1.5", loader(lambda y, digits: torch.isin(y, digits).tolist()), "true and false"),
    ("1.5", loader(batch_size=64), "`batch_size`, and does it end?"),
    ("1.5", lambda dataset, *given: loader()(dataset, *given).dataset, "Hand your Subset to"),
    ("1.5", lambda dataset, d, n: DataLoader(dataset.data, n), "It has to yield pairs"),
    ("1.5", lambda *given: from_a_list(*given, lambda i, y, d: d[i % len(d)]), "belong together"),
    ("1.5", lambda *given: iter(loader()(*given)), "second epoch"),
    ("1.5", endless, "are 41. Does it use `dataset` and `batch_size`, and does it end?"),
    ("1.5", from_data(lambda pixels: pixels.unsqueeze(1) / 255), "Right. "),
    ("1.5", from_data(lambda pixels: pixels / 255), "your images are [3, 28, 28] up to"),
    (
        "1.5",
        from_data(lambda pixels: pixels.unsqueeze(1)),
        "[3, 1, 28, 28] up to 38, and should be [3, 1, 28, 28] up to 1",
    ),
    ("1.5", loader(lambda targets, digits: torch.isin(targets, [*digits])), "takes tensors"),
    ("1.5", cut_short, "changes the data set"),
    ("1.5", lambda dataset, *given: dataset, "has to be a tensor; yours is"),
    ("1.5", lambda *given: 5, "It has to yield pairs (images, labels), as a DataLoader"),
    ("1.5", lambda dataset, *given: list(dataset), "has to be a tensor; yours is"),
    ("1.5", lambda *given: [torch.zeros(2)], "holds single numbers. It has to yield pairs"),
    ("1.5", lambda *given: [(torch.zeros(1), torch.tensor(1))], "holds single numbers"),
    ("1.5", lambda *given: [], "yours are 0."),
    ("1.5", lambda *given: DataLoader([1, "a"], 2), "Walking through it raises TypeError"),
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said) -> None:
    assert said in judge(exercise, answer).message


def test_an_answer_made_of_the_digits_is_told_what_it_is() -> None:
    train_set, test_set = load_datasets()
    pixels, labels = train_set.data / 255, train_set.targets
    fives, threes = (test_set.targets == 5).nonzero(), pixels[labels == 3]
    for exercise, answer, said in [
        ("1.2", fives[0], "Right. "),
        ("1.3", [pixels[digit == labels].mean() for digit in (1, 0)], "Right. "),
        ("1.4", threes.double().mean(dim=0).numpy(), "Right. "),
        ("1.2", fives, "Take the first one, with [0]"),
        ("1.2", test_set.targets == 5, "whether it is a 5"),
        ("1.3", (0.076, (labels == 0).float().mean()), "how frequent the digit 0 is"),
        ("1.3", (pixels.mean(), 0.173), "the mean over all digits"),
        ("1.3", (pixels[labels == 1].mean() / 255, 0.173), "divided by 255 twice"),
        ("1.4", threes.mean(dim=0).half(), "Right. "),
        ("1.4", threes.mean(dim=0).round(decimals=2), "Right. "),
        ("1.4", threes.mean(dim=0) / 255, "divided by 255 once?"),
        ("1.4", (test_set.data[test_set.targets == 3] / 255).mean(dim=0), "of the training set"),
        ("1.4", threes.mean(), "Average over N alone"),
        ("1.4", threes.mean(dim=0, keepdim=True), "The shape is [1, 28, 28]"),
        ("1.4", 255 * threes.mean(dim=0), "divide by 255"),
        ("1.4", pixels.mean(dim=0), "the mean of all digits"),
        ("1.4", pixels[labels == 8].mean(dim=0), "the mean picture of the digit 8"),
        ("1.4", threes.median(dim=0).values, "That is not the mean of all training threes"),
    ]:
        assert said in judge(exercise, answer).message
