"""The exercises of lesson 01."""

import torch
from torch import Tensor
from torch.utils.data import Subset

from ..data import load_datasets
from .engine import Free, Given, Values, _random, refuse, same

EXERCISES = {}

EXERCISES["1.1"] = Values(
    right={"number of batches": 235, "number of digits in the last one": 96},
    hint="divide 60,000 by 256 with a pencil. What remains needs a batch too.",
    praise="234 full batches hold 59,904 digits, and the other 96 make one more, smaller batch.",
    mistakes=[
        {
            "That is the test set. The training set has 60,000 digits.": 40,
            "938 is for batches of 64. Here a batch holds 256.": 938,
            "234 batches are full. The digits that remain make one more, smaller batch.": 234,
        },
        {
            "The last batch cannot be full: 235 × 256 is 60,160, more than 60,000.": 256,
            "160 digits are missing in it. How many does it hold?": 160,
            "That is with batches of 64. Here a batch holds 256.": 32,
        },
    ],
)


def _one_index(index: object) -> object:
    several = isinstance(index, Tensor) and index.numel() > 1
    mask = "That says of each digit whether it is a 5. `nonzero()` lists where."
    places = "Those are the places of all fives. Take the first one, with [0]."
    refuse({mask: several and index.dtype == torch.bool, places: several})
    return index


EXERCISES["1.2"] = Values(
    hint="`(test_set.targets == 5).nonzero()` lists the places. You want the first, as a plain "
    "number.",
    praise="Index 8. Look at its picture: many would not call it a 5. The label is what the writer "
    "meant.",
    right={"index": 8},
    tidy=_one_index,
    mistakes=[
        {
            "Nearly: an index counts from 0, not from 1.": 9,
            "At 0 stands the first 5 of the training set. Look in the test set.": 0,
            "A 5 stands at {}, but not the first.": lambda i: load_datasets()[1].targets[i] == 5,
            "At index {} of the test set stands no 5.": ...,
        }
    ],
)


def _wrong_means(digit: int, right: float, frequency: float, one: float) -> dict:
    return {
        "You divided by 255 twice.": lambda mean: mean < 0.001,
        f"That is one picture alone, data[{digit}]. Index with `targets == {digit}`.": one,
        "Nearly. Give three decimals, of the training set.": lambda x: abs(x - right) < 0.0065,
        "A mean over 1 comes from pixels from 0 to 255. Divide by 255.": lambda mean: mean > 1,
        f"That is the mean over all digits. Choose: `data[targets == {digit}]`.": 0.1307,
        f"That is how frequent the digit {digit} is. Index `data` by that.": frequency,
    }


EXERCISES["1.3"] = Values(
    right={"mean of the ones": 0.0760, "mean of the zeros": 0.1734},
    tolerance=0.001,
    hint="choose the pictures of one digit, divide by 255, and take the mean of everything.",
    praise="A ring takes more than twice the ink of a stroke. Even this one number tells many "
    "zeros from ones.",
    mistakes=[_wrong_means(1, 0.0760, 0.1124, 0.1555), _wrong_means(0, 0.1734, 0.0987, 0.1377)],
)


def _judge_mean_picture(answer: object) -> str:
    picture = Given(answer, "Your mean picture").like(torch.zeros(28, 28))
    shape = list(picture.shape)
    train_set, _ = load_datasets()
    pixels, labels = train_set.data / 255, train_set.targets
    means = [*(pixels[labels == digit].mean(dim=0) for digit in range(10)), pixels.mean(dim=0)]
    alike = next((place for place, mean in enumerate(means) if same(picture, mean, 0.01)), None)
    refuse(
        {
            f"The shape is {shape}, and has to be [28, 28], H, W. Average over N alone: "
            f"`mean(dim=0)`.": shape != [28, 28],
            "The pixels go over 1: divide by 255.": picture.max() > 1,
            "No pixel is over 0.01: was it divided by 255 once?": picture.max() < 0.01,
            "That is not the mean of all training threes. Draw it. If it is a 3: is it of the "
            "training set, of all threes?": alike is None,
            "That is the mean of all digits. Choose the threes first.": alike == 10,
            f"That is the mean picture of the digit {alike}.": alike != 3,
        }
    )
    return "A soft 3: white where all writers agree, grey where they differ."


