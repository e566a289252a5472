"""What all functions that numba compiles must keep to."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gridloom

_ROOT = Path(gridloom.__file__).resolve().parents[1]
_FOLDERS = ("simulators", "controllers", "scenarios")


def _compiled() -> Iterator[tuple[str, ast.FunctionDef]]:
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "compiled" in text or "numba" in text:
                for node in ast.walk(ast.parse(text)):
                    if isinstance(node, ast.FunctionDef) and _is_compiled(node):
                        yield f"{path.relative_to(_ROOT)}:{node.name}", node


def _is_compiled(node: ast.FunctionDef) -> bool:
    names = {each.id for each in map(_called, node.decorator_list) if isinstance(each, ast.Name)}
    return bool(names & {"compiled", "_compiled", "njit", "jit", "vectorize", "guvectorize"})


def _called(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


@pytest.mark.parametrize("node", [pytest.param(node, id=name) for name, node in _compiled()])
def test_none_calls_itself(node: ast.FunctionDef) -> None:
    """Numba cannot load such a function, nor its callers, from its cache: the process aborts."""
    calls = {
        call.func.id
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    }
    assert node.name not in calls


def test_there_are_compiled_functions() -> None:
    assert len(list(_compiled())) > 50
