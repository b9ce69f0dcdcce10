"""What is compiled for a wheel can be: its list is read as the build reads it."""

import ast
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_HOOK = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]
_MODULES = [_ROOT / name.removeprefix("/") for name in _HOOK["mypyc"]["include"]]


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
def test_no_compiled_module_waits_while_it_handles_an_exception(module: Path) -> None:
    # The gateway, compiled, took the process down when its backend could not be reached, in coroutines that do this.
    tree = list(ast.walk(ast.parse(module.read_text())))
    tries = [node for node in tree if isinstance(node, ast.Try)]
    handling = [part for node in tries for part in (*node.handlers, *node.finalbody)]
    waits = [node.lineno for part in handling for node in ast.walk(part) if isinstance(node, ast.Await)]
    waits += [node.lineno for node in tree if isinstance(node, ast.AsyncWith | ast.AsyncFor)]
    assert not waits


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
