"""Makes the learner's copy of the lessons in my_lessons, as `make lab` does before it opens them,
or in another folder: ``python tools/copy_lessons.py FOLDER``.

A lesson that was worked in is never written over: where it has changed in notebooks since, the new
one is put beside it. The copies have no outputs: a prediction whose answer stands below is none.
"""

import hashlib
import json
from pathlib import Path
import sys

ROOT = Path(__file__).resolve().parents[1]
KEPT = {".ipynb", ".md", ".py", ".png", ".gif", ".jpg"}


def copy_lessons(lessons: Path, copies: Path) -> None:
    """Copy what is missing, renew what was left as it was, and leave alone what was changed."""
    copies.mkdir(exist_ok=True)
    record = copies / ".copied.json"  # of which version of a lesson each copy is
    try:
        versions = dict(json.loads(record.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):  # none yet, or damaged: nothing is known
        versions = {}
    for lesson in sorted(path for path in lessons.rglob("[!.]*") if path.suffix in KEPT):
        name = str(lesson.relative_to(lessons))
        content = _copied(lesson)
        copy, version = copies / name, _digest(content)
        if copy.exists() and versions.get(name) == version:
            continue
        while copy.exists() and _digest(copy.read_bytes()) not in (versions.get(name), version):
            copy = copy.with_stem(f"{copy.stem} (new)")
        if copy.name != lesson.name:
            print(f"{name} has changed: your copy stays, the new one is {copy.name}.")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        versions[name] = version
    record.write_text(json.dumps(versions, indent=1), encoding="utf-8")


def _copied(lesson: Path) -> bytes:
    content = lesson.read_bytes()
    if lesson.suffix == ".ipynb":
        notebook = json.loads(content)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        content = (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    copy_lessons(ROOT / "notebooks", Path(*sys.argv[1:2] or [ROOT / "my_lessons"]))
