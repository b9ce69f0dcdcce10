"""What is compiled for a wheel can be: its list is read as the build reads it."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_HOOK = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]
_MODULES = [_ROOT / name.removeprefix("/") for name in _HOOK["mypyc"]["include"]]

_YIELDS = ast.Yield | ast.YieldFrom
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

# What they go down is a shape of a service model, a value that was read by one, or a set of policies.
_AS_DEEP_AS_OUR_MODELS = {
    ("daypass.service.s3_checks", "_asks"),
    ("daypass.wire.query.answer", "_plain"),
    ("daypass.wire.query.answer", "_without_surrogates"),
    ("daypass.wire.query.answer", "_writer"),
    ("daypass.wire.query.parameters", "_holds_secret"),
    ("daypass.wire.query.parameters", "_java_text"),
}


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: str(module.relative_to(_ROOT)))
def test_no_compiled_module_defines_a_value_whose_promises_compiling_would_drop(module: Path) -> None:
    # mypyc ignores the keywords of a class: a Struct would no longer be frozen, nor forbid unknown fields.
    classes = _classes(module)
    assert not [found.name for found in classes if found.keywords]
    assert not {base for found in classes for base in _bases(found) if base.endswith("Struct")}


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: str(module.relative_to(_ROOT)))
def test_no_compiled_module_leans_on_setting_what_never_changes(module: Path) -> None:
    # object.__setattr__ does not reach the attributes of a compiled class.
    assert "object.__setattr__" not in module.read_text()


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: str(module.relative_to(_ROOT)))
def test_no_compiled_function_is_suspended_while_it_handles_an_exception(module: Path) -> None:
    # A generator or coroutine of mypyc leaves the exception that it handles in its caller's state, where it does not
    # find it again: it then raises another task's exception, none, or what is no exception, which ends the process.
    # `async with` waits for its end while it handles whatever broke it off.
    tree = list(ast.walk(ast.parse(module.read_text())))
    tries = [node for node in tree if isinstance(node, ast.Try)]
    handling = [part for node in tries for part in (*node.handlers, *node.finalbody)]
    suspended = [node for part in handling for node in ast.walk(part) if _suspends(node)]
    suspended += [node for node in tree if isinstance(node, ast.AsyncWith)]
    assert not [ast.unparse(node) for node in suspended]


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: str(module.relative_to(_ROOT)))
def test_no_compiled_module_raises_again_what_it_does_not_handle(module: Path) -> None:
    # Where nothing is handled, a `raise` alone is a RuntimeError to the interpreter, and the end of a compiled process.
    tree = ast.parse(module.read_text())
    handled = {id(node) for found in ast.walk(tree) if isinstance(found, ast.ExceptHandler) for node in _within(found)}
    alone = [node for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc is None]
    assert not [node.lineno for node in alone if id(node) not in handled]


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: str(module.relative_to(_ROOT)))
def test_no_compiled_generator_has_something_to_do_when_it_is_left(module: Path) -> None:
    # mypyc does not close a generator that nobody asks any more: its `finally` and the ends of its `with` never come.
    tree = list(ast.walk(ast.parse(module.read_text())))
    guarded = [node for node in tree if isinstance(node, ast.Try | ast.With)]
    assert not [node.lineno for block in guarded for node in ast.walk(block) if isinstance(node, _YIELDS)]


def test_compiled_functions_that_call_themselves_go_as_deep_as_our_models_do() -> None:
    # Nothing stops a compiled function from going deeper than the stack is, which ends the process. What a request says
    # how deep it is nested must be looked at by a loop, or by the interpreter, which raises RecursionError.
    deep = {
        (_dotted(module), function.name)
        for module in _MODULES
        for function, is_method in _functions(module)
        if any(_calls(node, function.name, is_method=is_method) for node in ast.walk(function))
    }
    assert deep == _AS_DEEP_AS_OUR_MODELS


def test_no_interpreted_class_inherits_from_a_compiled_one() -> None:
    # mypyc refuses it, but only when the module is imported.
    compiled = {(_dotted(module), found.name) for module in _MODULES for found in _classes(module)}
    heirs = [
        (_dotted(module), found.name)
        for module in (_ROOT / "src").rglob("*.py")
        if module not in _MODULES
        for found in _classes(module)
        if compiled & {(whence, name) for whence, name in _imported(module) if name in _bases(found)}
    ]
    assert not heirs


def _suspends(node: ast.AST) -> bool:
    if isinstance(node, ast.comprehension):
        return bool(node.is_async)
    return isinstance(node, _YIELDS | ast.Await | ast.AsyncFor | ast.AsyncWith)


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, but not the functions that are defined there: they run when they are called."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _FUNCTIONS):
            yield from _within(child)


def _functions(module: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Each with whether it is a method."""
    for node in ast.walk(ast.parse(module.read_text())):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield child, isinstance(node, ast.ClassDef)


def _calls(node: ast.AST, name: str, *, is_method: bool) -> bool:
    """Whether it calls that method of the same object, or names that function, to call it or have it called."""
    if is_method:
        return isinstance(node, ast.Call) and ast.unparse(node.func) == f"self.{name}"
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id == name


def _classes(module: Path) -> list[ast.ClassDef]:
    return [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ClassDef)]


def _bases(found: ast.ClassDef) -> set[str]:
    return {ast.unparse(base).partition("[")[0] for base in found.bases}


def _imported(module: Path) -> set[tuple[str, str]]:
    """(module, name) of each `from module import name`."""
    imports = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ImportFrom)]
    return {(node.module or "", name.name) for node in imports for name in node.names}


def _dotted(module: Path) -> str:
    return ".".join(module.relative_to(_ROOT / "src").with_suffix("").parts)
