"""Compares the classes and methods of `riverrun` with PyFlink's, and writes the table in docs/python-datastream.md.

    python conformance.py PATH/TO/pyflink            prints the table
    python conformance.py PATH/TO/pyflink --write    puts it into the page

PyFlink's modules are parsed, not imported: neither its packages nor Java are needed.
"""

import ast
import importlib
import inspect
import pathlib
import re
import sys
import textwrap

PAGE = pathlib.Path(__file__).resolve().parents[5] / "docs" / "python-datastream.md"
BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"

MODULES = [
    "datastream.stream_execution_environment",
    "datastream.data_stream",
    "datastream.functions",
    "datastream.async_data_stream",
    "datastream.async_retry_predicates",
    "datastream.async_retry_strategies",
    "datastream.state",
    "datastream.window",
    "datastream.timerservice",
    "datastream.time_domain",
    "datastream.output_tag",
    "datastream.execution_mode",
    "datastream.checkpointing_mode",
    "datastream.checkpoint_config",
    "datastream.externalized_checkpoint_retention",
    "datastream.slot_sharing_group",
    "datastream.state_backend",
    "datastream.checkpoint_storage",
    "datastream.connectors.base",
    "datastream.connectors.file_system",
    "datastream.connectors.number_seq",
    "datastream.connectors.kafka",
    "datastream.connectors.pulsar",
    "datastream.connectors.elasticsearch",
    "datastream.connectors.kinesis",
    "datastream.connectors.cassandra",
    "datastream.connectors.jdbc",
    "datastream.connectors.rabbitmq",
    "datastream.connectors.hybrid_source",
    "common.time",
    "common.typeinfo",
    "common.types",
    "common.watermark_strategy",
    "common.serialization",
    "common.serializer",
    "common.configuration",
    "common.config_options",
    "common.execution_config",
    "common.job_client",
    "common.job_execution_result",
    "common.job_id",
    "common.job_status",
    "common.completable_future",
    "common.restart_strategy",
]

# The parts between Python and Java, which no program names.
INTERNAL = re.compile(r"^(_|Internal|Java|FunctionWrapper|ReduceFunctionWrapper|AsyncFunctionDescriptor|WindowOperationDescriptor|.*_to_proto)|get_java|_from_java|PassThrough|create_hadoop|create_java|convert_to_python|pickled_bytes|long_to_int|mod_inverse")

_UNUSED = "remembered, and warns: there are no checkpoints yet"

# Where a method is there and does something else, and what.
DIFFERS = {
    "StreamExecutionEnvironment.enable_checkpointing": "takes no checkpoints yet, and warns",
    "StreamExecutionEnvironment.add_python_file": "no effect in one process, and warns",
    "StreamExecutionEnvironment.set_python_requirements": "no effect in one process, and warns",
    "StreamExecutionEnvironment.add_python_archive": "no effect in one process, and warns",
    "StreamExecutionEnvironment.set_python_executable": "no effect in one process, and warns",
    "StreamExecutionEnvironment.register_slot_sharing_group": "no slots in one process, and warns",
    "StreamExecutionEnvironment.get_execution_plan": "the JSON is Riverrun's own",
    "StreamExecutionEnvironment.from_collection": "any iterable; a `range` is read as it goes",
    "CheckpointConfig.set_checkpointing_mode": _UNUSED,
    "CheckpointConfig.set_checkpoint_interval": _UNUSED,
    "CheckpointConfig.set_checkpoint_timeout": _UNUSED,
    "CheckpointConfig.set_min_pause_between_checkpoints": _UNUSED,
    "CheckpointConfig.set_max_concurrent_checkpoints": _UNUSED,
    "CheckpointConfig.set_tolerable_checkpoint_failure_number": _UNUSED,
    "CheckpointConfig.set_externalized_checkpoint_retention": _UNUSED,
    "CheckpointConfig.set_fail_on_checkpointing_errors": _UNUSED,
    "CheckpointConfig.enable_unaligned_checkpoints": _UNUSED,
    "CheckpointConfig.disable_unaligned_checkpoints": _UNUSED,
    "CheckpointConfig.set_aligned_checkpoint_timeout": _UNUSED,
    "CheckpointConfig.set_alignment_timeout": _UNUSED,
    "CheckpointConfig.set_force_unaligned_checkpoints": _UNUSED,
    "FileSourceBuilder.set_file_enumerator": "no effect, and warns",
    "FileSourceBuilder.set_split_assigner": "no effect, and warns",
    "DataStream.slot_sharing_group": "no slots in one process, and warns",
    "DataStream.set_description": "no effect, and warns",
    "DataStreamSink.slot_sharing_group": "no slots in one process, and warns",
    "DataStreamSink.set_description": "no effect, and warns",
    "KeyedStateStore.get_state": "in `open` alone; so are the other kinds of state",
    "RuntimeContext.get_metrics_group": "`counter` and `distribution` alone",
    "WindowAssignerContext.get_runtime_context": "an assigner has no state",
    "TriggerContext.get_metric_group": "a trigger has no metrics",
    "BucketAssigner.date_time_bucket_assigner": "hours and days, in UTC",
    "ExponentialBackoffDelayRetryStrategy.get_backoff_time_millis": "follows from the attempt alone, not from the call before",
    "TypeInformation.to_internal_type": "gives back what it is given: nothing is converted for Java",
    "TypeInformation.from_internal_type": "gives back what it is given: nothing is converted for Java",
}


