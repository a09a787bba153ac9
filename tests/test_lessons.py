"""What every lesson has to keep, beyond what nbval compares: its skeleton, its outputs, and the code that it shows."""

import ast
import itertools
import json
from pathlib import Path
import re
import subprocess
import symtable
import sys

import matplotlib.pyplot as plt
from mnist_helpers.exercises import exercise_numbers, judge
import nbformat
from nbformat import NotebookNode
import pytest
from run_notebooks import ROOT, lessons, without_folders

LESSONS = lessons()
RAISES, IGNORED, LESSON_ONLY = "raises-exception", "nbval-ignore-output", "lesson-only"
README = "readme-picture"
EXERCISE, VARIES = "exercise", "figure-varies"
MACHINE_PATH = re.compile(r"(?<![\w.])(?:/(?:root|home|work|tmp|usr|opt|Users|private)/|[A-Z]:\\)")

each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem[:2])


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def prose(path: Path) -> str:
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def output_texts(cell: NotebookNode) -> list[str]:
    """Return all that a cell printed, returned or raised, but for its images."""
    texts = []
    for output in cell.outputs:
        texts += [output.get("text", ""), *output.get("traceback", [])]
        data = output.get("data", {})
        texts += [value for kind, value in data.items() if not kind.startswith("image/")]
    return texts


def definitions(source: str) -> dict[str, str]:
    """Return the functions and classes at the top of a module or cell, each as a syntax tree without what does not run:
    docstrings, comments and type hints."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = ast.dump(_Bare().visit(node))
    return found


class _Bare(ast.NodeTransformer):
    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.body = _without_docstring(node.body)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.body = _without_docstring(node.body)
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if is_docstring else body


# Prints the code of what each name of the package is bound to, and None where that is wrapped in something. In another
# Python, because here the import hook wraps everything.
BOUND = """
import importlib, inspect, json, pkgutil, textwrap
import mnist_helpers

found = {}
for module in pkgutil.walk_packages(mnist_helpers.__path__, "mnist_helpers."):
    if not module.name.endswith("__main__"):
        for name, one in vars(importlib.import_module(module.name)).items():
            if inspect.isroutine(one) or inspect.isclass(one):
                if one.__module__ == module.name:
                    found[name] = None if hasattr(one, "__wrapped__") else textwrap.dedent(inspect.getsource(one))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def package_definitions() -> dict[str, str]:
    done = subprocess.run([sys.executable, "-c", BOUND], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return {
        name: definitions(code or "").get(name, "something else") for name, code in found.items()
    }


def test_the_comparison_of_definitions_sees_code_and_nothing_else() -> None:
    one = definitions('def f(x: int) -> int:\n    """Say it."""\n    return x + 1  # why')
    assert one == definitions("def f(x):\n    return x + 1")
    assert one != definitions("def f(x):\n    return x + 2")


@pytest.mark.parametrize(
    ("folders", "file"),
    [
        ("/srv/a b/.venv/lib/python3.11/site-packages/", "torch/nn/modules/linear.py"),
        ("~/.pyenv/versions/3.12.1/lib/python3.12/", "pickle.py"),
        ("C:\\Users\\me\\.venv\\Lib\\site-packages\\", "torch\\_tensor.py"),
        ("~/lessons/", "mnist_helpers/training/loops.py"),
    ],
)
def test_a_saved_traceback_names_files_without_the_folders_that_lead_to_them(folders, file) -> None:
    line = "File \x1b[32m{}:134\x1b[39m, in \x1b[36mLinear.forward\x1b[39m(self)"
    assert without_folders(line.format(folders + file)) == line.format(file)
    assert (
        without_folders("Cell \x1b[32mIn[4]\x1b[39m, line 2")
        == "Cell \x1b[32mIn[4]\x1b[39m, line 2"
    )


def test_the_lessons_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:2]) for path in LESSONS] == list(range(1, len(LESSONS) + 1))
    assert len(LESSONS) >= 4


