"""What every lesson has to keep, beyond what nbval compares."""

import ast
import dis
import itertools
import json
import re
import subprocess
import sys
from types import CodeType

import matplotlib.pyplot as plt
from mnist_helpers.exercises import _EXERCISES, judge
import nbformat
import pytest
from run_notebooks import ROOT, lessons, without_folders

RAISES, IGNORED, EXERCISE, SPINE = "raises-exception", "nbval-ignore-output", "exercise", "spine"
TAGS = {RAISES, IGNORED, EXERCISE, SPINE, "figure-varies", "lesson-only", "thumbnail"}
MACHINE_PATH = re.compile(r"(?<![\w.])(?:/(?:root|home|work|tmp|usr|opt|Users|private)/|[A-Z]:\\)")


class Lesson:
    def __init__(self, path):
        self.path, self.number = path, int(path.name[:2])
        self.notebook = nbformat.read(path, as_version=4)
        self.cells = self.notebook.cells
        self.code_cells = [cell for cell in self.cells if cell.cell_type == "code"]
        texts = [cell.source for cell in self.cells if cell.cell_type == "markdown"]
        self.prose = "\n\n".join(texts)
        parts = re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", self.prose, flags=re.M | re.S)
        self.sections = dict(parts)
        self.by_anchor = {title.replace(" ", "-"): part for title, part in parts}

    def exercises(self):
        """Yield of each its number, its cell, what that gives to `check`, and the solution."""
        for text, cell, folded in zip(self.cells, self.cells[1:], self.cells[2:], strict=False):
            if EXERCISE in tags(cell):
                number = re.match(r"\*\*(\d+\.\w)\*\* ", text.source)[1]
                answer = re.search(rf'^check\("{number}", (.*)\)\Z', cell.source, re.M)[1]
                form = r"<details><summary>Solution</summary>.*?```python\n(.*?)```.*</details>"
                yield number, cell, answer, re.fullmatch(form, folded.source, re.S)[1]


LESSONS = [Lesson(path) for path in lessons()]


@pytest.fixture(params=LESSONS, ids=lambda lesson: f"{lesson.number:02}")
def lesson(request):
    return request.param


def tags(cell):
    return cell.metadata.get("tags", [])


def output_texts(cell):
    for output in cell.outputs:
        yield from [output.get("text", ""), *output.get("traceback", [])]
        for kind, value in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield re.sub(r"base64,[\w+/=]+", "", value)  # a figure with its words


def test_what_is_saved_is_of_one_run_and_holds_nothing_of_the_machine(lesson):
    assert lesson.path.stat().st_size < 1_000_000
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    assert lesson.notebook.metadata == {"kernelspec": kernel, "language_info": {"name": "python"}}
    for count, cell in enumerate(lesson.code_cells, start=1):
        assert cell.execution_count == count
        assert "execution" not in cell.metadata
        assert "widget-view" not in str([output.get("data") for output in cell.outputs])
        assert "stderr" not in [output.get("name") for output in cell.outputs], cell.source
        failed = "error" in [output.output_type for output in cell.outputs]
        assert failed == (RAISES in tags(cell)), cell.source
        for text in output_texts(cell):
            assert not MACHINE_PATH.search(text), cell.source
            assert str(ROOT) not in text
            assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", text)


def test_few_outputs_are_ignored_and_each_is_followed_by_one_that_is_compared(lesson):
    ignored = [IGNORED in tags(cell) for cell in lesson.code_cells]
    assert sum(ignored) <= 0.15 * len(ignored)
    assert not ignored[-1]
    assert (True, True) not in itertools.pairwise(ignored)
    used = {*itertools.chain(*map(tags, lesson.cells))}
    assert {RAISES} <= used <= TAGS, "each lesson breaks something on purpose"


def test_a_saved_traceback_names_files_without_the_folders_that_lead_to_them():
    line = "File \x1b[32m{}:134\x1b[39m, in \x1b[36mLinear.forward\x1b[39m(self)"
    for folders, file in [
        ("~/.pyenv/versions/3.12.1/lib/python3.12/", "pickle.py"),
        ("C:\\Users\\me\\.venv\\Lib\\site-packages\\", "torch\\_tensor.py"),
        ("", "Cell In[4]"),
    ]:
        assert without_folders(line.format(folders + file)) == line.format(file)


def definitions(source):
    """Return functions and classes as comparable text, without docstrings and type hints."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.arg, ast.FunctionDef)):
            node.annotation = node.returns = None
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            del node.body[0]
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: ast.dump(node) for node in tree.body if isinstance(node, kinds)}


# Prints the code of what each name of the package is bound to, and none where that is wrapped. In
# another Python, because here the import hook wraps everything.
BOUND = """
import importlib, inspect, json, pkgutil, textwrap, mnist_helpers

