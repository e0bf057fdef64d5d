"""The stub of the native module says what the module has, and whatever is public in the package has types."""

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


def optional(node):
    """The parameters that may be left out."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    given = [one.arg for one in positional[len(positional) - len(arguments.defaults) :]]
    return given + [one.arg for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults) if default is not None]


def check(name, node, function):
    try:
        signature = inspect.signature(function)
    except ValueError:
        # A property, or what PyO3 gives no signature.
        return 0
    own = [one for one in signature.parameters.values() if one.name not in ("self", "cls", "$self", "$cls")]
    assert parameters(node) == [one.name for one in own], name
    assert optional(node) == [one.name for one in own if one.default is not inspect.Parameter.empty], name
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


# What users import.
MODULES = [path for path in STUB.parent.rglob("*.py") if path.name == "__init__.py" or not path.name.startswith("_")]

# What still leaves a type open.
LEFT = [
    "state.StateDescriptor.enable_time_to_live",
    "state.ReducingStateDescriptor.get_reduce_function",
    "state.AggregatingStateDescriptor.get_agg_function",
    "state.StateTtlConfig.Builder.cleanup_in_rocksdb_compact_filter",
    "state.StateTtlConfig.CleanupStrategies.get_incremental_cleanup_strategy",
    "state.StateTtlConfig.CleanupStrategies.get_rocksdb_compact_filter_cleanup_strategy",
]


def untyped(body, where, in_class=False):
    """The public functions of a body that leave a type open, and how many there are."""
    found, count = [], 0
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            more, others = untyped(node.body, f"{where}.{node.name}", in_class=True)
            found, count = found + more, count + others
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.name.startswith("_"):
            continue
        count += 1
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        if in_class and not any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in node.decorator_list):
            positional = positional[1:]
        every = [*positional, *arguments.kwonlyargs, *filter(None, (arguments.vararg, arguments.kwarg))]
        if node.returns is None or any(one.annotation is None for one in every):
            found.append(f"{where}.{node.name}")
    return found, count


def test_every_public_function_of_the_package_has_types():
    everything = [untyped(ast.parse(path.read_text()).body, path.stem) for path in MODULES]
    assert [name for names, _ in everything for name in names] == LEFT
    assert sum(count for _, count in everything) > 500
    assert (STUB.parent / "py.typed").exists()
