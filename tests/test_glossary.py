import re

from run_notebooks import ROOT
from test_lessons import LESSONS

GLOSSARY = (ROOT / "notebooks" / "GLOSSARY.md").read_text(encoding="utf-8")
LINK = re.compile(r"\[(\d\d), section (\d+)\]\((\1_\w+\.ipynb#\2\.-\S+)\)")
TERMS = {
    terms: [link[2] for link in LINK.findall(links)]
    for terms, links in re.findall(r"^\| (\*\*.+\*\*) \| .+ \| (.+) \|$", GLOSSARY, re.M)
}

# The sections in the order of reading, by their addresses. Headings and the opening of a lesson are
# left out: they may name what is to come.
SECTIONS = {
    f"{lesson.path.name}#{anchor}": " ".join(
        re.sub(r"Previous lesson:.*|\]\([^)]*\)", "]", text).split()
    )
    for lesson in LESSONS
    for anchor, text in lesson.by_anchor.items()
}


def mentions(terms, text):
    """Return the mark before each mention. Most terms are words, and looked for outside of code."""
    names = "|".join(re.findall(r"\*\*(.+?)\*\*", terms))
    text = re.sub(r"```.*?```|\$[^$]*\$", "", text)
    parts = text.split("`")  # every second one is code
    if names.startswith("`"):
        return re.findall(rf"\b{names.strip('`')}(\b)", " ".join(parts[1::2]))
    return re.findall(rf"(\*{{0,2}})\b(?:{names})s?\b", " ".join(parts[::2]), re.I)


def used_before_explained(sections):
    """Return the terms whose first mention does not stand, in italics, where the glossary says."""
    early = []
    for terms, links in TERMS.items():
        found = ((name, mentions(terms, text)) for name, text in sections.items())
        name, marks = next((one for one in found if one[1]), ("nowhere", [""]))
        if [name] != links[:1] or (marks[0] != "*" and "`" not in terms):
            early.append(f"{terms}, {name}")
    return early


def test_each_term_is_explained_where_it_first_stands():
    assert used_before_explained(SECTIONS) == []


def test_a_term_that_is_used_too_early_is_found():
    first, *_ = SECTIONS
    for early in ("two Kernels", "a mean squared error", "`model.state_dict()`"):
        changed = SECTIONS | {first: SECTIONS[first] + f" This has {early}."}
        [found] = used_before_explained(changed)
        assert found.endswith(first)


def test_each_row_is_in_its_place_and_leads_to_sections_that_have_the_term():
    rows = re.findall(r"^\| [^|]+ \| [^|]+ \| [^|]+ \|$", GLOSSARY, re.M)
    assert len(TERMS) == len(rows) - 2
    assert len(LINK.findall(GLOSSARY)) == GLOSSARY.count(".ipynb#")
    names = [re.sub("[*`]", "", terms).lower() for terms in TERMS]
    assert names == sorted(names)
    for terms, links in TERMS.items():
        assert [link for link in links if not mentions(terms, SECTIONS.get(link, ""))] == [], terms
    start = (ROOT / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf-8")
    assert "](GLOSSARY.md)" in start