for module in pkgutil.walk_packages(mnist_helpers.__path__, "mnist_helpers."):
    for name, one in vars(importlib.import_module(module.name)).items():
        if inspect.isroutine(one) or inspect.isclass(one):
            if one.__module__.startswith("mnist_helpers"):
                code = "" if hasattr(one, "__wrapped__") else inspect.getsource(one)
                print(json.dumps([name, textwrap.dedent(code)]))
"""


@pytest.fixture(scope="module")
def package_definitions():
    found = {}
    told = subprocess.check_output([sys.executable, "-c", BOUND], encoding="utf-8")
    for name, code in map(json.loads, told.splitlines()):
        found.setdefault(name, set()).add(definitions(code).get(name))
    return found


def test_every_definition_is_the_packages_own(lesson, package_definitions):
    for cell in lesson.code_cells:
        for name, tree in definitions(cell.source).items():
            if "lesson-only" in tags(cell):
                assert name not in package_definitions, f"{name} is in the package too"
            elif EXERCISE not in tags(cell):
                assert package_definitions.get(name) == {tree}, f"{name} differs from the package's"


def test_lessons_and_cells_are_short(lesson):
    unfolded = re.sub("<details>.*?</details>", "", lesson.prose, flags=re.S)
    assert len(unfolded.split()) <= 3_600
    sources = [cell.source for cell in lesson.code_cells]
    lengths = [len(one.splitlines()) for one in sources if not one.startswith("class CNN")]
    assert sorted(lengths)[len(lengths) // 2] <= 8
    assert sum(length > 15 for length in lengths) <= 5
    assert max(lengths) <= 20
    imports = [line.startswith(("import", "from")) for line in sources[0].splitlines()]
    assert sum(imports) <= 8


def test_the_skeleton_is_there(lesson):
    # Torch's threads read a setting of mnist_helpers as torch is imported.
    first = lesson.code_cells[0].source
    assert first.index("mnist_helpers") < first.index("import torch")
    assert first.endswith("\nstart_lesson()")
    text = lesson.prose
    assert text.startswith(f"# {lesson.number:02} ")
    goals = re.search(r"\*\*After this lesson you can\*\*\n((?:- .*\n(?:  .*\n)*)+)", text)
    assert 3 <= len(re.findall(r"^- ", goals[1], flags=re.M)) <= 5
    assert "**You need** " in text
    assert re.search(r"\*\*Time\*\* \d+ minutes to read, .* to run on two cores", text)
    assert text.count("**Predict") >= 5
    numbers = [int(title.split(".")[0]) for title in lesson.sections if title[0].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))
    others = [title for title in lesson.sections if not re.match(r"\d|Puzzles", title)]
    last = ["Your turn", "Do you remember?", "In short", "Read on"]
    assert others == ["Before you start", *last] == [next(iter(lesson.sections)), *last]
    for title, questions in [("Before you start", 3), ("Do you remember?", 5)]:
        for part in lesson.sections[title].split("<details><summary>Answers</summary>"):
            assert len(re.findall(r"^\d\. ", part, flags=re.M)) == questions
    assert len(re.findall(r"^- ", lesson.sections["In short"], flags=re.M)) == 5
    links = re.findall(r"^- \[.*\]\(https://", lesson.sections["Read on"], flags=re.M)
    assert 2 <= len(links) <= 4


def test_each_exercise_is_graded_has_a_checker_and_a_cell_that_says_that_it_waits(lesson):
    graded = re.compile(r"^\*\*(\d+\.\w)\*\* (?:●○○|●●○|●●●) \d+ min · ", re.M)
    numbers = graded.findall(lesson.prose)
    assert numbers == [number for number, *_ in lesson.exercises()]
    assert numbers == [one for one in _EXERCISES if one.startswith(f"{lesson.number}.")]
    assert len(numbers) == lesson.prose.count("<summary>Solution</summary>")
    assert 3 <= sum(number[-1].isdigit() for number in numbers) <= 5, "beside puzzles"
    assert len(graded.findall(lesson.sections["Your turn"])) == 1
    for number, cell, _, _ in lesson.exercises():
        assert [output.text for output in cell.outputs] == [judge(number, ...).message + "\n"]


def test_every_section_and_every_page_of_the_slides_starts_a_cell(lesson):
    for cell in lesson.cells:
        page = cell.metadata.get("slideshow", {}).get("slide_type")
        assert page in {"slide", "subslide", "fragment", "notes", "skip", "-"}, cell.source
        if cell.cell_type == "markdown":
            assert "\n## " not in cell.source
            assert (page == "slide") == cell.source.startswith("#"), cell.source


def test_the_sections_of_a_45_minute_walk_are_those_of_the_teachers_table(lesson):
    plan = (ROOT / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
    table = re.search(rf"^### .*lesson {lesson.number:02}.*\n([^#]+)", plan, re.M | re.I)[1]
    planned = set()
    for row in re.findall(r"^\| \d+–\d+ \| ([\d, to]*)", table, re.M):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", row):
            planned |= {*range(int(first), int(last or first) + 1)}
    headings = [cell.source for cell in lesson.cells if SPINE in tags(cell)]
    assert [int(re.match(r"## (\d+)\. ★ ", one)[1]) for one in headings] == sorted(planned)
    assert lesson.prose.count("★") == len(headings) + 1
    told = "\n\nSections with a **★** are the short way through: 45 minutes. Run the cells"
    assert told in lesson.cells[0].source


def names_wanted_and_bound(code):
    """Return the names that some code loads before it binds them, and those that it binds. What a
    function loads counts where the function is defined, but for itself."""
    wanted, bound = set(), set()
    for step in dis.get_instructions(code):
        if isinstance(step.argval, CodeType):
            wanted |= names_wanted_and_bound(step.argval)[0] - bound - {step.argval.co_name}
        elif step.opname == "STORE_NAME":
            bound.add(step.argval)
        elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            wanted |= {step.argval} - bound
    return wanted, bound


def with_what_it_needs(source, above):
    """Return some code after those cells above that bind what it wants, and what they want."""
    for cell in reversed(above):
        if names_wanted_and_bound(source)[0] & names_wanted_and_bound(cell)[1]:
            source = f"{cell}\n{source}"
    return source


def test_every_solution_is_right_and_runs_with_what_the_lesson_defines(lesson):
    plain = [one.source for one in lesson.code_cells if not {RAISES, EXERCISE} & {*tags(one)}]
    plain = [source.replace("start_lesson()", "") for source in plain]  # it asks for IPython
    for number, _, answer, solution in lesson.exercises():
        names = {}
        exec(with_what_it_needs(solution, plain), names)
        plt.close("all")
        verdict = judge(number, eval(answer, names))
        assert verdict.right, f"{number}: {verdict.message}"


def names_rebound(source):
    return set.intersection(*names_wanted_and_bound(source))


def test_each_cell_may_be_run_twice(lesson):
    for cell in lesson.code_cells:
        # Where it is moved already, nothing changes.
        source = re.sub(r"^(\w+) = \1\.to\(device\)$", "", cell.source, flags=re.M)
        assert not names_rebound(source), cell.source


def test_a_cell_that_goes_on_from_its_own_result_is_found():
    assert names_rebound("x = x + 1") == names_rebound("x += 1") == {"x"}
    assert names_rebound("def f():\n    return x + 1\nx = f()") == {"x"}
    assert names_rebound("x = 1\nx = x + 1\nx += y") == set()


def test_links_lead_to_files_and_to_the_neighbouring_lessons(lesson):
    links = re.findall(r"\]\((?!https://)([^)#]+)[^)]*\)", lesson.prose)
    for link in links:
        assert (lesson.path.parent / link).is_file(), link
    around = LESSONS[max(0, lesson.number - 2) : lesson.number + 1]
    assert {other.path.name for other in around if other is not lesson} <= set(links)
    assert not re.search(r"!\[\s*\]", lesson.prose)


def test_every_figure_is_followed_by_words_of_its_own_that_say_what_to_see(lesson):
    see = "*What to see:*"
    told = [cell.source for cell in lesson.cells if cell.source.startswith(see)]
    assert len(set(told)) == len(told)
    assert min(len(text.split()) for text in told) > 12, min(told, key=len)
    for number, cell in enumerate(lesson.cells):
        if cell.cell_type == "code" and "plots.plot_" in cell.source:
            later = [one.source for one in lesson.cells[number:] if one.cell_type == "markdown"]
            assert later[0].startswith(see), cell.source


# What a lesson states and does not print: counts of digits and parameters, what other runs gave.
STATED = {
    1: {"13 %", "59,999", "70,000"},
    2: {"3,920"},
    3: {"10,000"},
    4: {"103,162", "98.2 %"},
    5: {"10,000"},
    6: {"103,162", "6,742", "98.2 %", "99.69 %", "99.74 %"},
    7: {"20,490"},
    8: {"6,000", "60,000", "99.9 %"},
    9: {"103,162"},
    10: {"8,192", "60,000", "41,264,800"},
}


def test_no_lesson_is_missing():
    assert [lesson.number for lesson in LESSONS] == list(STATED)


def test_each_number_that_the_text_states_is_one_that_a_cell_shows(lesson):
    cells = lesson.code_cells
    shown = "\n".join([text for cell in cells for text in [cell.source, *output_texts(cell)]])
    numbers = set(re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d)[,_](?=\d{3})", "", shown)))
    text = re.sub(r"<details>.*?</details>", "", lesson.prose, flags=re.S)
    stated = re.findall(r"(?<![\w,.])\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)? %", text)
    unknown = {one for one in stated if re.sub("[, %]", "", one) not in numbers}
    assert unknown == STATED[lesson.number]
