//! How a record becomes what a model takes.

use std::collections::BTreeMap;

use riverrun::runner::AnyRunner;
use riverrun::runner::wire::{Map, Payload};
use serde_json::{Value, json};

use super::record::{Fields, Given};

/// What the model takes.
#[derive(Debug, Clone)]
pub(crate) enum Intake {
    /// A text alone, if `text`, or an object of these properties; the file of an image, if `images`.
    Item { text: bool, images: bool, properties: BTreeMap<String, Property> },
    /// A document of which a query is asked.
    Document { query: String },
    /// A row of features: by these names, or if there are none by their places.
    Row { names: Vec<String> },
    /// Tensors by these names.
    Tensors { names: Vec<String> },
}

/// A property of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Property {
    required: bool,
    /// Otherwise a cell of a table is read as JSON.
    text: bool,
}

impl Intake {
    /// What a task's runner says that it takes.
    pub(crate) fn of_runner(runner: &dyn AnyRunner) -> Self {
        let images = runner.media_types().iter().any(|media_type| media_type.starts_with("image/"));
        Self::of_schema(&runner.input_schema(), images)
    }

    fn of_schema(schema: &Value, images: bool) -> Self {
        let alternatives = match schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
            Some(several) => several.iter().collect(),
            None => vec![schema],
        };
        let (mut text, mut properties) = (false, BTreeMap::new());
        for alternative in alternatives {
            text |= is_text(alternative);
            let required = alternative.get("required").and_then(Value::as_array);
            let required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
            for (name, schema) in alternative.get("properties").and_then(Value::as_object).into_iter().flatten() {
                properties.insert(name.clone(), Property { required: required(name), text: is_text(schema) });
            }
        }
        Self::Item { text, images, properties }
    }

    /// Whether a line of text is something that it takes.
    pub(super) fn takes_text(&self) -> bool {
        match self {
            Self::Item { text, images, .. } => *text && !images,
            Self::Document { .. } => true,
            Self::Row { .. } | Self::Tensors { .. } => false,
        }
    }

    /// Whether an image's file is something that it takes; a line is its path then.
    pub(super) fn takes_images(&self) -> bool {
        matches!(self, Self::Item { images: true, .. })
    }

    /// What is wanted, for a person.
    pub(super) fn wanted(&self) -> String {
        match self {
            Self::Item { images: true, .. } => "images".into(),
            Self::Item { text: true, .. } => "texts".into(),
            Self::Item { properties, .. } => {
                let required = properties.iter().filter(|(_, property)| property.required);
                format!("objects with {}", listed(required.map(|(name, _)| name)))
            }
            Self::Document { .. } => "documents".into(),
            Self::Row { names } if names.is_empty() => "rows of numbers".into(),
            Self::Row { .. } => "rows of features".into(),
            Self::Tensors { names } => format!("tensors {}", listed(names)),
        }
    }

    /// Sees that a table with these columns has what is needed, before thousands of rows fail.
    pub(super) fn check_columns(&self, columns: &[String]) -> Result<(), String> {
        let has = |name: &String| columns.contains(name);
        let missing: Vec<&String> = match self {
            Self::Item { properties, .. } => properties
                .iter()
                .filter(|(name, property)| property.required && !has(name))
                .map(|(name, _)| name)
                .collect(),
            Self::Document { .. } => Vec::new(),
            Self::Row { names } if by_place(names) && columns.len() == names.len() => Vec::new(),
            Self::Row { names } => names.iter().filter(|name| !has(name)).collect(),
            // One tensor can be all columns.
            Self::Tensors { names } if names.len() == 1 => Vec::new(),
            Self::Tensors { names } => names.iter().filter(|name| !has(name)).collect(),
        };
        if missing.is_empty() {
            return Ok(());
        }
        let more = if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
        let missing = listed(missing.into_iter().take(5));
        Err(format!("no column {missing}{more}; its columns are {}", listed(columns)))
    }

    /// The record as the model takes it.
    pub(super) fn payload(&self, given: &Given) -> Result<Payload, String> {
        match (self, given) {
            (Self::Item { text: true, .. }, Given::Text(text)) => Ok(Payload::Text(text.clone())),
            (Self::Item { images: true, .. }, Given::Image(path)) => super::image::read(path).map(Payload::Bytes),
            (_, Given::Image(_)) => Err(format!("it is an image, and the model takes {}", self.wanted())),
            (Self::Item { properties, .. }, Given::Fields(fields)) => of_object(properties, fields),
            (Self::Item { properties, .. }, Given::Row(cells)) => of_object(properties, &typed(properties, cells)),
            (Self::Document { query }, Given::Text(text)) => Ok(document(query, text)),
            (Self::Document { query }, Given::Fields(fields)) => match fields.get("text").and_then(Value::as_str) {
                Some(text) => Ok(document(query, text)),
                None => Err(format!("it has no `text`; it has {}", fields.names())),
            },
            (Self::Document { query }, Given::Row(cells)) => match cells.get("text") {
                Some(text) => Ok(document(query, text)),
                None => Err(format!("it has no `text`; it has {}", cells.names())),
            },
            (Self::Row { names }, Given::Fields(fields)) if !names.is_empty() && !by_place(names) => {
                let known = fields.0.iter().filter(|(name, _)| names.contains(name)).cloned();
                Ok(Payload::Value(Value::Object(known.collect())))
            }
            (Self::Row { names }, Given::Row(cells)) => row(names, cells),
            (Self::Tensors { names }, Given::Row(cells)) => tensors(names, cells),
            (Self::Tensors { names }, Given::Fields(fields)) if names.iter().all(|name| fields.get(name).is_some()) => {
                let known = fields.0.iter().filter(|(name, _)| names.contains(name)).cloned();
                Ok(Payload::Value(Value::Object(known.collect())))
            }
            (Self::Row { .. } | Self::Tensors { .. }, Given::Fields(fields)) => {
                Ok(Payload::Value(Value::Object(fields.0.iter().cloned().collect())))
            }
            (Self::Row { .. } | Self::Tensors { .. }, Given::Value(value)) => Ok(Payload::Value(value.clone())),
            (_, Given::Text(_)) => Err(format!("it is a text, and the model takes {}", self.wanted())),
            (_, Given::Value(_)) => {
                Err(format!("it is neither a text nor an object; the model takes {}", self.wanted()))
            }
        }
    }
}

