"""Makes a folder for a USB stick, as `make bundle` does: ``python tools/make_bundle.py FOLDER``.

It holds the lessons and every package that they need, for this system and this Python. In it
``python open_lessons.py``, or `make lab`, sets up without a network. What another Python needs,
or another system, is added where this runs there, into the same folder.
"""

from pathlib import Path
import shutil
import subprocess
import sys

from set_up import ROOT, cpu_builds, this_python

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
BUILD = ["hatchling", "editables"]  # what pip makes the editable installation of the package with
NOT_IN_IT = {".venv", "__pycache__", "my_lessons", "slides", "wheels"}


def main(folder: Path) -> None:
    cpu = cpu_builds()
    look = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", *cpu]
    if subprocess.run([*PIP, *look], capture_output=True).returncode:
        cpu = []
    with_cuda = sys.platform == "linux" and not cpu
    print(f"Into {folder}: the lessons, and all packages for {this_python()}.")
    print(f"PyTorch comes with{'' if with_cuda else 'out'} CUDA.", end=" ")
    print(f"It downloads about {'3.2 GB' if with_cuda else '400 MB'}.", flush=True)
    for name in files(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    wheels = folder / "wheels"
    wanted = [*cpu, *BUILD, "-r", "requirements.lock", "-c", "requirements-test.lock"]
    download = ["download", "--only-binary=:all:", "--dest", wheels, *wanted]
    if subprocess.run([*PIP, *download], cwd=ROOT).returncode:
        sys.exit("The folder is not complete: pip says above what is in the way.")
    with (wheels / "made_for.txt").open("a", encoding="utf-8") as made_for:
        made_for.write(f"{this_python()}\n")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"\nReady: {folder}, {size / 1e9:.1f} GB. Copy it to each computer's own disk.")
    print("There, without a network: python open_lessons.py (python3 on Linux and macOS)")


def files(folder: Path) -> list[str]:
    """Name the files that git follows, or, in a copy without git, all but what was made here."""
    if (ROOT / ".git").exists():
        listing = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, encoding="utf-8")
        return [name for name in listing.split("\0") if (ROOT / name).is_file()]
    inside = [path for path in ROOT.rglob("*") if path.is_file() and folder not in path.parents]
    names = [path.relative_to(ROOT) for path in inside]
    return [str(name) for name in names if not NOT_IN_IT.intersection(name.parts)]


if __name__ == "__main__":
    main(Path(" ".join(sys.argv[1:]) or ROOT / "bundle").resolve())
