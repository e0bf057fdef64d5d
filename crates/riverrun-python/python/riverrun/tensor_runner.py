"""Runners of models without a task: ONNX models over named tensors, and tree ensembles over rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from riverrun import _native, arrays, awaiting
from riverrun.exceptions import BadInput, BadInputType
from riverrun.runner import RunnerMethod
from riverrun.stored_runner import StoredRunner

if TYPE_CHECKING:
    from riverrun.models import Model

__all__ = ["RowRunner", "TensorRunner"]


class TensorRunner(StoredRunner):
    """A runner of an ONNX model: arrays of NumPy in and out, the items of a batch along the first dimension.

    >>> import riverrun
    >>> runner = riverrun.onnx.get("net").to_runner()
    >>> runner.init_local()
    >>> list(runner.inputs), list(runner.outputs)
    (['left', 'right'], ['sum', 'best', 'more'])
    >>> runner.run([[1, 2]], [[3, 5]])["sum"].tolist()
    [[4.0, 7.0]]
    """

    _kind = "tensors"

    def __init__(
        self,
        model: Model | str,
        name: str | None,
        options: dict[str, Any],
        batching: dict[str, Any],
        bound: tuple[Any, ...] | None = None,
    ) -> None:
        self._options = options
        self._specs: tuple[Any, Any] | None = None
        super().__init__(model, name, batching, bound)
        # BentoML calls the method of an ONNX model `run`: `runner.run.run(…)`.
        self.run = RunnerMethod(self, "run", self.run, self.async_run)  # type: ignore[method-assign]

    def _make(self) -> _native.TaskRunner:
        return self.model._native.to_task_runner(self._kind, self._options, self._batching)

    def _tensors(self) -> tuple[Any, Any]:
        if self._specs is None:
            self._specs = self._native.tensors()
        return self._specs

    @property
    def inputs(self) -> dict[str, tuple[str, list[int]]]:
        """The type and shape of each tensor that it takes; -1 where any size is right. Known once it is initialised."""
        return {name: (datatype, shape) for name, datatype, shape in self._tensors()[0]}

    @property
    def outputs(self) -> dict[str, tuple[str, list[int]]]:
        """The type and shape of each tensor that it gives."""
        return {name: (datatype, shape) for name, datatype, shape in self._tensors()[1]}

    def run(self, *tensors: Any, **by_name: Any) -> Any:
        """Computes and waits for the result.

        Args:
            tensors: The tensors in the model's order, or one dictionary of them by name. Lists get the type that the model takes.
            by_name: The tensors by their names.

        Returns:
            An array, or a dictionary of arrays where the model gives several.

        Raises:
            BadInput: A tensor is missing, or has another type or shape than the model takes.
            ComputeError: The model could not compute it.
        """
        return self._result(self._native.run_tensors(self._given(tensors, by_name)))

    async def async_run(self, *tensors: Any, **by_name: Any) -> Any:
        """As `run`, without blocking the event loop. It is not computed any more once the task is cancelled."""
        given = self._given(tensors, by_name)
        return self._result(await awaiting.result_of(lambda on_done: self._native.submit_tensors(given, on_done)))

    def _given(self, tensors: tuple[Any, ...], by_name: dict[str, Any]) -> list[Any]:
        wanted = self.inputs
        if len(tensors) == 1 and isinstance(tensors[0], Mapping):
            tensors, by_name = (), {**tensors[0], **by_name}
        if wanted and len(tensors) > len(wanted):
            raise BadInput(f"{len(tensors)} tensors were given; the model takes {len(wanted)}: {', '.join(wanted)}")
        named = dict(zip(wanted or (f"input_{place}" for place in range(len(tensors))), tensors))
        twice = sorted(named.keys() & by_name.keys())
        if twice:
            raise BadInput(f"the tensor `{twice[0]}` is given by place and by name")
        named.update(by_name)
        for name in wanted:
            if name not in named:
                raise BadInput(f"the tensor `{name}` is missing; the model takes {', '.join(wanted)}")
        unknown = [name for name in named if wanted and name not in wanted]
        if unknown:
            raise BadInput(f"the model takes no tensor `{unknown[0]}`; it takes {', '.join(wanted)}")
        return arrays.to_tensors(named, wanted)

    def _gives_tensors(self) -> bool:
        return True

    def _packed(self, item: Any) -> list[Any]:
        def batched(value: Any) -> Any:
            if value is None:
                return None
            return value[None] if hasattr(value, "__array__") and hasattr(value, "shape") else [value]

        if isinstance(item, Mapping):
            return self._given((), {name: batched(value) for name, value in item.items()})
        tensors = item if isinstance(item, tuple) else (item,)
        return self._given(tuple(batched(value) for value in tensors), {})

    def _unpacked(self, tensors: list[Any]) -> Any:  # type: ignore[override]
        outputs = {name: array[0] for name, array in self._arrays(tensors).items()}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def _arrays(self, tensors: list[Any]) -> dict[str, Any]:
        # Of no items the native side gives no tensors.
        return arrays.of_tensors(tensors) if tensors else arrays.empty(self.outputs)

    def _result(self, tensors: list[Any]) -> Any:
        outputs = self._arrays(tensors)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._tag, self.name, self._options, self._batching, self._bound)


class RowRunner(TensorRunner):
    """A runner of an ensemble of trees, of XGBoost or LightGBM: rows in, the library's own predictions out."""

    _kind = "rows"

    def run(self, rows: Any) -> Any:  # type: ignore[override]
        """Computes and waits for the predictions.

        Args:
            rows: `[rows, features]` as an array or lists, a row by itself, or a table of pandas, Polars or Arrow with columns of the
                features' names; NaN stands for a missing value.

        Returns:
            `[rows]`, or `[rows, outputs]` of a model with several; of a row by itself a number, or `[outputs]`.

        Raises:
            BadInput: There are other features than the model has.
        """
        given, single = self._rows(rows)
        return self._predictions(self._native.run_tensors(given), single)

    async def async_run(self, rows: Any) -> Any:  # type: ignore[override]
        """As `run`, without blocking the event loop."""
        given, single = self._rows(rows)
        results = await awaiting.result_of(lambda on_done: self._native.submit_tensors(given, on_done))
        return self._predictions(results, single)

    def _rows(self, rows: Any) -> tuple[list[Any], bool]:
        np = arrays._numpy()
        if rows is None:
            raise BadInputType("rows are wanted, and None was given")
        names = self._native.feature_names()
        columns = getattr(rows, "columns", None) if hasattr(rows, "columns") else None
        if columns is not None:
            columns = list(getattr(rows, "column_names", columns))
            if names is None:
                names = columns
            missing = [name for name in names if name not in columns]
            if missing:
                raise BadInput(f"the table has no column `{missing[0]}`, which the model has as a feature")
            if hasattr(rows, "to_pandas") and not hasattr(rows, "to_numpy"):
                rows = rows.to_pandas()
            rows = rows.select(names).to_numpy() if hasattr(rows, "select") else rows[names].to_numpy()
        elif isinstance(rows, Mapping):
            if names is None:
                raise BadInput("the model has no names for its features; give a row as a list")
            unknown = [name for name in rows if name not in names]
            if unknown:
                raise BadInput(f"the model has no feature `{unknown[0]}`; it has {', '.join(names)}")
            rows = [rows.get(name, float("nan")) for name in names]
        try:
            array = np.asarray(rows, dtype=None if isinstance(rows, np.ndarray) else "f8")
        except (TypeError, ValueError) as cause:
            raise BadInput(f"rows are numbers: {cause}") from cause
        if array.dtype.kind not in "fiub":
            raise BadInput(f"rows are numbers, not {array.dtype}")
        single = array.ndim == 1
        array = array.reshape(1, -1) if single else array
        if array.ndim != 2:
            raise BadInput(f"rows have the shape [rows, features], not {list(array.shape)}")
        array = array if array.dtype in ("f4", "f8") else array.astype("f8")
        return arrays.to_tensors({"input": array}, {}), single

    def _packed(self, item: Any) -> list[Any]:
        given, single = self._rows(item)
        if not single:
            raise BadInputType("a record is one row, and several were given; use flat_map first")
        return given

    def _unpacked(self, tensors: list[Any]) -> Any:  # type: ignore[override]
        return self._predictions(tensors, True)

    def _predictions(self, tensors: list[Any], single: bool) -> Any:
        (predictions,) = self._arrays(tensors).values()
        if predictions.ndim == 2 and predictions.shape[1] == 1:
            predictions = predictions[:, 0]
        if not single:
            return predictions
        return predictions[0] if predictions.ndim == 2 else float(predictions[0])
