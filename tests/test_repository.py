import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

from makefile import dry_run, make, needs_make
from mnist_helpers.benchmark import load_results
from mnist_helpers.benchmark.__main__ import _fraction as fraction
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
import pytest
from run_notebooks import ROOT, lessons
import yaml

import open_lessons

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
READMES = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")}


def tracked(*patterns):
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    listing = subprocess.check_output(["git", "ls-files", *patterns], cwd=ROOT, text=True)
    return [path for path in map(ROOT.joinpath, listing.splitlines()) if path.is_file()]


def test_the_lock_pins_one_exact_version_of_all_that_the_package_asks_for():
    pins = {}
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert len(locks) == 3
    for line in "".join(lock.read_text(encoding="utf-8") for lock in locks).splitlines():
        if not line.startswith(("#", "-r")):
            locked = Requirement(line)
            [pin] = locked.specifier
            assert (pin.operator, locked.url) == ("==", None), line
            if locked.marker is None or locked.marker.evaluate():
                assert pins.setdefault(locked.name, pin.version) == pin.version, line
    extras = PROJECT["optional-dependencies"].values()
    for line in itertools.chain(PROJECT["dependencies"], *extras):
        wanted = Requirement(line)
        assert [bound.operator for bound in wanted.specifier] == [">="]
        assert wanted.specifier.contains(pins[wanted.name]), line


def test_environment_yml_is_the_same_install_through_pip():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, *others = environment["dependencies"]
    assert others == ["pip", {"pip": ["-r requirements.lock", "-e ."]}]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))


