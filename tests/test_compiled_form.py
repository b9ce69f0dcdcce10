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
    classes = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ClassDef)]
    bases = {ast.unparse(base) for found in classes for base in found.bases}
    assert not [found.name for found in classes if found.keywords]
    assert not {base for base in bases if base.endswith("Struct")}


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: str(module.relative_to(_ROOT)))
def test_no_compiled_module_leans_on_a_failure_of_setting_what_never_changes(module: Path) -> None:
    # object.__setattr__ does not reach the attributes of a compiled class.
    assert "object.__setattr__" not in module.read_text()