fn is_text(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == "string",
        Some(Value::Array(names)) => names.iter().any(|name| name == "string"),
        _ => false,
    }
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The properties of an object that the model knows. What else is there belongs to others.
fn of_object(properties: &BTreeMap<String, Property>, fields: &Fields<Value>) -> Result<Payload, String> {
    if let Some((name, _)) = properties.iter().find(|(name, property)| property.required && fields.get(name).is_none())
    {
        return Err(format!("it has no `{name}`; it has {}", fields.names()));
    }
    let known = fields.0.iter().filter(|(name, _)| properties.contains_key(name)).cloned();
    Ok(Payload::Value(Value::Object(known.collect())))
}

/// Cells as the properties have them; an empty one that may be absent is.
fn typed(properties: &BTreeMap<String, Property>, cells: &Fields<String>) -> Fields<Value> {
    let cell = |(name, cell): &(String, String)| {
        let property = properties.get(name)?;
        if cell.is_empty() && !property.required {
            return None;
        }
        let value = if property.text { None } else { serde_json::from_str(cell).ok() };
        Some((name.clone(), value.unwrap_or_else(|| Value::String(cell.clone()))))
    };
    Fields(cells.0.iter().filter_map(cell).collect())
}

fn document(query: &str, text: &str) -> Payload {
    let mut item = Map::new();
    item.insert("query".into(), query.into());
    item.insert("documents".into(), json!([text]));
    Payload::Value(Value::Object(item))
}

/// Whether the names are those that LightGBM gives features without names: they only say the places.
fn by_place(names: &[String]) -> bool {
    names.iter().enumerate().all(|(place, name)| *name == format!("Column_{place}"))
}

