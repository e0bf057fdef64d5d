//! What an ONNX file declares, read without its weights.
//!
//! The messages and the numbers of their fields are those of `onnx.proto3` of the ONNX project.

mod wire;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::error::{At, Error, Result};
use crate::tensor_spec::{Dimension, TensorSpec};
use wire::{Fault, Reader, Value, malformed};

/// The longest name that is read, in bytes.
const MAX_NAME: u64 = 4096;

/// How many inputs and how many outputs are read. In old files every weight is an input too.
const MAX_SPECS: usize = 100_000;

/// In how many files external data may be.
const MAX_FILES: usize = 4096;

/// What an ONNX file says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OnnxHeader {
    /// What the graph takes, without the inputs that have a value in the file.
    pub(crate) inputs: Vec<TensorSpec>,
    /// What the graph gives.
    pub(crate) outputs: Vec<TensorSpec>,
    /// The files with tensors that lie outside, as written: relative to the model's directory when all is well.
    pub(crate) external: BTreeSet<String>,
}

/// Reads the header of the file at `path`. Errors name `shown`, the file that a person knows.
pub(crate) fn read(path: &Path, shown: &Path) -> Result<OnnxHeader> {
    let mut file = File::open(path).at_outside("read", path)?;
    let length = wire::length(&mut file).at_outside("read", path)?;
    let unusable = |problem: String| Error::UnusableFile { path: shown.to_owned(), problem };
    if length == 0 {
        return Err(unusable("it is empty".into()));
    }
    match model(&mut Reader::new(&mut BufReader::new(file), length)) {
        Ok(header) => Ok(header),
        Err(Fault::Malformed(problem)) => Err(unusable(format!("it is no whole ONNX model: {problem}"))),
        Err(Fault::Io(error)) => Err(error).at_outside("read", path),
    }
}

fn model(reader: &mut Reader<'_>) -> wire::Result<OnnxHeader> {
    let mut found = Found::default();
    let (mut version, mut graphs) = (None, 0);
    reader.fields(&mut |reader, number, value| {
        match (number, value) {
            (1, Value::Varint(ir)) => version = Some(ir),
            (7, Value::Length(_)) => {
                graphs += 1;
                graph(reader, value, &mut found, true)?;
            }
            // Training graphs and functions have tensors too; the bindings of training have names only.
            (20, Value::Length(_)) => reader.message(value, &mut |reader, number, value| match (number, value) {
                (1 | 2, Value::Length(_)) => graph(reader, value, &mut found, false),
                _ => Ok(()),
            })?,
            (25, Value::Length(_)) => reader.message(value, &mut |reader, number, value| match number {
                7 => node(reader, value, &mut found),
                _ => Ok(()),
            })?,
            _ => {}
        }
        Ok(())
    })?;
    if version.is_none() || graphs != 1 {
        return Err(malformed("it has no version and one graph"));
    }
    // Until version 3 of the format, everything with a value was listed among the inputs too.
    found.inputs.retain(|input| !found.initializers.contains(&input.name));
    Ok(OnnxHeader { inputs: found.inputs, outputs: found.outputs, external: found.external })
}

#[derive(Default)]
struct Found {
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    initializers: BTreeSet<String>,
    external: BTreeSet<String>,
}

fn graph(reader: &mut Reader<'_>, value: Value, found: &mut Found, outermost: bool) -> wire::Result<()> {
    reader.message(value, &mut |reader, number, value| {
        match number {
            1 => node(reader, value, found)?,
            5 => {
                let name = tensor(reader, value, found)?;
                if outermost {
                    found.initializers.insert(name);
                }
            }
            11 | 12 if outermost => {
                let spec = value_info(reader, value)?;
                let specs = if number == 11 { &mut found.inputs } else { &mut found.outputs };
                specs.push(spec);
                if specs.len() > MAX_SPECS {
                    return Err(malformed(format!("it has more than {MAX_SPECS} inputs or outputs")));
                }
            }
            15 => {
                let name = sparse_tensor(reader, value, found)?;
                if outermost {
                    found.initializers.insert(name);
                }
            }
            _ => {}
        }
        Ok(())
    })
}

fn node(reader: &mut Reader<'_>, value: Value, found: &mut Found) -> wire::Result<()> {
    reader.message(value, &mut |reader, number, value| match number {
        5 => attribute(reader, value, found),
        _ => Ok(()),
    })
}

fn attribute(reader: &mut Reader<'_>, value: Value, found: &mut Found) -> wire::Result<()> {
    reader.message(value, &mut |reader, number, value| match number {
        5 | 10 => tensor(reader, value, found).map(drop),
        6 | 11 => graph(reader, value, found, false),
        22 | 23 => sparse_tensor(reader, value, found).map(drop),
        _ => Ok(()),
    })
}

