"""The stub of the native module says what the module has."""

import ast
import importlib.util
import inspect
import pathlib

from riverrun import _native

STUB = pathlib.Path(importlib.util.find_spec("riverrun").origin).parent / "_native.pyi"
TREE = ast.parse(STUB.read_text())


def public(names):
    return {name for name in names if not name.startswith("_")} | ({"__version__"} & set(names))


def of_stub(body):
    """The names of a body, and the functions among them by name."""
    names, functions = set(), {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
            functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
    return names, functions


def parameters(node):
    arguments = node.args
    return [one.arg for one in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs] if one.arg not in ("self", "cls")]


def check(name, node, function):
    try:
        signature = inspect.signature(function)
    except ValueError:
        # A property, or what PyO3 gives no signature.
        return 0
    own = [one for one in signature.parameters if one not in ("self", "cls", "$self", "$cls")]
    assert parameters(node) == own, name
    return 1


def test_the_stub_has_every_name_of_the_module_and_no_other():
    names, functions = of_stub(TREE.body)
    assert public(names) == public(dir(_native))
    assert sum(check(name, node, getattr(_native, name)) for name, node in functions.items()) == len(functions) > 5


def test_the_stub_has_every_method_of_every_class_with_its_parameters():
    compared = 0
    for node in TREE.body:
        if not isinstance(node, ast.ClassDef):
            continue
        own = getattr(_native, node.name)
        names, functions = of_stub(node.body)
        assert public(names) == public(name for name in vars(own)), node.name
        for name, method in functions.items():
            if not name.startswith("_") and not isinstance(vars(own)[name], property) and callable(getattr(own, name)):
                compared += check(f"{node.name}.{name}", method, getattr(own, name))
    assert compared > 40