@each_lesson
def test_every_code_cell_ran_once_from_top_to_bottom(path: Path) -> None:
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_lesson
def test_cells_fail_where_they_are_meant_to_and_nowhere_else(path: Path) -> None:
    meant = [number for number, cell in enumerate(code_cells(path)) if RAISES in tags(cell)]
    failed = [
        number
        for number, cell in enumerate(code_cells(path))
        if any(output.output_type == "error" for output in cell.outputs)
    ]
    assert failed == meant
    assert meant, "each lesson breaks something on purpose"


@each_lesson
def test_no_output_names_a_folder_of_the_machine_or_holds_a_warning(path: Path) -> None:
    for cell in code_cells(path):
        for text in output_texts(cell):
            assert not MACHINE_PATH.search(text), cell.source
            assert str(ROOT) not in text
            assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", text), "a broken colour code"
        assert not [output for output in cell.outputs if output.get("name") == "stderr"], (
            cell.source
        )


@each_lesson
def test_few_outputs_are_ignored_and_each_is_followed_by_one_that_is_compared(path: Path) -> None:
    ignored = [IGNORED in tags(cell) for cell in code_cells(path)]
    assert sum(ignored) <= 0.15 * len(ignored)
    assert not ignored[-1]
    assert not any(a and b for a, b in itertools.pairwise(ignored))


@each_lesson
def test_tags_are_known(path: Path) -> None:
    for cell in read(path).cells:
        assert set(tags(cell)) <= {RAISES, IGNORED, VARIES, LESSON_ONLY, EXERCISE, README}


@each_lesson
def test_nothing_is_saved_that_changes_from_run_to_run(path: Path) -> None:
    notebook = read(path)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in code_cells(path):
        assert "execution" not in cell.metadata
        assert not [out for out in cell.outputs if "widget-view" in str(out.get("data", {}))]


@each_lesson
def test_every_definition_is_the_packages_own(path: Path, package_definitions) -> None:
    for cell in code_cells(path):
        if EXERCISE in tags(cell):
            continue
        for name, tree in definitions(cell.source).items():
            if LESSON_ONLY in tags(cell):
                assert name not in package_definitions, f"{name} is in the package too"
            else:
                assert tree == package_definitions.get(name), f"{name} differs from the package's"