def names(body) -> dict[str, list[str]]:
    """The public methods of the classes in a module, and its functions under the empty name."""
    found: dict[str, list[str]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef) and not INTERNAL.search(node.name):
            found.setdefault("", []).append(node.name)
        if isinstance(node, ast.ClassDef) and not INTERNAL.search(node.name):
            methods = [
                inner.name
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not INTERNAL.search(inner.name)
            ]
            found[node.name] = list(dict.fromkeys(methods))
            nested = names([inner for inner in node.body if isinstance(inner, ast.ClassDef)])
            found |= {f"{node.name}.{name}": methods for name, methods in nested.items() if name}
    return found


def find(module, qualified: str):
    found = module
    for name in qualified.split("."):
        found = inspect.getattr_static(found, name, None) if inspect.isclass(found) else getattr(found, name, None)
        if found is None:
            return None
    return found


def refuses(method) -> bool:
    """Whether all that a method does is to say that it is not supported."""
    function = getattr(method, "__func__", method)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    if not isinstance(tree.body[0], ast.FunctionDef):
        return False
    body = tree.body[0].body
    body = body[1:] if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) else body
    return len(body) == 1 and isinstance(body[0], ast.Raise) and "NotSupported" in ast.unparse(body[0])


def lookup(cls, method: str):
    for base in cls.__mro__:
        if method in vars(base):
            return vars(base)[method]
    # What answers to any name, as `ExecutionConfig` does to say that it does not.
    return None


def compare(pyflink: pathlib.Path):
    """Rows of module, class, methods that are the same, those that differ and how, and those that are not there yet.

    Raises:
        ValueError: `DIFFERS` names a method that PyFlink does not have, or that is not there.
    """
    unused = set(DIFFERS)
    for name in MODULES:
        path = pyflink.joinpath(*name.split(".")).with_suffix(".py")
        theirs = names(ast.parse(path.read_text()).body)
        try:
            module = importlib.import_module(f"riverrun.{name}")
        except ModuleNotFoundError:
            yield name, None, sum(map(len, theirs.values())), [], []
            continue
        for cls, methods in theirs.items():
            ours = module if cls == "" else find(module, cls)
            short = cls.split(".")[-1]
            same, differs, missing = 0, [], []
            if ours is None:
                yield name, cls, 0, [], ["the class"]
                continue
            constructor = lookup(ours, "__init__") if inspect.isclass(ours) else None
            if constructor is not None and refuses(constructor):
                yield name, cls, 0, [], ["the class"]
                continue
            for method in methods:
                found = lookup(ours, method) if inspect.isclass(ours) else getattr(ours, method, None)
                if found is None or refuses(found):
                    missing.append(method)
                elif f"{short}.{method}" in DIFFERS:
                    unused.discard(f"{short}.{method}")
                    differs.append(f"`{method}`: {DIFFERS[f'{short}.{method}']}")
                else:
                    same += 1
            yield name, cls, same, differs, missing
    if unused:
        raise ValueError(f"`DIFFERS` names what is in no row of the table: {', '.join(sorted(unused))}")


def table(pyflink: pathlib.Path) -> str:
    lines = ["| of `pyflink` | class | same | differs | not yet |", "| --- | --- | --- | --- | --- |"]
    for module, cls, same, differs, missing in compare(pyflink):
        if cls is None:
            lines.append(f"| `{module}` | | | | all of it |")
            continue
        absent = ", ".join(name if name == "the class" else f"`{name}`" for name in missing)
        count = str(same) if same or differs or missing else "yes"
        lines.append(f"| `{module}` | {f'`{cls}`' if cls else 'functions'} | {'' if missing == ['the class'] else count} | {'; '.join(differs)} | {absent} |")
    return "\n".join(lines)


def main():
    made = table(pathlib.Path(sys.argv[1]))
    if "--write" not in sys.argv:
        print(made)
        return
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")


if __name__ == "__main__":
    main()
