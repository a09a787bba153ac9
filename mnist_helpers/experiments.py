"""A table of experiments that grows: a CSV file, one line for each training."""

from collections.abc import Callable
import csv
from dataclasses import asdict, dataclass, fields
import os
from pathlib import Path
import shutil
import statistics

RECORDED = Path(__file__).with_suffix(".csv")  # what tools/record_experiments.py has trained


@dataclass(frozen=True)
class Setting:
    """What `make_cnn` is given, the name of an optimizer, and the peak of the learning rate."""

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
        values = asdict(self).items()
        changes = [f"{name} {one}" for name, one in values if one != getattr(Setting, name)]
        return ", ".join(changes) or "baseline"


_COLUMNS = [*(field.name for field in fields(Setting)), "seed", "accuracy"]


class ExperimentTable:
    """The results of experiments. To have one measured anew, delete its lines in the file."""

    def __init__(self, path: str | Path, recorded: Path | None = None) -> None:
        """Where there is no such file, it begins as a copy of `recorded`. A relative path lies in
        ``$MNIST_EXPERIMENTS_DIR``, where that is set."""
        self.path = Path(os.environ.get("MNIST_EXPERIMENTS_DIR", ""), path)
        if recorded and not self.path.exists():
            shutil.copyfile(recorded, self.path)

    def results(self) -> dict[Setting, dict[int, float]]:
        """Return each setting's accuracy for each seed. A damaged file is a ValueError."""
        # "sig", because spreadsheets put a byte order mark before the first cell.
        text = self.path.read_text("utf-8-sig", "replace") if self.path.exists() else ""
        header, *lines = csv.reader(text.splitlines() or [",".join(_COLUMNS)])
        if header != _COLUMNS:
            start = f"it does not begin with {','.join(_COLUMNS)!r}"
            raise ValueError(f"{self.path.name} is not a table of experiments: {start}.")
        results: dict[Setting, dict[int, float]] = {}
        for number, line in enumerate(lines, start=2):
            try:
                *cells, seed, accuracy = line
                pairs = zip(fields(Setting), cells, strict=True)
                setting = Setting(*(type(field.default)(cell) for field, cell in pairs))
                results.setdefault(setting, {})[int(seed)] = float(accuracy)
            except ValueError as error:
                raise ValueError(
                    f"Line {number} of {self.path.name} does not hold the values of "
                    f"{', '.join(_COLUMNS)}. Mend it, or delete it."
                ) from error
        return results

    def run(
        self, setting: Setting, train: Callable[[Setting, int], float], seeds: int = 3
    ) -> list[float]:
        """Train with each seed that is not in the table, add its result at once, and return all
        accuracies, in per cent as `train` returns them."""
        for seed in sorted(set(range(seeds)) - self.results().get(setting, {}).keys()):
            # Opened before the training, which would be lost where the file cannot be written.
            with self.path.open("a+", encoding="utf-8", newline="") as file:
                accuracy = train(setting, seed)
                file.seek(0)
                before = file.read()
                writer = csv.writer(file, lineterminator="\n")
                if not before:
                    writer.writerow(_COLUMNS)
                elif not before.endswith("\n"):  # as some editors leave the last line
                    file.write("\n")
                writer.writerow([*asdict(setting).values(), seed, f"{accuracy:.2f}"])
        return [self.results()[setting][seed] for seed in range(seeds)]

    def accuracies(self) -> dict[str, list[float]]:
        """Return each setting's accuracies under its name, the baseline's first."""
        ordered = sorted(self.results().items(), key=lambda row: row[0] != Setting())
        return {setting.name: list(by_seed.values()) for setting, by_seed in ordered}

    def __str__(self) -> str:
        accuracies = self.accuracies()
        baseline = accuracies.get("baseline")
        width = max(map(len, [*accuracies, "setting"]))
        lines = [f"{'setting':{width}}  accuracy, %     seeds  difference"]
        for name, values in accuracies.items():
            mean = statistics.mean(values)
            spread = f"± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            difference = f"{mean - statistics.mean(baseline):+10.2f}" if baseline else ""
            lines.append(f"{name:{width}}  {mean:6.2f} {spread:7} {len(values):6}  {difference}")
        return "\n".join(line.rstrip() for line in lines)
