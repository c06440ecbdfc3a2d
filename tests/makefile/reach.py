"""Which of the programs below .tools/ a piece of Python may run, as its source says.

A definition reaches what it names: definitions of this repository, in its own module or another,
modules that it runs by `python -m`, and programs by the path where make builds them.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tools.command import ROOT

PACKAGES = ("api", "bench", "gitops", "tests", "tools")
BUILT = re.compile(r"\.tools/([\w-]+)")
TOP = ""  # a module's statements that define nothing


@dataclass(frozen=True)
class Place:
    """A definition of a module."""

    module: str
    name: str = TOP


@dataclass
class Module:
    """A module's definitions by name, and what the names that it imports stand for."""

    definitions: dict[str, list[ast.AST]] = field(default_factory=dict)
    imports: dict[str, Place] = field(default_factory=dict)


def file_of(module: str) -> Path | None:
    """Return the file of a module of this repository."""
    path = ROOT.joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement at the top of a module defines."""
    match statement:
        case ast.FunctionDef() | ast.ClassDef():
            return [statement.name]
        case ast.Assign() | ast.AnnAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            nodes = [each for target in targets for each in ast.walk(target)]
            return [each.id for each in nodes if isinstance(each, ast.Name)]
        case _:
            return [TOP]


def imported(tree: ast.AST) -> Iterator[tuple[str, Place]]:
    """Yield what each imported name stands for, wherever in the module it is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield each.asname or each.name.partition(".")[0], Place(each.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                inner = f"{node.module}.{each.name}"
                place = Place(inner) if file_of(inner) else Place(node.module, each.name)
                yield each.asname or each.name, place


@cache
def read(module: str) -> Module | None:
    """Return a module of this repository, None for any other."""
    if module.partition(".")[0] not in PACKAGES or not (file := file_of(module)):
        return None
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = Module(imports=dict(imported(tree)))
    for statement in tree.body:
        for name in defined(statement):
            found.definitions.setdefault(name, []).append(statement)
    return found


def runs(words: Sequence[ast.expr]) -> Iterator[Place]:
    """Yield the module that a command line runs by -m."""
    texts = [each.value if isinstance(each, ast.Constant) else None for each in words]
    for at, word in enumerate(texts[:-1]):
        if word == "-m" and isinstance(texts[at + 1], str):
            rest = [each for each in texts[at + 2 :] if isinstance(each, str)]
            yield from entry(str(texts[at + 1]), rest)


def entry(module: str, arguments: Sequence[str] = ()) -> list[Place]:
    """Return what `python -m` runs: of gitops the command named, or every one if none is."""
    if module != "gitops":
        return [Place(module), Place(f"{module}.__main__")]
    every = {file.stem for file in (ROOT / "gitops/commands").glob("[a-z]*.py")}
    return [Place(f"gitops.commands.{name}", name) for name in {*arguments} & every or every]


def whole(place: Place) -> list[Place]:
    """Return all that a module defines, for one that is handed on as a value."""
    module = read(place.module) if place.name == TOP else None
    return [Place(place.module, name) for name in module.definitions] if module else [place]


def places(node: ast.AST, module: str, found: Module) -> Iterator[Place]:
    """Yield the definitions that a definition names."""
    owners = {id(each.value) for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id in found.definitions:
            yield Place(module, each.id)
        elif isinstance(each, ast.Name) and each.id in found.imports and id(each) not in owners:
            yield from whole(found.imports[each.id])
        elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            if owner := found.imports.get(each.value.id):
                yield owner if owner.name else Place(owner.module, each.attr)
        elif isinstance(each, ast.List | ast.Tuple):
            yield from runs(each.elts)
        elif isinstance(each, ast.Call):
            yield from runs(each.args)


def strings(node: ast.AST) -> list[str]:
    """Return the parts of a path that is joined by slashes, as far as they are written out."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [*strings(node.left), *strings(node.right)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def programs(node: ast.AST) -> Iterator[str]:
    """Yield the programs that a definition runs: a path below .tools/, or one that gitops finds."""
    for each in ast.walk(node):
        if isinstance(each, ast.BinOp | ast.Constant):
            # A sentence that tells of a path is no path.
            if found := BUILT.match("/".join(strings(each))):
                yield found[1]
        elif isinstance(each, ast.Call) and ast.unparse(each.func) == "programs.find":
            yield from strings(each.args[0])


@cache
def named(place: Place) -> tuple[frozenset[str], frozenset[Place]]:
    """Return the programs that a definition runs itself, and the definitions that it names."""
    module = read(place.module)
    if module is None:
        return frozenset(), frozenset()
    found = set[str]()
    # What is imported here to be imported from here.
    others = {module.imports[place.name]} if place.name in module.imports else set[Place]()
    for node in module.definitions.get(place.name, ()):
        found.update(programs(node))
        others.update(places(node, place.module, module))
    return frozenset(found), frozenset(others)


def reached(starts: Iterable[Place]) -> set[str]:
    """Return the names of all programs that these definitions and what they name may run."""
    todo, seen, found = set(starts), set[Place](), set[str]()
    while todo:
        place = todo.pop()
        seen.add(place)
        run, others = named(place)
        found |= run
        todo |= others - seen
    return found


@cache
def tested(folder: Path) -> frozenset[str]:
    """Return the programs that the tests in a file or folder, and their fixtures, may run."""
    files = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
    above = [each / "conftest.py" for each in folder.parents if each.is_relative_to(ROOT / "tests")]
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in [*files, *above]
        if file.is_file()
    ]
    every = [(name, found) for name in modules if (found := read(name))]
    return frozenset(reached(Place(name, d) for name, found in every for d in found.definitions))