/// The name of a tensor; where it lies, if not in this file, goes to `found`.
fn tensor(reader: &mut Reader<'_>, value: Value, found: &mut Found) -> wire::Result<String> {
    let (mut name, mut location, mut outside) = (String::new(), None, false);
    reader.message(value, &mut |reader, number, value| {
        match (number, value) {
            (8, _) => name = reader.text(value, MAX_NAME)?,
            (13, _) => {
                let (key, value) = entry(reader, value)?;
                if key == "location" {
                    location = Some(value);
                }
            }
            (14, Value::Varint(place)) => outside = place == 1,
            _ => {}
        }
        Ok(())
    })?;
    if outside {
        found.external.insert(location.ok_or_else(|| malformed("a tensor lies outside, and it does not say where"))?);
        if found.external.len() > MAX_FILES {
            return Err(malformed(format!("its tensors lie in more than {MAX_FILES} files")));
        }
    }
    Ok(name)
}

fn sparse_tensor(reader: &mut Reader<'_>, value: Value, found: &mut Found) -> wire::Result<String> {
    let mut name = String::new();
    reader.message(value, &mut |reader, number, value| {
        match number {
            // Its name is that of its values.
            1 => name = tensor(reader, value, found)?,
            2 => drop(tensor(reader, value, found)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(name)
}

fn entry(reader: &mut Reader<'_>, value: Value) -> wire::Result<(String, String)> {
    let mut pair = (String::new(), String::new());
    reader.message(value, &mut |reader, number, value| {
        match number {
            1 => pair.0 = reader.text(value, MAX_NAME)?,
            2 => pair.1 = reader.text(value, MAX_NAME)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(pair)
}

fn value_info(reader: &mut Reader<'_>, value: Value) -> wire::Result<TensorSpec> {
    let (mut name, mut declared) = (String::new(), ("unknown".to_owned(), None));
    reader.message(value, &mut |reader, number, value| {
        match number {
            1 => name = reader.text(value, MAX_NAME)?,
            2 => declared = type_of(reader, value)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(TensorSpec::new(name, declared.0, declared.1))
}

type Declared = (String, Option<Vec<Dimension>>);

fn type_of(reader: &mut Reader<'_>, value: Value) -> wire::Result<Declared> {
    let mut declared = ("unknown".to_owned(), None);
    reader.message(value, &mut |reader, number, value| {
        match number {
            1 => declared = tensor_type(reader, value)?,
            4 => declared = (format!("sequence({})", inner(reader, value, 1)?.1), None),
            5 => {
                let (key, value) = inner(reader, value, 2)?;
                declared = (format!("map({}, {value})", key.unwrap_or("unknown")), None);
            }
            8 => declared = (format!("sparse({})", tensor_type(reader, value)?.0), None),
            9 => declared = (format!("optional({})", inner(reader, value, 1)?.1), None),
            _ => {}
        }
        Ok(())
    })?;
    Ok(declared)
}

/// The type of a map's keys, and the type in field `at` of a sequence, a map or an optional.
fn inner(reader: &mut Reader<'_>, value: Value, at: u64) -> wire::Result<(Option<&'static str>, String)> {
    let mut found = (None, "unknown".to_owned());
    reader.message(value, &mut |reader, number, value| {
        match (number, value) {
            (_, Value::Length(_)) if number == at => found.1 = type_of(reader, value)?.0,
            (1, Value::Varint(number)) => found.0 = Some(element(number)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

fn tensor_type(reader: &mut Reader<'_>, value: Value) -> wire::Result<Declared> {
    let (mut dtype, mut shape) = ("unknown", None);
    reader.message(value, &mut |reader, number, value| {
        match (number, value) {
            (1, Value::Varint(number)) => dtype = element(number),
            (2, Value::Length(_)) => {
                let mut dimensions = Vec::new();
                reader.message(value, &mut |reader, number, value| {
                    if number == 1 {
                        dimensions.push(dimension(reader, value)?);
                    }
                    if dimensions.len() > 64 {
                        return Err(malformed("a tensor has more than 64 dimensions"));
                    }
                    Ok(())
                })?;
                shape = Some(dimensions);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((dtype.to_owned(), shape))
}

fn dimension(reader: &mut Reader<'_>, value: Value) -> wire::Result<Dimension> {
    let mut found = Dimension::Named("?".into());
    reader.message(value, &mut |reader, number, value| {
        match (number, value) {
            // A size below zero, as some exporters write it, means any.
            (1, Value::Varint(size)) => {
                if let Ok(size) = u32::try_from(size) {
                    found = Dimension::Fixed(size);
                }
            }
            (2, Value::Length(_)) => {
                let name = reader.text(value, MAX_NAME)?;
                if !name.is_empty() {
                    found = Dimension::Named(name);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

/// The names of `TensorProto.DataType`.
fn element(number: u64) -> &'static str {
    const NAMES: [&str; 24] = [
        "unknown",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
        "float8e4m3fn",
        "float8e4m3fnuz",
        "float8e5m2",
        "float8e5m2fnuz",
        "uint4",
        "int4",
        "float4e2m1",
    ];
    usize::try_from(number).ok().and_then(|number| NAMES.get(number)).copied().unwrap_or("unknown")
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