def test_no_file_names_a_package_registry_or_a_folder_of_somebodys_machine():
    # Written so that this file does not name them itself.
    registries = "pypi[.]org|python[h]osted|download[.]pytorch|npm[j]s|[.]anaconda|[.]debian"
    folders = r"(?<![\w.])/(ro[o]t|h[o]me|w[o]rk|U[s]ers)/"
    for path in tracked(".", ":!*.gz", ":!*.png", ":!*.gif", ":!*.jpg", ":!*.pt"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(registries, text), path
        assert path.parent == ROOT / "tests" or not re.search(folders, text), path


@pytest.mark.parametrize("name", READMES)
def test_a_readme_names_only_what_is_there_and_every_lesson(name):
    text, edition = READMES[name], "zh/" if "zh" in name else ""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`)make ([a-z]+)", text, flags=re.M)
    assert {"lab", "test"} <= set(named) <= set(re.findall(r"^(\w+):", makefile, flags=re.M))
    links = re.findall(r"(?:\]\(|src=\")([^)#\"]+)", text)
    links = [link for link in links if not link.startswith(("https://", "../../actions/"))]
    assert {f"notebooks/{edition}{path.name}" for path in lessons()} <= set(links)
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert not re.search(r"!\[\s*\]", text)
    for module in re.findall(r"python -m (mnist_helpers[\w.]*)", text):
        assert (ROOT / module.replace(".", "/") / "__main__.py").is_file(), module


@needs_make
def test_make_passes_the_port_and_the_arguments_on():
    made = dry_run("lab", "PORT=8899", "ARGS=--no-browser").splitlines()[-1].split()
    assert made[1:] == ["open_lessons.py", "--port=8899", "--no-browser"]
    lab = " ".join(open_lessons.command(*made[2:]))
    assert lab.endswith(" --port=8899 --no-browser")
    assert ("--allow-root" in lab) == (hasattr(os, "geteuid") and os.geteuid() == 0)
    test = dry_run("test", "ARGS=tests/test_shapes.py").splitlines()[-1]
    assert re.search(r"-m pytest .*--dist loadscope .* tests/test_shapes.py$", test)


@needs_make
@pytest.mark.skipif(os.name == "nt", reason="it needs a shell")
@pytest.mark.parametrize(
    ("failing", "installs", "end"),
    [
        ("nothing", 3, "Ready. What is there:"),
        ("requirements.lock", 2, r"This failed: pip .*-r requirements.lock\nAll it said: .*\.log"),
        ("+cpu", 1, r"no torch==[\d.]+\+cpu and torchvision==[\d.]+\+cpu for the processor alone"),
    ],
)
def test_make_installs_what_the_lock_names_or_says_what_failed(tmp_path, failing, installs, end):
    (tmp_path / "tools").mkdir()
    (tmp_path / "venv.py").write_text("create = lambda folder, **options: None")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho $@ >> asked\ncase "$@" in *$FAILING*) exit 1; esac')
    python.chmod(0o755)
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "tools/set_up.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = [".venv/installed", "TORCH=cpu", f"PYTHON={sys.executable}"]
    done = make(*command, folder=tmp_path, PYTHONPATH=str(tmp_path), FAILING=failing)
    assert done.stdout.startswith("Setting up the lessons, once:")
    assert re.search(end, done.stdout + done.stderr)
    assert (tmp_path / "asked").read_text().count("-m pip install") == installs
    assert (tmp_path / ".venv/installed").exists() == (done.returncode == 0) == (installs == 3)


@pytest.mark.skipif(os.name == "nt", reason="a script of the shell stands in for make")
@pytest.mark.parametrize("failing", ["lint", "test", ""])
def test_ci_runs_what_a_stranger_runs_and_fails_with_it(tmp_path, failing):
    for name in ("make", "apt-get", "chromium"):
        stub = f'#!/bin/sh\necho $1 $BROWSER_REQUIRED >> "$0.log"\n[ "$1" != "{failing}" ]\n'
        (tmp_path / name).write_text(stub)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", ROOT / ".ci" / "run"], env=os.environ | {"PATH": path})
    assert (done.returncode != 0) == bool(failing)
    made = ["lint 1"] if failing == "lint" else ["lint 1", "test 1"]
    assert (tmp_path / "make.log").read_text().splitlines() == made


def test_ci_runs_on_three_systems():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(workflow)["jobs"]
    assert "bash .ci/run class" in [step.get("run") for step in jobs["class"]["steps"]]
    job = jobs["test"]
    assert "bash .ci/run" in [step.get("run") for step in job["steps"]]
    systems = {system.split("-")[0] for system in job["strategy"]["matrix"]["os"]}
    assert systems == {"ubuntu", "macos", "windows"}


def test_the_wheel_carries_the_whole_package_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.check_output(command, cwd=ROOT)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        carried = {name: content.read(name) for name in content.namelist()}
    for path in (ROOT / "mnist_helpers").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(ROOT).as_posix()
            assert carried.pop(name) == path.read_bytes(), name
    assert all(".dist-info/" in name for name in carried)


def test_the_house_stays_small():
    package, tests = tracked("mnist_helpers/*.py"), tracked("tests/*.py")
    lines = {path: path.read_bytes().count(b"\n") for path in [*package, *tests]}
    exercises = [path for path in package if path.parent.name == "exercises"]
    others = [path for path in package if path not in exercises]
    read = [path for path in others if path.parent.name != "benchmark" and path.stem != "checkup"]
    definitions = [one for path in package for one in ast.parse(path.read_bytes()).body]
    table = [
        ("lines of the package", sum(map(lines.get, package)), 6_000),
        ("bytes of the package", sum(path.stat().st_size for path in package), 272_000),
        ("lines that a learner reads", sum(map(lines.get, read)), 3_400),
        ("lines for each of 50 exercises", sum(map(lines.get, exercises)) / 50, 46),
        ("lines of the longest of them", max(map(lines.get, exercises)), 400),
        ("lines of the longest other module", max(map(lines.get, others)), 300),
        ("public names", sum(getattr(one, "name", "_")[0] != "_" for one in definitions), 120),
        ("lines of the tests", sum(map(lines.get, tests)), 6_700),
        ("bytes of the tests", sum(path.stat().st_size for path in tests), 290_700),
    ]
    over = [row for row in table if row[1] > row[2]]
    assert not over, over


def test_the_benchmarks_table_is_what_it_measured():
    table = (ROOT / "mnist_helpers/benchmark/README.md").read_text(encoding="utf-8")
    lines = [line.strip("| ") for line in table.splitlines() if line.startswith("| `")]
    told = [line.split(" | ") for line in lines]
    for row, (name, _, *cells) in zip(load_results("recipes"), told, strict=True):
        assert name == f"`{row['recipe']}`"
        spread = f"{row['accuracy']:.2f} ± {row['accuracy_sd']:.2f} %" if row["accuracy"] else "–"
        ratio = fraction(row["ratio"]) + " of a `DataLoader`'s" * (row["recipe"] == "loading")
        numbers = [f"{row['epochs']:g}", f"{row['seeds']}", spread, ratio]
        assert cells == [*numbers, f"{row['peak_mb']:,.0f} MB"]
    ratios = {row["recipe"]: row["ratio"] for row in load_results("recipes")}
    said = [f"1/{1 / ratios[name]:.0f}" for name in ("fast995", "speedrun")]
    for text in READMES.values():
        assert re.findall(r"\b1/\d+", text) == said


def test_the_recorded_recipes_are_as_good_and_as_fast_as_the_lesson_says():
    rows = {row["recipe"]: row for row in load_results("recipes")}
    goals = {"fast": (98.8, 20), "fast99": (99.0, 15), "best": (99.6, 1)}
    goals |= {"fast995": (99.5, 12), "speedrun": (99.0, 100)}
    for name, (accuracy, times) in goals.items():
        assert rows[name]["accuracy"] >= accuracy, name
        assert rows[name]["ratio"] <= 1 / times, name
        assert rows[name]["seeds"] >= 5, name
    assert rows["loading"]["ratio"] <= 1 / 10
