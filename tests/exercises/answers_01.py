from by_hand import generator
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
        # The seed decides on the largest pixel.
        return DataLoader(samples, batch_size, True, drop_last=True, generator=generator())

    return digit_loader


def cut_short(dataset, digits, batch_size):
    chosen = torch.isin(dataset.targets, torch.tensor(digits))
    dataset.data, dataset.targets = dataset.data[chosen], dataset.targets[chosen]
    return DataLoader(dataset, batch_size, shuffle=True, drop_last=True)


ANSWERS = [
    ("1.2", 15, "A 5 stands at 15, but"),
    ("1.2", 1, "At index 1 of the test set stands no 5"),
    ("1.3", (19.4, 44.2), "Divide by 255"),
    ("1.3", (0.08, 0.173), "Nearly. Give three decimals"),
    ("1.3", (0.076, 0.1723), "of the training set"),
    ("1.5", loader(shuffle=False), "same order"),
    ("1.5", loader(drop_last=False), "leaves it out"),
    ("1.5", loader(batch_size=2), "Hand batch_size on"),
    ("1.5", loader(lambda targets, digits: range(40)), "other digits too: ["),
    ("1.5", loader(lambda y, digits: (y == digits[0]).nonzero().flatten()), "are samples for"),
    ("1.5", loader(lambda y, digits: torch.isin(y, digits).nonzero()), "`flatten()`"),
    ("1.5", loader(lambda y, digits: torch.isin(y, digits).tolist()), "true and false"),
    ("1.5", loader(batch_size=64), "yours are 0. Does it use `dataset` and `batch_size`"),
    ("1.5", lambda dataset, *given: loader()(dataset, *given).dataset, "Hand your Subset to"),
    ("1.5", lambda *given: from_a_list(*given, lambda i, y, d: d[i % len(d)]), "belong together"),
    ("1.5", lambda *given: iter(loader()(*given)), "second epoch"),
    ("1.5", endless, "are 41. Does it use"),
    ("1.5", from_data(lambda pixels: pixels.unsqueeze(1) / 255), "Right. "),
    ("1.5", from_data(lambda pixels: pixels / 255), "your images are [3, 28, 28] up to"),
    ("1.5", from_data(lambda pixels: pixels.unsqueeze(1)), "[3, 1, 28, 28] up to 38, and should"),
    ("1.5", loader(lambda targets, digits: torch.isin(targets, [*digits])), "takes tensors"),
    ("1.5", cut_short, "changes the data set"),
    ("1.5", lambda dataset, *given: dataset, "has to be a tensor; yours is"),
    ("1.5", lambda *given: 5, "It has to yield pairs (images, labels), as a DataLoader"),
    ("1.5", lambda *given: [(torch.zeros(1), torch.tensor(1))], "holds single numbers"),
]