fn row(names: &[String], cells: &Fields<String>) -> Result<Payload, String> {
    if by_place(names) {
        let numbers = cells.0.iter().map(|(name, cell)| number(name, cell)).collect::<Result<Vec<_>, _>>()?;
        return Ok(Payload::Value(Value::Array(numbers)));
    }
    let known = cells.0.iter().filter(|(name, _)| names.contains(name));
    let known = known.map(|(name, cell)| Ok((name.clone(), number(name, cell)?)));
    Ok(Payload::Value(Value::Object(known.collect::<Result<_, String>>()?)))
}

/// A number as tree ensembles take it from JSON; an empty cell is missing.
fn number(name: &str, cell: &str) -> Result<Value, String> {
    let cell = cell.trim();
    if cell.is_empty() {
        return Ok(Value::Null);
    }
    match cell.parse::<f64>() {
        Ok(f64::INFINITY) => Ok("Infinity".into()),
        Ok(f64::NEG_INFINITY) => Ok("-Infinity".into()),
        Ok(number) => Ok(json!(number)),
        Err(_) => Err(format!("column `{name}`: {cell:?} is no number")),
    }
}

/// A tensor of one number for each column, or if no column is called as the only input, one tensor of them all.
fn tensors(names: &[String], cells: &Fields<String>) -> Result<Payload, String> {
    let element =
        |cell: &str| serde_json::from_str::<serde_json::Number>(cell.trim()).map_or(json!(cell), Value::Number);
    if names.iter().all(|name| cells.get(name).is_some()) {
        let known = cells.0.iter().filter(|(name, _)| names.contains(name));
        return Ok(Payload::Value(known.map(|(name, cell)| (name.clone(), json!([element(cell)]))).collect()));
    }
    match names {
        [_] => Ok(Payload::Value(cells.0.iter().map(|(_, cell)| element(cell)).collect())),
        _ => Err(format!("it has the columns {}, and the model takes {}", cells.names(), listed(names))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: &Value) -> Given {
        Given::Fields(serde_json::from_value(value.clone()).unwrap())
    }

    fn cells(cells: &[(&str, &str)]) -> Given {
        Given::Row(Fields(cells.iter().map(|&(name, cell)| (name.into(), cell.into())).collect()))
    }

    fn texts() -> Intake {
        let schema = json!({"oneOf": [{"type": "string"}, {
            "required": ["text"],
            "properties": {"text": {"type": "string"}, "text_pair": {"type": ["string", "null"]}, "top_k": {"oneOf": []}},
        }]});
        Intake::of_schema(&schema, false)
    }

    #[test]
    fn what_the_model_does_not_know_belongs_to_others() {
        let payload = texts().payload(&fields(&json!({"id": 7, "text": "a", "text_pair": "b"})));
        assert_eq!(payload, Ok(Payload::Value(json!({"text": "a", "text_pair": "b"}))));

        let missing = texts().payload(&fields(&json!({"id": 7, "txt": "a"}))).unwrap_err();
        assert_eq!(missing, "it has no `text`; it has `id`, `txt`");
    }

    #[test]
    fn cells_are_texts_or_json_as_the_model_has_them_and_empty_ones_may_be_absent() {
        let payload = texts().payload(&cells(&[("text", "1"), ("text_pair", ""), ("top_k", "2"), ("id", "x")]));
        assert_eq!(payload, Ok(Payload::Value(json!({"text": "1", "top_k": 2}))));
    }

    #[test]
    fn rows_are_taken_by_name_or_by_place() {
        let named = Intake::Row { names: vec!["age".into(), "hours".into()] };
        let row = cells(&[("hours", "1.5"), ("id", "x"), ("age", "")]);
        assert_eq!(named.payload(&row), Ok(Payload::Value(json!({"age": null, "hours": 1.5}))));
        assert!(named.check_columns(&["age".into()]).unwrap_err().contains("no column `hours`"));

        let placed = Intake::Row { names: vec!["Column_0".into(), "Column_1".into()] };
        let row = cells(&[("hours", "1"), ("age", "inf")]);
        assert_eq!(placed.payload(&row), Ok(Payload::Value(json!([1.0, "Infinity"]))));
        assert!(placed.check_columns(&["a".into(), "b".into(), "c".into()]).is_err());
        assert_eq!(named.payload(&cells(&[("age", "old")])), Err("column `age`: \"old\" is no number".into()));
    }
}
