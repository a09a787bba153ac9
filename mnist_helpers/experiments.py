"""A table of experiments that grows: a CSV file with one line for each training, kept for next
time."""

from collections.abc import Callable
import csv
from dataclasses import asdict, dataclass, fields
import os
from pathlib import Path
import statistics


@dataclass(frozen=True)
class Setting:
    """What one experiment is trained with: a network as `make_cnn` builds it, an optimizer of
    ``torch.optim``, and the peak of the learning rate. Each default is the baseline's."""

    kernel_size: int = 3
    channels: int = 16
    depth: int = 1
    pooling: str = "max"
    activation: str = "ReLU"
    optimizer: str = "Adam"
    learning_rate: float = 0.005

    @property
    def name(self) -> str:
        """What differs from the baseline, for example ``kernel_size 5``."""
        changes = [
            f"{field.name} {getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return ", ".join(changes) or "baseline"


_COLUMNS = [*(field.name for field in fields(Setting)), "seed", "accuracy"]


class ExperimentTable:
    """The results of experiments in a CSV file. No line is ever changed or removed, so no result is
    lost, whatever is run again; to have one measured anew, delete its lines, or use another file.

    A relative path lies in ``$MNIST_EXPERIMENTS_DIR`` where that is set, else in the current
    folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.environ.get("MNIST_EXPERIMENTS_DIR", ""), path)

    def results(self) -> dict[Setting, dict[int, float]]:
        """Return for each setting, in the order of its first run, each seed's accuracy in per cent.

        Raises:
            ValueError: the file is no such table, or a line of it is damaged.
        """
        if not self.path.exists():
            return {}
        # "sig": spreadsheets put a byte order mark before the first cell.
        with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            header, *lines = list(csv.reader(file)) or [[]]
        if header != _COLUMNS:
            raise ValueError(
                f"{self.path.name} is not a table of experiments: it begins with "
                f"{','.join(header)!r:.100}, and not with {','.join(_COLUMNS)!r}. Use another file."
            )
        results: dict[Setting, dict[int, float]] = {}
        for number, cells in enumerate(lines, start=2):
            setting, seed, accuracy = self._read(cells, number)
            results.setdefault(setting, {})[seed] = accuracy
        return results

    def run(
        self, setting: Setting, train: Callable[[Setting, int], float], seeds: int = 3
    ) -> list[float]:
        """Train with each seed from 0 to `seeds` - 1 that is not in the table yet, add its accuracy
        in per cent, which `train` returns, at once, and return those of all."""
        known = self.results().get(setting, {})
        if not self.path.exists():  # before any training, so that a missing folder costs none
            self._add(_COLUMNS)
        for seed in range(seeds):
            if seed not in known:
                accuracy = f"{float(train(setting, seed)):.2f}"
                self._add([*asdict(setting).values(), seed, accuracy])
                known[seed] = float(accuracy)  # as it will be read again
        return [known[seed] for seed in range(seeds)]

    def accuracies(self) -> dict[str, list[float]]:
        """Return the accuracies, in per cent, of each setting under its name."""
        return {setting.name: list(by_seed.values()) for setting, by_seed in self.results().items()}

    def __str__(self) -> str:
        """Return a line for each setting: mean, spread, seeds, difference from the baseline's
        mean."""
        accuracies = self.accuracies()
        if not accuracies:
            return "no experiment yet"
        baseline = accuracies.get("baseline")
        width = max(len(name) for name in accuracies)
        lines = [f"{'setting':{width}}  accuracy, %     seeds  difference"]
        for name, values in accuracies.items():
            mean = statistics.mean(values)
            spread = f"± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            difference = f"{mean - statistics.mean(baseline):+10.2f}" if baseline else ""
            lines.append(f"{name:{width}}  {mean:6.2f} {spread:7} {len(values):6}  {difference}")
        return "\n".join(line.rstrip() for line in lines)

    def _add(self, cells: list) -> None:
        before = self.path.read_bytes() if self.path.exists() else b""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            if before and not before.endswith(b"\n"):  # as some editors leave the last line
                file.write("\n")
            csv.writer(file).writerow(cells)

    def _read(self, cells: list[str], line: int) -> tuple[Setting, int, float]:
        try:
            *values, seed, accuracy = cells
            pairs = zip(fields(Setting), values, strict=True)
            setting = Setting(**{field.name: type(field.default)(cell) for field, cell in pairs})
            return setting, int(seed), float(accuracy)
        except ValueError as error:
            raise ValueError(
                f"Line {line} of {self.path.name} is {','.join(cells)!r}, and has to hold the "
                f"values of {', '.join(_COLUMNS)}. Mend it, or delete it."
            ) from error