@each_lesson
def test_cells_are_short(path: Path) -> None:
    lengths = [len(cell.source.splitlines()) for cell in code_cells(path)]
    assert sorted(lengths)[len(lengths) // 2] <= 8, "the median cell"
    assert sum(length > 15 for length in lengths) <= 5
    assert max(lengths) <= 40


@each_lesson
def test_the_skeleton_is_there(path: Path) -> None:
    text = prose(path)
    assert text.startswith(f"# {path.name[:2]} ")
    goals = re.search(r"\*\*After this lesson you can\*\*\n((?:- .*\n(?:  .*\n)*)+)", text)
    assert 3 <= len(re.findall(r"^- ", goals[1], flags=re.M)) <= 5
    for part in (r"\*\*You need\*\* ", r"\*\*Time\*\* \d+ minutes to read, .* to run on two cores"):
        assert re.search(part, text), part
    sections = re.findall(r"^## (.*)", text, flags=re.M)
    numbers = [int(title.split(".")[0]) for title in sections if title[0].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sections[-2:] == ["Your turn", "In short"]
    summary = text.split("## In short")[1]
    assert len(re.findall(r"^- ", summary, flags=re.M)) == 5
    assert text.count("**Predict") >= 5
    exercises = re.findall(rf"^\*\*{int(path.name[:2])}\.(\d)\*\*", text, flags=re.M)
    assert exercises == [str(number) for number in range(1, len(exercises) + 1)]
    assert 3 <= len(exercises) == text.count("<details>") == text.count("</details>") <= 5


@each_lesson
def test_every_section_and_every_page_of_the_slides_starts_a_cell(path: Path) -> None:
    known = {"slide", "subslide", "fragment", "notes", "skip", "-"}
    for cell in read(path).cells:
        page = cell.metadata.get("slideshow", {}).get("slide_type")
        assert page in known, cell.source
        if cell.cell_type == "markdown":
            assert "\n## " not in cell.source, "a section starts in the middle of a cell"
            assert (page == "slide") == cell.source.startswith("#"), cell.source


def exercise_cells(path: Path) -> list[tuple[str, NotebookNode, str]]:
    """Return of each exercise its number, the cell to answer it in, and the code of its solution."""
    cells = read(path).cells
    found = []
    for number, cell in enumerate(cells):
        if EXERCISE in tags(cell):
            text, solution = cells[number - 1].source, cells[number + 1].source
            exercise = re.match(r"\*\*(\d\.\d)\*\* ", text)[1]
            assert solution.startswith("<details><summary>Solution</summary>"), exercise
            assert solution.endswith("</details>"), exercise
            found.append((exercise, cell, re.search(r"```python\n(.*?)```", solution, re.S)[1]))
    return found


def check_call(cell: NotebookNode) -> ast.Call:
    """Return the call of `check` in which an exercise's cell ends."""
    call = ast.parse(cell.source).body[-1].value
    assert call.func.id == "check"
    return call


@each_lesson
def test_every_exercise_has_a_cell_to_answer_it_in_which_prints_the_hint(path: Path) -> None:
    numbers = [number for number, _, _ in exercise_cells(path)]
    lesson = str(int(path.name[:2]))
    assert numbers == [one for one in exercise_numbers() if one.split(".")[0] == lesson]
    for number, cell, _ in exercise_cells(path):
        assert check_call(cell).args[0].value == number
        assert [output.text for output in cell.outputs] == [judge(number, ...).message + "\n"]


def names_bound(node: ast.AST) -> set[str]:
    """Return the names that a cell's code binds at its top level."""
    bound = set()
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            bound.add(statement.name)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            bound |= {alias.asname or alias.name.split(".")[0] for alias in statement.names}
        else:
            names = [part for part in ast.walk(statement) if isinstance(part, ast.Name)]
            bound |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return bound


def cells_needed(code: str, cells: list[str]) -> list[str]:
    """Return those of the cells above that some code needs, in order: for each name that it reads the last cell that
    binds it, and what that cell needs."""
    wanted = names_read(code)
    needed = []
    for source in reversed(cells):
        tree = ast.parse(source)
        if names_bound(tree) & wanted:
            needed.insert(0, source)
            wanted -= names_bound(tree)
            wanted |= names_read(source)
    return needed


def names_read(code: str) -> set[str]:
    """Return the names that some code reads from outside its functions, and what its functions read from there."""
    top = symtable.symtable(code, "lesson", "exec")
    read = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    scopes = top.get_children()
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        read |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
    return read


@pytest.mark.parametrize(
    ("path", "exercise"),
    [(path, number) for path in LESSONS for number, _, _ in exercise_cells(path)],
    ids=lambda value: value if isinstance(value, str) else "lesson",
)
def test_every_solution_is_right_and_runs_with_what_the_lesson_defines(path, exercise) -> None:
    cell, solution = next(found[1:] for found in exercise_cells(path) if found[0] == exercise)
    answered = check_call(cell).args[1]
    plain = [one.source for one in code_cells(path) if not {RAISES, EXERCISE} & {*tags(one)}]
    names = {}
    for source in [*cells_needed(solution, plain), solution]:
        exec(source, names)
    plt.close("all")
    verdict = judge(exercise, eval(compile(ast.Expression(answered), "answer", "eval"), names))
    assert verdict.right, verdict.message


@each_lesson
def test_links_lead_to_files_and_to_the_neighbouring_lessons(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", prose(path))
    for link in links:
        assert (path.parent / link).is_file(), link
    place = LESSONS.index(path)
    neighbours = {other.name for other in LESSONS[max(0, place - 1) : place + 2]} - {path.name}
    assert neighbours <= set(links)
    assert not re.search(r"!\[\s*\]", prose(path)), "an image without a text that describes it"


@each_lesson
def test_every_figure_is_followed_by_a_line_that_says_what_to_see(path: Path) -> None:
    cells = read(path).cells
    for number, cell in enumerate(cells):
        if cell.cell_type == "code" and "plots.plot_" in cell.source:
            description = next(later for later in cells[number:] if later.cell_type == "markdown")
            assert description.source.startswith("*What to see:*"), cell.source


@each_lesson
def test_each_figure_has_a_description_of_its_own(path: Path) -> None:
    cells = read(path).cells
    told = [cell.source for cell in cells if cell.source.startswith("*What to see:*")]
    assert len(set(told)) == len(told)
    assert all(len(text.split()) > 12 for text in told), min(told, key=len)


# What a lesson states and does not print: counts of all digits, of parameters, what other recipes and runs gave.
STATED = {
    "01": {"13 %", "59,999", "70,000"},
    "02": {"3,920"},
    "03": {"10,000"},
    "04": {"10.28 %", "103,162", "60,000", "98.2 %", "98.5 %", "98.8 %"},
    "05": {"103,162", "11.24 %", "98.2 %", "99.11 %", "99.69 %"},
    "06": {"20,490"},
    "07": {"60,000", "91 %", "99.9 %"},
}


@each_lesson
def test_each_number_that_the_text_states_is_one_that_a_cell_shows(path: Path) -> None:
    cells = code_cells(path)
    shown = "\n".join([text for cell in cells for text in [cell.source, *output_texts(cell)]])
    numbers = set(re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d)[,_](?=\d{3})", "", shown)))
    text = re.sub(r"<details>.*?</details>", "", prose(path), flags=re.S)
    stated = re.findall(r"(?<![\w,.])\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)? %", text)
    unknown = {one for one in stated if re.sub("[, %]", "", one) not in numbers}
    assert unknown == STATED[path.name[:2]]


def rebound_reads(source: str) -> set[str]:
    """Return the names that a cell reads from an earlier cell and then binds anew."""
    bound, early = set(), set()

    def names(node: ast.AST) -> set[str]:
        parts = list(ast.walk(node))
        own = {
            name
            for part in parts
            if isinstance(part, ast.comprehension)
            for name in names(part.target)
        }
        return {part.id for part in parts if isinstance(part, ast.Name)} - own

    def follow(statements: list[ast.stmt]) -> None:
        for one in statements:
            if isinstance(one, (ast.FunctionDef, ast.ClassDef)):
                bound.add(one.name)
            elif isinstance(one, ast.For):
                early.update(names(one.iter) - bound)
                bound.update(names(one.target))
                follow(one.body)
            elif isinstance(one, ast.With):
                follow(one.body)
            elif isinstance(one, (ast.Assign, ast.AugAssign)):
                targets = one.targets if isinstance(one, ast.Assign) else [one.target]
                read = one.value if isinstance(one, ast.Assign) else one
                early.update(names(read) - bound)
                bound.update(
                    *(
                        names(target)
                        for target in targets
                        if isinstance(target, (ast.Name, ast.Tuple))
                    )
                )
            else:
                early.update(names(one) - bound)

    follow(ast.parse(source).body)
    return early & bound


@each_lesson
def test_each_cell_may_be_run_twice(path: Path) -> None:
    # A cell that binds anew what it read would go on from its own result; where that is moved already, nothing changes.
    for cell in code_cells(path):
        source = re.sub(r"^(\w+) = \1\.to\(device\)$", "", cell.source, flags=re.M)
        assert not rebound_reads(source), cell.source


def test_a_cell_that_goes_on_from_its_own_result_is_found() -> None:
    assert rebound_reads("x = x + 1") == rebound_reads("x += 1") == {"x"}
    assert rebound_reads("for y in x:\n    x = f(x)") == {"x"}
    assert rebound_reads("x = 1\nx = x + 1\nx += y") == set()


@each_lesson
def test_mnist_helpers_is_imported_before_torch(path: Path) -> None:
    # Only then is its setting in place when torch's threads read it.
    modules = [
        node.names[0].name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(code_cells(path)[0].source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    package = [module.startswith("mnist_helpers") for module in modules]
    torch = [module.split(".")[0] in ("torch", "torchvision") for module in modules]
    assert package.index(True) < torch.index(True)


@each_lesson
def test_the_file_is_small(path: Path) -> None:
    assert path.stat().st_size < 1_000_000