EXERCISES["1.4"] = Free(
    hint="choose the threes as in 1.3: [N, H, W]. Then average so that N goes away and [H, W] is "
    "left.",
    judge=_judge_mean_picture,
)


class _SmallSet:
    """Forty made-up digits, as MNIST has them; pixel [0, 0] holds the sample's number."""

    def __init__(self, seed: int) -> None:
        self.targets = _random(40 + seed)[:40].argsort() % 10
        self.data = torch.zeros(40, 28, 28, dtype=torch.uint8)
        self.data[:, 0, 0] = torch.arange(40)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int | Tensor) -> tuple[Tensor, int]:
        return self.data[index].unsqueeze(0) / 255, int(self.targets[index])


def _judge_digit_loader(answer: object) -> str:
    for seed, (digits, batch_size) in enumerate([([3, 8], 3), ([1, 4, 7, 9], 5), ([0, 2, 5], 4)]):
        dataset = _SmallSet(seed)
        call = f"digit_loader(dataset, {digits}, {batch_size})"
        advice = {"isin()": "`torch.isin` takes tensors: `torch.tensor(digits)`."}
        loader = Given(answer, call, advice).call(dataset, list(digits), batch_size)
        part = getattr(loader.value, "dataset", None)
        mask = isinstance(part, Subset) and torch.as_tensor(part.indices).dtype == torch.bool
        wanted = "Subset wants the places where it is true: `nonzero()`, `flatten()`."
        changes = "Your function changes the data set, for all who use it. Subset takes a part."
        refuse(
            {
                "Hand your Subset to a DataLoader.": isinstance(loader.value, Subset),
                f"Your indices are true and false. {wanted}": mask,
                changes: len(dataset) != 40,
            }
        )
        first, second = loader.batches(limit=41), loader.batches(limit=41)
        refuse({changes: len(dataset) != 40})
        samples = _judge_epoch(first, dataset, digits, batch_size)
        again = "Your loader is empty in its second epoch. Return the DataLoader itself."
        refuse({again: not second})
        alike = "Two epochs come in the same order. Which argument draws a new one each time?"
        refuse({alike: _judge_epoch(second, dataset, digits, batch_size) == samples})
    return "In a new order each epoch. Try digit_loader(train_set, [4, 9], 64), a hard pair."


def _judge_epoch(batches: list, dataset: _SmallSet, digits: list, batch_size: int) -> list:
    """Return each sample's number and label, in order."""
    kept = {(i, label) for i, label in enumerate(dataset.targets.tolist()) if label in digits}
    full, case = len(kept) // batch_size, f"With digits={digits} and batch_size={batch_size}"
    count = f"{case} there are samples for {full} full batches, each sample at most once"
    ends = "Does it use `dataset` and `batch_size`, and does it end?"
    refuse({f"{count}; yours are {len(batches)}. {ends}": not 0 < len(batches) <= len(dataset)})
    samples = [
        (round(255 * image.flatten()[0].item()), label)
        for images, labels in batches
        for image, label in zip(images, labels.tolist(), strict=True)
    ]
    others, different = {label for _, label in samples} - set(digits), len(set(samples))
    shape, right = list(batches[0][0].shape), [batch_size, 1, 28, 28]
    most = max(images.max().item() for images, _ in batches)
    *sizes, last = [len(labels) for _, labels in batches]
    lost = len(batches) != full or different != len(samples)
    odd = set(sizes) - {batch_size} or last > batch_size
    refuse(
        {
            f"{case} your loader yields other digits too: {sorted(others)}.": others,
            f"{case} a batch holds {[*sizes, last][0]}. Hand batch_size on to the DataLoader.": odd,
            f"{case} the last one holds {last}. Which argument leaves it out?": last != batch_size,
            f"{case} your images are {shape} up to {most:.3g}, and should be {right} up to 1. So "
            "`dataset[index]` gives them, not `dataset.data[index]`; and of `nonzero()` Subset "
            "wants a plain row: `flatten()`.": shape != right or most > 1,
            f"{count}; yours are {len(batches)} batches with {different} different samples.": lost,
            f"{case} pictures and labels do not belong together.": not kept.issuperset(samples),
        }
    )
    return samples


EXERCISES["1.5"] = Free(
    hint="which labels are among the digits? At which indices? Then Subset, and a DataLoader over "
    "it.",
    judge=_judge_digit_loader,
)
