"""One word for one idea: the words that the glossary rules out are not used.

The table at the end of ``docs/glossary.md`` lists these words and what to use instead. This
module looks for them where the project chooses a name or writes a sentence:

- in names that are defined in Python: of functions, classes, parameters, variables, attributes
  and imported names, and of files and folders. Uses of a name are not looked at, since they change
  with its definition, and since other packages' names are not ours to choose;
- in Python's comments and strings, docstrings and messages among them;
- in the text, the visible attributes and the expressions of HTML templates;
- in Markdown, where blocks of Python are read as Python.

In a text, a word with an underscore or a capital letter inside, and whatever stands between
backticks, counts as a name.

Hits in one folder or file: ``python tests/test_language.py latentfit/bayes``, with ``--count`` for
a table of words by folder.
"""

from __future__ import annotations

import argparse
import ast
import bisect
import fnmatch
import functools
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
THIS_FILE = Path(__file__).resolve().relative_to(ROOT)

# Where the project's own words are, relative to its root.
PLACES = (
    "latentfit/**/*.py",
    "latentfit/**/*.py.txt",
    "latentfit/**/*.jinja",
    "models/**/*.py",
    "models/**/*.md",
    "tests/**/*.py",
    "benchmarks/**/*.py",
    "benchmarks/**/*.md",
    "validation/**/*.py",
    "validation/**/*.md",
    "docs/**/*.md",
    "README.md",
    "CONTRIBUTING.md",
)


class Allowed(NamedTuple):
    """A use of a word that is right where it stands.

    Attributes
    ----------
    files : str
        A pattern of `fnmatch`; ``*`` also matches the slashes of a path.
    word : str
        As the glossary's table has it.
    use : str
        The whole name, or some consecutive words of the text, in which the word may occur.
    reason : str
    """

    files: str
    word: str
    use: str
    reason: str


ALLOWED = (
    Allowed("*", "edge", "at_edge", "field of comparison.json, which scripts read"),
    Allowed("*", "route", "errors_routes", "id of a verdict, which scripts read"),
    Allowed("latentfit/report/*", "height", "height", "of a picture or a box, in pixels"),
    Allowed("tests/report/*", "height", "height", "of a window or a box, in pixels"),
    Allowed("tests/report/*", "height", "naturalHeight", "JavaScript, in pixels"),
    Allowed("tests/report/*", "height", "canvas.height = image", "JavaScript, in pixels"),
    Allowed("tests/report/*", "height", "canvas.width, canvas.height", "JavaScript, in pixels"),
    Allowed("tests/report/*", "height", "r.width, r.height", "JavaScript, in pixels"),
    Allowed("validation/gallery_content/*", "height", "height", "of a picture, in pixels"),
    Allowed("latentfit/bayes/*", "peak", "peak", "of memory, as tracemalloc calls it"),
    Allowed("benchmarks/*", "peak", "peak", "of memory, and a field of distributed.json"),
    Allowed("benchmarks/*", "peak", "peak memory", "of a process, in bytes"),
    Allowed("benchmarks/*", "peak", "peak_memory_over_data", "field of engine.json"),
    Allowed("latentfit/em/primitives/*", "begins", "begins", "positions at which rows begin"),
    Allowed("latentfit/cli/*", "watch", "watch", "a stopwatch"),
    Allowed("*", "ridge", "ridge", "name of a finding, which scripts read"),
    Allowed("models/student_t.py", "height", "weight and height", "of a person"),
    Allowed("tests/models/*", "height", "height of the cross-fertilised plant", "in inches"),
    Allowed("validation/interval_coverage.py", "edge", "edge", "field of coverage.json"),
    Allowed("validation/interval_coverage.py", "edge", "on_edge", "field of coverage.json"),
    Allowed("validation/interval_coverage.py", "astray", "astray", "field of coverage.json"),
    Allowed("*.md", "pinned", "pinned versions", "of packages, as their users say"),
)


