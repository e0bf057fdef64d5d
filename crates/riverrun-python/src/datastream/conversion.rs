//! Records as the program declares them: checked, and converted where the declared type says so.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// What a `TypeInformation` says of a record.
#[derive(Debug)]
pub(crate) enum Conversion {
    /// Nothing: `PICKLED_BYTE_ARRAY`.
    Anything,
    Text,
    Character,
    Boolean,
    /// A whole number in a range, and the name of its type.
    Integer(i64, i64, String),
    BigInteger,
    /// A single-precision float: it is rounded to one.
    Float,
    Double,
    /// An instance of the class of this module and name.
    InstanceOf(String, String),
    Bytes,
    List(Box<Conversion>),
    Map(Box<Conversion>, Box<Conversion>),
    Tuple(Vec<Conversion>),
    Row(Option<Vec<String>>, Vec<Conversion>),
}

impl Conversion {
    /// From the description that Python's `TypeInformation` gives of itself: a name and what belongs to it.
    pub(crate) fn from_python(description: &Bound<'_, PyAny>) -> PyResult<Self> {
        let name: String = description.get_item(0)?.extract()?;
        let part = |index: usize| description.get_item(index);
        let inner = |index: usize| Self::from_python(&part(index)?).map(Box::new);
        let all = |index: usize| -> PyResult<Vec<Self>> {
            part(index)?.try_iter()?.map(|inner| Self::from_python(&inner?)).collect()
        };
        Ok(match name.as_str() {
            "anything" => Self::Anything,
            "text" => Self::Text,
            "character" => Self::Character,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer(part(1)?.extract()?, part(2)?.extract()?, part(3)?.extract()?),
            "big integer" => Self::BigInteger,
            "float" => Self::Float,
            "double" => Self::Double,
            "instance" => Self::InstanceOf(part(1)?.extract()?, part(2)?.extract()?),
            "bytes" => Self::Bytes,
            "list" => Self::List(inner(1)?),
            "map" => Self::Map(inner(1)?, inner(2)?),
            "tuple" => Self::Tuple(all(1)?),
            "row" => Self::Row(part(1)?.extract()?, all(2)?),
            other => return Err(PyValueError::new_err(format!("`{other}` is not a type of records"))),
        })
    }

