"""Tables of pandas."""

from __future__ import annotations

import io
from typing import Any

from riverrun.exceptions import BadInput
from riverrun.io.base import Body, IODescriptor, imported

__all__ = ["PandasDataFrame"]

_MEDIA_TYPES = {"json": "application/json", "parquet": "application/octet-stream", "csv": "text/csv"}


class PandasDataFrame(IODescriptor[Any]):
    """A table in JSON, Parquet or CSV. A request says by its content type which it is.

    >>> PandasDataFrame().read(Body(b'[{"a": 1, "b": 2}]', "application/json")).shape
    (1, 2)

    Args:
        orient: How a table is written in JSON, as in `pandas.read_json`.
        columns: Names of the columns.
        apply_column_names: Whether the columns are given these names.
        dtype: Types of columns, as in `pandas.read_json` and `pandas.read_csv`.
        enforce_dtype: Whether these types are what a table is read with.
        shape: Rows and columns; -1 for any number.
        enforce_shape: Whether a table of another shape is refused.
        default_format: `"json"`, `"parquet"` or `"csv"`: what is read where the content type is none of these, and what is written.
    """

    def __init__(
        self,
        orient: str = "records",
        columns: list[str] | None = None,
        apply_column_names: bool = False,
        dtype: Any = None,
        enforce_dtype: bool = False,
        shape: tuple[int, ...] | None = None,
        enforce_shape: bool = False,
        default_format: str = "json",
    ) -> None:
        imported("pandas", "pandas", "PandasDataFrame")
        if default_format not in _MEDIA_TYPES:
            raise BadInput(f"default_format is 'json', 'parquet' or 'csv', not {default_format!r}")
        if default_format == "parquet":
            imported("pyarrow", "pyarrow", "PandasDataFrame with Parquet")
        if apply_column_names and not columns:
            raise BadInput("apply_column_names needs the columns to apply")
        if enforce_dtype and dtype is None:
            raise BadInput("enforce_dtype needs a dtype to enforce")
        if enforce_shape and shape is None:
            raise BadInput("enforce_shape needs a shape to enforce")
        self._orient = orient
        self._columns = columns
        self._apply_column_names = apply_column_names
        self._dtype = dtype
        self._enforce_dtype = enforce_dtype
        self._shape = shape
        self._enforce_shape = enforce_shape
        self._default_format = default_format
        self._mime_type = _MEDIA_TYPES[default_format]

    def _from_sample(self, sample: Any) -> Any:
        import pandas

        sample = pandas.DataFrame(sample)
        if self._shape is None:
            self._shape = sample.shape
        if self._columns is None:
            self._columns = [str(name) for name in sample.columns]
        if self._dtype is None:
            self._dtype = sample.dtypes
        return sample

    def read(self, body: Body) -> Any:
        import pandas

        formats = {media_type: name for name, media_type in _MEDIA_TYPES.items()}
        form = formats.get(body.media_type, self._default_format)
        dtype = self._dtype if self._enforce_dtype else None
        content = io.BytesIO(body.content)
        try:
            match form:
                case "json":
                    table = pandas.read_json(content, dtype=True if dtype is None else dtype, orient=self._orient)
                case "parquet":
                    imported("pyarrow", "pyarrow", "a table in Parquet")
                    table = pandas.read_parquet(content, engine="pyarrow")
                case _:
                    table = pandas.read_csv(content, dtype=dtype)
        except (MemoryError, ImportError):
            raise
        # What the parsers raise is of many kinds, and all of it is about the body.
        except Exception as error:
            how = f"JSON (orient {self._orient!r})" if form == "json" else form.capitalize().replace("Csv", "CSV")
            raise BadInput(f"the body is not a table in {how}: {error}") from error
        if not isinstance(table, pandas.DataFrame):
            raise BadInput("the body is not a table")
        return self._checked(table, BadInput)

    def write(self, value: Any) -> Body:
        import pandas

        if not isinstance(value, pandas.DataFrame):
            raise self._unfit(value, "a pandas.DataFrame")
        table = self._checked(value, ValueError)
        match self._default_format:
            case "json":
                content = table.to_json(orient=self._orient).encode()
            case "parquet":
                content = table.to_parquet(engine="pyarrow")
            case _:
                content = table.to_csv().encode()
        return Body(content, self._mime_type)

    def _checked(self, table: Any, wrong: type[Exception]) -> Any:
        if self._apply_column_names:
            if len(self._columns or []) != table.shape[1]:
                raise wrong(f"the table has {table.shape[1]} columns, and {len(self._columns or [])} are wanted")
            table = table.set_axis(self._columns, axis="columns")
        if self._enforce_shape and self._shape is not None:
            # Only as far as both go, as in BentoML.
            if any(wanted not in (-1, found) for wanted, found in zip(self._shape, table.shape)):
                raise wrong(f"the table has the shape {table.shape}, and {tuple(self._shape)} is wanted")
        return table

    def openapi_schema(self) -> dict[str, Any]:
        if self._orient == "records":
            names = self._columns or []
            row = {"type": "object", **({"properties": {str(name): {} for name in names}} if names else {})}
            return {"type": "array", "items": row}
        return {"type": "array"} if self._orient == "values" else {"type": "object"}

    def openapi_example(self) -> Any:
        import json

        if self._default_format != "json" or self._sample is None:
            return None
        return json.loads(self._sample.to_json(orient=self._orient))

    def openapi_content(self, is_input: bool) -> dict[str, Any]:
        content = super().openapi_content(is_input)
        if self._default_format != "json":
            content[self._mime_type]["schema"] = {"type": "string"}
        if is_input:
            for media_type in _MEDIA_TYPES.values():
                content.setdefault(media_type, {"schema": {"type": "string"}})
        return content