# ---------------------------------------------------------------------------------------------
# The table


class Rule(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    words : tuple of str
        Words or phrases in lower case, the first of which stands for all of them in counts.
    instead : str
    names, text : bool
        Whether the rule holds in names and in texts.
    """

    words: tuple[str, ...]
    instead: str
    names: bool
    text: bool


def rules_of(glossary: str) -> tuple[Rule, ...]:
    """The rows of the table in the section "Words that are not used"."""
    section = glossary.partition("\n## Words that are not used\n")[2]
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return tuple(
        Rule(
            tuple(word.strip().lower() for word in words.split(",")),
            instead,
            names="names" in where,
            text="text" in where,
        )
        for words, instead, where in rows[2:]
    )


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, split at underscores and capital letters, in lower case."""
    return tuple(
        word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+", name)
    )


class Rules:
    """The rules, ready to be looked for."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._of_name = {word: rule for rule in self.rules if rule.names for word in rule.words}
        self._of_text = {word: rule for rule in self.rules if rule.text for word in rule.words}
        # The words of a phrase may be on two lines. Where phrases overlap, the longest counts.
        phrases = (
            r"\s+".join(map(re.escape, word.split()))
            for word in sorted(self._of_text, key=len, reverse=True)
        )
        self._pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(phrases)})(?![\w-])", re.IGNORECASE)

    def in_name(self, name: str) -> Iterator[tuple[Rule, str]]:
        """Rules that a name breaks, and its words by which it does."""
        words = words_of(name)
        for size in range(1, len(words) + 1):
            for first in range(len(words) - size + 1):
                phrase = " ".join(words[first : first + size])
                if phrase in self._of_name:
                    yield self._of_name[phrase], phrase

    def in_text(self, text: str) -> Iterator[tuple[Rule, re.Match[str]]]:
        """Rules that a text breaks, and where."""
        for found in self._pattern.finditer(text):
            yield self._of_text[" ".join(found[0].lower().split())], found


RULES = Rules(rules_of(GLOSSARY.read_text(encoding="utf-8")))


# ---------------------------------------------------------------------------------------------
# Names and texts of a file


class Name(NamedTuple):
    """A name that the project has chosen, and the line on which it stands."""

    name: str
    line: int


class Text:
    """Pieces of text that belong together, each with the line on which it begins."""

    def __init__(self) -> None:
        self.content = ""
        self._begins: list[int] = []
        self._lines: list[int] = []

    def add(self, text: str, line: int) -> None:
        """Add a piece."""
        self._begins.append(len(self.content))
        self._lines.append(line)
        self.content += text

    def line(self, position: int) -> int:
        """The line of the file on which a position of the content is."""
        piece = bisect.bisect_right(self._begins, position) - 1
        return self._lines[piece] + self.content.count("\n", self._begins[piece], position)


def names_defined(tree: ast.AST, shift: int = 0) -> Iterator[Name]:
    """The names that a module defines."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield Name(node.name, node.lineno + shift)
            case ast.arg():
                yield Name(node.arg, node.lineno + shift)
            case ast.Name(ctx=ast.Store()):
                yield Name(node.id, node.lineno + shift)
            case ast.Attribute(ctx=ast.Store()):
                yield Name(node.attr, node.lineno + shift)
            case ast.alias(asname=str(name)):
                yield Name(name, node.lineno + shift)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield Name(name, node.lineno + shift)
            case ast.MatchStar(name=str(name)) | ast.TypeVar(name=name):
                yield Name(name, node.lineno + shift)


_QUOTES = re.compile(r"""^([a-zA-Z]*)("{3}|'{3}|"|')""")
_MIDDLE = {"FSTRING_MIDDLE", "TSTRING_MIDDLE"}
_START = {"FSTRING_START", "TSTRING_START"}
_END = {"FSTRING_END", "TSTRING_END"}
# What stands in a text for a value that is filled in later: no phrase reaches across it.
_VALUE = " \0 "


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _without_latex(text: str) -> str:
    return re.sub(r"\\(?:[A-Za-z]+|.)", _blank, text)


def _without_escapes(text: str, prefix: str) -> str:
    return _without_latex(text) if "r" in prefix.lower() else re.sub(r"\\.", _blank, text)


def texts_of_python(source: str, shift: int = 0) -> Iterator[Text]:
    """Strings, of which neighbours are joined, and blocks of comment lines."""
    text, comment = Text(), Text()
    prefixes: list[str] = []
    last = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line, kind = token.start[0] + shift, tokenize.tok_name[token.type]
        if kind == "COMMENT":
            if line != last + 1:
                yield comment
                comment = Text()
            last = line
            words = token.string.lstrip("#")
            comment.add(" " + re.sub(r"(noqa|type: ignore).*?( - |$)", "", words), line)
        elif kind == "STRING":
            quotes = _QUOTES.match(token.string)
            assert quotes
            body = token.string[quotes.end() : -len(quotes[2])]
            text.add(_without_escapes(body, quotes[1]), line)
        elif kind in _START:
            prefixes.append(token.string)
        elif kind in _MIDDLE:
            text.add(_without_escapes(token.string, prefixes[-1]), line)
        elif kind in _END:
            prefixes.pop()
        elif prefixes:
            if token.string == "}":
                text.add(_VALUE, line)
        elif kind != "NL":
            yield text
            text = Text()
    yield text
    yield comment


def of_python(source: str, shift: int = 0) -> tuple[list[Name], list[Text]]:
    """Names and texts of a Python module."""
    names = list(names_defined(ast.parse(source), shift))
    return names, list(texts_of_python(source, shift))


_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def of_markdown(source: str) -> tuple[list[Name], list[Text]]:
    """Names and texts of a Markdown page; blocks of Python are read as Python."""
    names: list[Name] = []
    texts: list[Text] = []

    def add(text: str, position: int) -> None:
        texts.append(Text())
        texts[-1].add(_without_latex(text), source.count("\n", 0, position) + 1)

    done = 0
    for fence in _FENCE.finditer(source):
        add(source[done : fence.start()], done)
        done = fence.end()
        if fence[1] == "python":
            found = of_python(fence[2], source.count("\n", 0, fence.start(2)))
            names += found[0]
            texts += found[1]
        else:
            add(fence[2], fence.start(2))
    add(source[done:], done)
    return names, texts


_JINJA = re.compile(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}|<[^>]*>", re.DOTALL)
_JINJA_STRING = re.compile(r'"[^"]*"|\'[^\']*\'')
_JINJA_WORDS = {"if", "else", "elif", "endif", "for", "endfor", "in", "not", "and", "or", "is"} | {
    *("set", "macro", "endmacro", "import", "as", "block", "endblock", "with", "endwith"),
}
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')
_SHOWN = {"alt", "title", "aria-label", "content"}
_CHOSEN = {"id", "class", "href", "for"}


def of_template(source: str) -> tuple[list[Name], list[Text]]:
    """Names and texts of a Jinja template of HTML."""
    names: list[Name] = []
    texts: list[Text] = []

    def line(position: int) -> int:
        return source.count("\n", 0, position) + 1

    def add(text: str, position: int) -> None:
        texts.append(Text())
        texts[-1].add(text, line(position))

    def expression(begin: int, end: int) -> None:
        code = source[begin:end]
        for found in _JINJA_STRING.finditer(code):
            add(found[0], begin + found.start())
        code = _JINJA_STRING.sub(_blank, code)
        for found in re.finditer(r"[^\W\d]\w*", code):
            if found[0] not in _JINJA_WORDS:
                names.append(Name(found[0], line(begin + found.start())))

    def tag(begin: int, end: int) -> None:
        for found in re.finditer(r"\{\{.*?\}\}|\{%.*?%\}", source[begin:end], re.DOTALL):
            expression(begin + found.start(), begin + found.end())
        for found in _ATTRIBUTE.finditer(source, begin, end):
            if found[1] in _SHOWN:
                add(re.sub(r"\{[{%].*?[%}]\}", _VALUE, found[2]), found.start(2))
            elif found[1] in _CHOSEN:
                plain = re.sub(r"\{[{%].*?[%}]\}", " ", found[2])
                names.extend(Name(one, line(found.start(2))) for one in plain.split())

    done = 0
    for found in _JINJA.finditer(source):
        add(source[done : found.start()], done)
        done = found.end()
        if found[0].startswith("{#"):
            add(found[0], found.start())
        elif found[0].startswith("<"):
            tag(found.start(), found.end())
        else:
            expression(found.start(), found.end())
    add(source[done:], done)
    return names, texts


def contents(path: Path) -> tuple[list[Name], list[Text]]:
    """Names and texts of a file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".jinja":
        return of_template(source)
    if path.suffix == ".md":
        return of_markdown(source)
    return of_python(source)


# ---------------------------------------------------------------------------------------------
# Hits


class Hit(NamedTuple):
    """A word that is not used, where it was used.

    Attributes
    ----------
    file : str
        Relative to the root of the project.
    line : int
        0 for the path itself.
    rule : Rule
    found : str
        The word as it stands there.
    context : str
        The name, or the text around the word.
    """

    file: str
    line: int
    rule: Rule
    found: str
    context: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        context = f" in {self.context!r}" if self.context != self.found else ""
        return f"{where}: {self.found!r}{context}; use: {self.rule.instead}"


_IN_TEXT = re.compile(r"`+[^`\n]+`+|\w*[^\W_]_\w*[^\W_]\w*|\w*[a-z][A-Z]\w*")


def _in_text(text: Text, rules: Rules) -> Iterator[tuple[int, Rule, str, str]]:
    for rule, found in rules.in_text(text.content):
        word = " ".join(found[0].split())
        yield text.line(found.start()), rule, word, _context(text.content, found)
    for found in _IN_TEXT.finditer(text.content):
        for name in re.findall(r"[^\W\d]\w*", found[0]):
            for rule, word in rules.in_name(name):
                yield text.line(found.start()), rule, word, name


# Where a docstring lists parameters or attributes.
_LISTED = re.compile(r"\s*\w+(, \w+)* : ")


def _context(content: str, found: re.Match[str]) -> str:
    """Some words around a word; the word alone where it stands for a name.

    It does so between backticks, and where a docstring lists parameters or attributes.
    """
    before, after = content[: found.start()], content[found.end() :]
    listed = _LISTED.match(content, before.rfind("\n") + 1)
    if before[-1:] == after[:1] == "`" or (listed and found.end() < listed.end()):
        return found[0]
    return " ".join((before[-40:] + found[0] + after[:40]).replace("\0", "...").split())


def hits_in(
    file: str, names: Iterable[Name], texts: Iterable[Text], rules: Rules = RULES
) -> list[Hit]:
    """Every use of a word that is not used."""
    hits = [
        Hit(file, name.line, rule, word, name.name)
        for name in names
        for rule, word in rules.in_name(name.name)
    ]
    hits += [Hit(file, *part) for text in texts for part in _in_text(text, rules)]
    return sorted(hits, key=lambda hit: (hit.line, hit.rule.words))


def allows(allowed: Allowed, hit: Hit) -> bool:
    """Whether an entry of the list allows a hit."""
    use, context = allowed.use.lower(), hit.context.lower()
    return (
        fnmatch.fnmatch(hit.file, allowed.files)
        and allowed.word in hit.rule.words
        and (context == use or (" " in use and use in context))
    )


@functools.cache
def all_hits_of(path: Path, root: Path = ROOT) -> list[Hit]:
    """The hits in a file, its path among them, allowed or not."""
    file = path.relative_to(root)
    parts = [Name(part, 0) for part in (*file.parts[:-1], file.name.split(".")[0])]
    names, texts = contents(path)
    return hits_in(file.as_posix(), [*parts, *names], texts)


def hits_of(path: Path, root: Path = ROOT) -> list[Hit]:
    """The hits in a file that are not allowed, one for each line and row of the table."""
    first: dict[tuple[int, Rule], Hit] = {}
    for hit in all_hits_of(path, root):
        if not any(allows(allowed, hit) for allowed in ALLOWED):
            first.setdefault((hit.line, hit.rule), hit)
    return list(first.values())


# ---------------------------------------------------------------------------------------------
# Files


def files_under(path: Path, root: Path = ROOT) -> list[Path]:
    """The files in a folder, or the file itself, in which the project's words are looked for."""
    return sorted(
        file
        for place in PLACES
        for file in root.glob(place)
        if file.is_file()
        and file.relative_to(root) not in (GLOSSARY.relative_to(ROOT), THIS_FILE)
        and (file == path or path in file.parents)
    )


def root_of(path: Path) -> Path:
    """The project that a path belongs to: the folder above it that has a pyproject.toml."""
    return next(
        (folder for folder in (path, *path.parents) if (folder / "pyproject.toml").is_file()), ROOT
    )


def count(hits: Iterable[Hit]) -> str:
    """Hits by folder and word, as text."""
    words: dict[str, Counter[str]] = {}
    for hit in hits:
        words.setdefault(Path(hit.file).parent.as_posix(), Counter())[hit.rule.words[0]] += 1
    return "\n".join(
        f"{counts.total():5} {folder}: {', '.join(f'{w} {n}' for w, n in counts.most_common())}"
        for folder, counts in sorted(words.items())
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the hits in some folders or files."""
    parser = argparse.ArgumentParser(description="Words that the glossary rules out, where used.")
    parser.add_argument("path", nargs="*", type=Path, help="by default the whole project")
    parser.add_argument("--count", action="store_true", help="how many, by folder and word")
    options = parser.parse_args(arguments)
    hits = []
    for path in [path.resolve() for path in options.path] or [ROOT]:
        root = root_of(path)
        hits += [hit for file in files_under(path, root) for hit in hits_of(file, root)]
    print(count(hits) if options.count else "\n".join(map(str, hits)), end="\n" if hits else "")
    print(f"{len(hits)} hits", file=sys.stderr)
    return 1 if hits else 0


# ---------------------------------------------------------------------------------------------
# Tests of the project


FOLDERS = sorted({file.parent for file in files_under(ROOT)})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_words_that_are_not_used(folder):
    files = [file for file in files_under(folder) if file.parent == folder]
    hits = [hit for file in files for hit in hits_of(file)]
    if hits:
        pytest.fail("\n".join(map(str, hits)), pytrace=False)


@pytest.mark.parametrize("allowed", ALLOWED, ids=lambda one: f"{one.files}: {one.use}")
def test_every_allowed_use_occurs(allowed):
    """An entry of the list that is no longer needed is removed."""
    assert allowed.word in {word for rule in RULES.rules for word in rule.words}
    assert any(
        allows(allowed, hit)
        for file in files_under(ROOT)
        if fnmatch.fnmatch(file.relative_to(ROOT).as_posix(), allowed.files)
        for hit in all_hits_of(file)
    )


# ---------------------------------------------------------------------------------------------
# Tests of the glossary


PAGE = GLOSSARY.read_text(encoding="utf-8")


def _section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _entries() -> dict[str, dict[str, str]]:
    """``{heading: {"": definition, "Where": ..., "Source": ...}}``."""
    field = re.compile(r"^- \*\*(\w+):\*\* (.*)$", re.MULTILINE)
    parts = re.split(r"^(#{2,3} .*)\n", PAGE, flags=re.MULTILINE)
    return {
        heading.removeprefix("### "): {"": field.sub("", body).strip(), **dict(field.findall(body))}
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
        if heading.startswith("### ")
    }


ENTRIES = _entries()


def test_the_table_is_well_formed():
    words = [word for rule in RULES.rules for word in rule.words]
    assert len(RULES.rules) > 40
    assert len(words) == len(set(words)), Counter(words).most_common(3)
    assert all(rule.instead and (rule.names or rule.text) for rule in RULES.rules)
    assert all(re.fullmatch(r"[a-z]+('s)?( [a-z]+('s)?)*", word) for word in words)


def test_no_replacement_is_itself_ruled_out():
    for rule in RULES.rules:
        text = Text()
        text.add(rule.instead, 0)
        assert not hits_in("", [], [text]), rule.instead


def test_every_entry_has_a_definition_and_a_place():
    for heading, entry in ENTRIES.items():
        assert entry[""], heading
        assert {"Where"} <= entry.keys() <= {"", "Also", "Symbol", "Where", "Source", "Not"}, (
            heading
        )


def test_the_definitions_use_the_glossary_s_own_words():
    for heading, entry in ENTRIES.items():
        hits = hits_in("latentfit/glossary.md", *of_markdown(entry[""]))
        assert not hits, f"{heading}: {hits[0]}"


def test_words_that_an_entry_rules_out_are_in_the_table():
    known = {word for rule in RULES.rules for word in rule.words}
    for heading, entry in ENTRIES.items():
        words = {word.strip().lower() for word in entry.get("Not", "").split(",")} - {""}
        assert words <= known, (heading, words - known)


def test_the_index_has_every_entry():
    links = re.findall(r"^- \[(.*)\]\(#(.*)\)$", _section("Index"), flags=re.MULTILINE)
    wanted = [
        (term.strip(), re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
        for heading, entry in ENTRIES.items()
        for term in ",".join([heading, *filter(None, [entry.get("Also")])]).split(",")
    ]
    assert links == sorted(wanted, key=lambda link: link[0].lower())


def test_every_source_is_among_the_references():
    references = _section("References").splitlines()
    for heading, entry in ENTRIES.items():
        for source in filter(None, entry.get("Source", "").split("; ")):
            cited = re.match(r"((?:van der )?[\w-]+).*?(\d{4})", source)
            assert cited, (heading, source)
            assert any(
                line.startswith(f"- {cited[1]},") and f"({cited[2]})" in line for line in references
            ), (heading, source)


def test_every_folder_that_is_named_exists():
    folders = set(re.findall(r"`([a-z_/]+/)`", PAGE))
    assert "latentfit/em/" in folders
    assert not {folder for folder in folders if not (ROOT / folder).is_dir()}


# ---------------------------------------------------------------------------------------------
# Tests of the search


SOME = Rules(
    (
        Rule(("height", "heights"), "log-likelihood", names=True, text=True),
        Rule(("top",), "maximum", names=True, text=False),
        Rule(("at rest",), "converged", names=True, text=True),
        Rule(("em ended",), "EM converged", names=False, text=True),
    )
)


def _found(parts: tuple[list[Name], list[Text]]) -> list[tuple[int, str]]:
    return [(hit.line, hit.rule.words[0]) for hit in hits_in("file", *parts, SOME)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("log_joint", ("log", "joint")),
        ("_MostHeights", ("most", "heights")),
        ("HTMLPage2", ("html", "page", "2")),
        ("_AT_REST", ("at", "rest")),
        ("θ_hat", ("θ", "hat")),
    ],
)
def test_words_of_a_name(name, words):
    assert words_of(name) == words


@pytest.mark.parametrize(
    "line",
    [
        "def height_of(x): pass",
        "class Heights: pass",
        "def f(height): pass",
        "height = 1",
        "x.height = 1",
        "height: int",
        "for height in (): pass",
        "with a as height: pass",
        "import a as height",
        "f = lambda *, height: 0",
        "(height := 1)",
        "top_value = 1",
        "_AT_REST = 1",
        "x = 'the height of it'",
        "x = f'the height of {y}'",
        "x = f'{y} has the height {z!r}'",
        "x = 'at\\nheight'",
        "x = 1  # a height",
        "x = 'of height_of'",
        "x = 'it is `top`'",
        "x = 'EM ' 'ended'",
        "x = 'EM' + 'ended', 'EM ended'",
    ],
)
def test_found_in_python(line):
    (hit,) = _found(of_python(f"\n{line}\n"))
    assert hit[0] == 2


@pytest.mark.parametrize(
    "line",
    [
        "x.height",
        "f(height=1)",
        "from a import height",
        "x = 'the top of it'",
        "x = 'EM', 'ended'",
        "x = f'EM {y} ended'",
        "heightened = 'heightened, half-height'",
        "x = r'$\\height$'",
        "rest = at = 1",
    ],
)
def test_not_found_in_python(line):
    assert not _found(of_python(line))


def test_a_phrase_is_found_across_lines():
    source = '"""A title.\n\n    Where EM\n    ended.\n"""\n\n# Where EM\n# ended.\nx = 1\n'
    assert _found(of_python(source)) == [(3, "em ended"), (7, "em ended")]


def test_found_in_a_template():
    source = """{# a height #}
<img height="3" alt="the height of {{ one }}">
<p id="heights">{{ x.height|f("top") }}</p>
{% for one in top %}height{% endfor %}
"""
    assert list(dict.fromkeys(_found(of_template(source)))) == [
        (1, "height"),
        (2, "height"),
        (3, "height"),
        (4, "height"),
        (4, "top"),
    ]
    assert not _found(of_template('<img height="{{ one.width }}" style="height: 3px">'))


def test_found_in_markdown():
    source = "A\n`top`.\n\n```python\nx = 1\ntop = 2  # the top\n```\n\n```\nheight\n```\n"
    assert _found(of_markdown(source)) == [(2, "top"), (6, "top"), (10, "height")]


def test_a_path_counts_as_names(tmp_path):
    file = tmp_path / "_course" / "_pilot.py"
    file.parent.mkdir()
    file.write_text("")
    assert [str(hit).partition(";")[0] for hit in hits_of(file, tmp_path)] == [
        "_course/_pilot.py: 'course' in '_course'",
        "_course/_pilot.py: 'pilot' in '_pilot'",
    ]


def test_an_allowed_use_is_the_whole_name_or_some_words():
    def allowed(source: str, use: str) -> bool:
        hits = hits_in("a/b/c.py", *of_python(source), SOME)
        return all(allows(Allowed("a/*", "height", use, ""), hit) for hit in hits)

    assert allowed('def f(height):\n    """F.\n\n    height : int\n    """', "height")
    assert allowed("x = 'Weight and ' 'height'", "weight and height")
    assert not allowed("def height_of(): pass", "height")
    assert not allowed("x = 'a height'", "height")


def test_the_command_says_where_and_what_instead(tmp_path, capsys):
    (tmp_path / "pyproject.toml").write_text("")
    file = tmp_path / "latentfit" / "em" / "module.py"
    file.parent.mkdir(parents=True)
    file.write_text("height = 1\n")
    assert main([str(file.parent)]) == 1
    assert capsys.readouterr().out.startswith("latentfit/em/module.py:1: 'height'; use: log-lik")
    assert main([str(file.parent), "--count"]) == 1
    assert capsys.readouterr().out.strip() == "1 latentfit/em: height 1"
    assert main([str(tmp_path / "latentfit" / "em" / "other.py")]) == 0


if __name__ == "__main__":
    sys.exit(main())