    /// The record as its type has it.
    ///
    /// # Errors
    /// `TypeError` where the record is of another type, `OverflowError` where a number does not fit, `ValueError` where it has
    /// another number of fields.
    pub(crate) fn apply<'py>(&self, object: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = object.py();
        match self {
            Self::Anything => Ok(object),
            Self::Text => {
                object.is_instance_of::<PyString>().then_some(()).ok_or_else(|| self.refuse(&object)).map(|()| object)
            }
            Self::Character => match object.cast::<PyString>() {
                Ok(text) if text.len()? == 1 => Ok(object),
                _ => Err(self.refuse(&object)),
            },
            Self::Boolean => {
                object.is_instance_of::<PyBool>().then_some(()).ok_or_else(|| self.refuse(&object)).map(|()| object)
            }
            Self::Integer(least, most, name) => integer(object, *least, *most, name, self),
            Self::BigInteger => {
                let whole = object.is_instance_of::<PyInt>();
                whole.then_some(()).ok_or_else(|| self.refuse(&object)).map(|()| object)
            }
            Self::Float => {
                let value: f64 = self.number(&object)?;
                Ok(PyFloat::new(py, f64::from(value as f32)).into_any())
            }
            Self::Double if object.is_exact_instance_of::<PyFloat>() => Ok(object),
            Self::Double => Ok(PyFloat::new(py, self.number(&object)?).into_any()),
            Self::InstanceOf(module, class) => {
                let class = py.import(module)?.getattr(class)?;
                if object.is_instance(&class)? { Ok(object) } else { Err(self.refuse(&object)) }
            }
            Self::Bytes => {
                let bytes = object.is_instance_of::<PyBytes>() || object.is_instance_of::<PyByteArray>();
                bytes.then_some(()).ok_or_else(|| self.refuse(&object)).map(|()| object)
            }
            Self::List(inner) => {
                self.iterable(&object)?;
                let items = object.try_iter()?.map(|item| inner.apply(item?)).collect::<PyResult<Vec<_>>>()?;
                Ok(PyList::new(py, items)?.into_any())
            }
            Self::Map(key, value) => {
                let Ok(dict) = object.cast::<PyDict>() else { return Err(self.refuse(&object)) };
                let converted = PyDict::new(py);
                for (k, v) in dict.iter() {
                    converted.set_item(key.apply(k)?, value.apply(v)?)?;
                }
                Ok(converted.into_any())
            }
            Self::Tuple(fields) => {
                self.iterable(&object)?;
                let items = self.fields(&object, fields, |field, item| field.apply(item))?;
                Ok(PyTuple::new(py, items)?.into_any())
            }
            Self::Row(names, fields) => self.row(&object, names.as_deref(), fields),
        }
    }

    fn row<'py>(
        &self, object: &Bound<'py, PyAny>, names: Option<&[String]>, fields: &[Self],
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = object.py();
        let row_class = class_of_row(py)?;
        // A field of a row may be missing.
        let field = |field: &Self, item: Bound<'py, PyAny>| if item.is_none() { Ok(item) } else { field.apply(item) };
        let is_row = object.is_instance(row_class)?;
        let values = if let (Ok(dict), Some(names)) = (object.cast::<PyDict>(), names) {
            let missing = || py.None().into_bound(py);
            let values = names.iter().map(|name| Ok(dict.get_item(name)?.unwrap_or_else(missing)));
            let values = PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?.into_any();
            self.fields(&values, fields, field)?
        } else if is_row && names.is_some() {
            self.fields(
                &object.call_method1("get_fields_by_names", (names.unwrap_or_default().to_vec(),))?,
                fields,
                field,
            )?
        } else if is_row || object.is_instance_of::<PyTuple>() || object.is_instance_of::<PyList>() {
            self.fields(object, fields, field)?
        } else {
            return Err(self.refuse(object));
        };
        let row = row_class.call1(PyTuple::new(py, values)?)?;
        if let Some(names) = names {
            row.call_method1("set_field_names", (names.to_vec(),))?;
        }
        if is_row {
            row.call_method1("set_row_kind", (object.call_method0("get_row_kind")?,))?;
        }
        Ok(row)
    }

    fn fields<'py>(
        &self, object: &Bound<'py, PyAny>, fields: &[Self],
        mut convert: impl FnMut(&Self, Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let items = object.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        if items.len() != fields.len() {
            return Err(PyValueError::new_err(format!(
                "a record has {} fields and is declared with {}: {}",
                items.len(),
                fields.len(),
                object.repr()?
            )));
        }
        fields.iter().zip(items).map(|(field, item)| convert(field, item)).collect()
    }

    fn iterable(&self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let is_text = object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>();
        if is_text || object.len().is_err() { Err(self.refuse(object)) } else { Ok(()) }
    }

    fn number(&self, object: &Bound<'_, PyAny>) -> PyResult<f64> {
        if object.is_instance_of::<PyString>() {
            return Err(self.refuse(object));
        }
        object.extract().map_err(|_| self.refuse(object))
    }

    fn refuse(&self, object: &Bound<'_, PyAny>) -> PyErr {
        let shown = object.repr().map_or_else(|_| "a value".into(), |repr| repr.to_string());
        let shown: String =
            if shown.chars().count() > 80 { shown.chars().take(77).chain("...".chars()).collect() } else { shown };
        PyTypeError::new_err(format!(
            "a record is declared as {}, and is {shown} ({})",
            self.name(),
            object.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string())
        ))
    }

    fn name(&self) -> String {
        let all = |fields: &[Self]| fields.iter().map(Self::name).collect::<Vec<_>>().join(", ");
        match self {
            Self::Anything => "Types.PICKLED_BYTE_ARRAY()".into(),
            Self::Text => "Types.STRING()".into(),
            Self::Character => "Types.CHAR()".into(),
            Self::Boolean => "Types.BOOLEAN()".into(),
            Self::Integer(_, _, name) => format!("Types.{name}()"),
            Self::BigInteger => "Types.BIG_INT()".into(),
            Self::Float => "Types.FLOAT()".into(),
            Self::Double => "Types.DOUBLE()".into(),
            Self::InstanceOf(_, class) => class.clone(),
            Self::Bytes => "bytes".into(),
            Self::List(inner) => format!("a list of {}", inner.name()),
            Self::Map(key, value) => format!("Types.MAP({}, {})", key.name(), value.name()),
            Self::Tuple(fields) => format!("Types.TUPLE([{}])", all(fields)),
            Self::Row(None, fields) => format!("Types.ROW([{}])", all(fields)),
            Self::Row(Some(names), fields) => format!("Types.ROW_NAMED({names:?}, [{}])", all(fields)),
        }
    }
}

fn integer<'py>(
    object: Bound<'py, PyAny>, least: i64, most: i64, name: &str, whole: &Conversion,
) -> PyResult<Bound<'py, PyAny>> {
    let too_big =
        || PyOverflowError::new_err(format!("a record is declared as Types.{name}(), and {object} does not fit"));
    let value: i64 = match object.extract() {
        Ok(value) => value,
        Err(_) if object.is_instance_of::<PyInt>() => return Err(too_big()),
        Err(_) => return Err(whole.refuse(&object)),
    };
    if !(least..=most).contains(&value) {
        return Err(too_big());
    }
    if object.is_exact_instance_of::<PyInt>() { Ok(object) } else { Ok(value.into_pyobject(object.py())?.into_any()) }
}

/// The value as a declared type has it.
#[pyfunction]
pub(crate) fn convert_record<'py>(
    value: Bound<'py, PyAny>, description: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    Conversion::from_python(description)?.apply(value)
}

fn class_of_row(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static ROW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    ROW.import(py, "riverrun.common.types", "Row")
}
