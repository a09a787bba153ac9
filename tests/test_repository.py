"""The files around the package: the lock, conda's file, the Makefile, the README and what they promise each other."""

import itertools
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

from makefile import dry_run
from mnist_helpers.benchmark import load_results
from mnist_helpers.benchmark.results import fraction
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
import pytest
from run_notebooks import ROOT, lessons
import yaml

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def locked() -> list[Requirement]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def wanted() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for line in itertools.chain(PROJECT["dependencies"], *extras)]


def tracked_texts() -> list[Path]:
    """Return the project's text files: the tracked ones in a checkout, else what the known folders hold."""
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode == 0 and listing.stdout:
        paths = [ROOT / line for line in listing.stdout.splitlines()]
    else:
        folders = ("mnist_helpers", "tests", "notebooks", ".github", ".ci")
        paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
        paths += [path for path in ROOT.iterdir() if path.suffix]
    return [path for path in paths if path.is_file() and path.suffix not in (".gz", ".png", ".pyc")]


def test_the_lock_pins_one_exact_version_of_each_package() -> None:
    for requirement in locked():
        pins = list(requirement.specifier)
        assert len(pins) == 1, requirement
        assert pins[0].operator == "==", requirement
        assert requirement.url is None, requirement


def test_the_lock_satisfies_what_the_package_asks_for() -> None:
    pins = {}
    for requirement in locked():
        if requirement.marker is None or requirement.marker.evaluate():
            pins[requirement.name] = next(iter(requirement.specifier)).version
    for requirement in wanted():
        assert requirement.specifier.contains(pins[requirement.name]), requirement


def test_every_dependency_has_a_lower_bound_and_no_upper_one() -> None:
    for requirement in wanted():
        assert [bound.operator for bound in requirement.specifier] == [">="], requirement


def test_environment_yml_is_the_same_install_through_pip() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert set(environment) == {"name", "channels", "dependencies"}
    *conda, pip = environment["dependencies"]
    assert "pip" in conda
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}
    python = next(line for line in conda if line.startswith("python="))
    version = python.removeprefix("python=")
    assert SpecifierSet(PROJECT["requires-python"]).contains(version)
    pins = {requirement.name: requirement.specifier for requirement in locked()}
    for line in conda:
        name, _, version = line.partition("=")
        assert name in ("python", "pip") or pins[name].contains(version), line


def test_no_file_names_a_package_registry_or_a_folder_of_somebodys_machine() -> None:
    # Put together here, so that this file does not name them itself.
    registries = [
        "pypi" + ".org",
        "python" + "hosted",
        "download.py" + "torch",
        "registry.npm" + "js",
        "conda." + "anaconda",
        "deb.debian" + ".org",
    ]
    folders = re.compile("(?<![\\w.])(?:/ro" + "ot/|/ho" + "me/|/wo" + "rk/|/Us" + "ers/)")
    for path in tracked_texts():
        text = path.read_text(encoding="utf-8")
        assert not [name for name in registries if name in text], path
        if path != Path(__file__).resolve() and path.parent.name != "tests":
            assert not folders.search(text), path


def test_the_readme_names_only_make_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)", makefile, flags=re.M)[1].split())
    named = set(re.findall(r"`make (\w+)", README)) | set(
        re.findall(r"^make (\w+)", README, flags=re.M)
    )
    assert {"lab", "test"} <= named <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.M), target


def test_the_readmes_links_and_pictures_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    for link in links:
        if not link.startswith("https://"):
            assert (ROOT / link).exists(), link
    assert not re.search(r"!\[\s*\]", README), "an image without a text that describes it"
    assert any(link.endswith(".png") for link in links)


def test_the_readmes_table_lists_every_lesson() -> None:
    for path in lessons():
        assert f"(notebooks/{path.name})" in README


def test_the_readmes_modules_exist() -> None:
    for module in re.findall(r"python -m ([\w.]+)", README):
        if module.startswith("mnist_helpers"):
            path = ROOT / module.replace(".", "/")
            runs = (path.with_suffix(".py"), path / "__main__.py")
            assert any(file.is_file() for file in runs), module


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_lab_passes_the_port_and_the_arguments_on() -> None:
    printed = dry_run("lab", "PORT=8899", "ARGS=--no-browser")
    line = next(line for line in printed.splitlines() if "--notebook-dir" in line)
    assert "--port=8899" in line
    assert "--no-browser" in line
    assert ("--allow-root" in printed) == (hasattr(os, "geteuid") and os.geteuid() == 0)
    assert "--ip" not in printed, "Jupyter's own default, the loopback, is the safe one"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_test_passes_the_arguments_on() -> None:
    printed = dry_run("test", "ARGS=tests/test_shapes.py")
    assert re.search(
        r"-m pytest .*--dist loadscope .* tests/test_shapes.py$", printed.splitlines()[-1]
    )


def test_ci_runs_what_a_stranger_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    steps = [line.strip() for line in script.splitlines() if line.strip()[:1] not in ("", "#")]
    assert steps[-2:] == ["make lint", "make test"]
    assert not re.search(r"\b(exit|return|true)\b|\|\|", script), "nothing ends it early"
    workflow = yaml.safe_load(
        (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    )
    job = workflow["jobs"]["test"]
    assert "bash .ci/run" in [step.get("run") for step in job["steps"]]
    systems = {system.split("-")[0] for system in job["strategy"]["matrix"]["os"]}
    assert systems == {"ubuntu", "macos", "windows"}


def test_the_wheel_carries_the_archives_their_licence_and_the_style(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        for path in (ROOT / "mnist_helpers").rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(ROOT).as_posix()
                assert content.read(name) == path.read_bytes(), name
    assert not [name for name in names if name.startswith(("tests/", "notebooks/"))]


def readme_cells(row: dict) -> list[str]:
    """Return what the README's table has to say of a row of results, from the column of the epochs on."""
    spread = (
        "–" if row["accuracy"] is None else f"{row['accuracy']:.2f} ± {row['accuracy_sd']:.2f} %"
    )
    per = "of a `DataLoader`'s" if row["recipe"] == "loading" else ""
    return [
        f"{row['epochs']:g}",
        f"{row['seeds']}",
        spread,
        f"{fraction(row['ratio'])} {per}".strip(),
        f"{row['peak_mb']:,.0f} MB",
    ]


def test_the_readmes_table_is_what_the_benchmark_measured() -> None:
    lines = [
        line.strip("| ").split(" | ") for line in README.splitlines() if line.startswith("| `")
    ]
    told = {cells[0].strip("`"): cells[2:] for cells in lines}
    assert told == {row["recipe"]: readme_cells(row) for row in load_results("recipes")}


def test_the_recorded_recipes_are_as_good_and_as_fast_as_the_lesson_says() -> None:
    rows = {row["recipe"]: row for row in load_results("recipes")}
    goals = {"fast": (98.8, 20), "fast99": (99.0, 15), "best": (99.6, 1), "speedrun": (99.0, 55)}
    for name, (accuracy, times) in goals.items():
        assert rows[name]["accuracy"] >= accuracy, name
        assert rows[name]["ratio"] <= 1 / times, name
        assert rows[name]["seeds"] >= 5, name
    assert rows["loading"]["ratio"] <= 1 / 10
