//! How a result is written: a line of JSON with what was given, and the result beside it.

use std::io::Write;

use riverrun::inference::{Classification, RankedDocument};
use serde::Serialize;
use serde_json::error::Result;

use super::command::Shape;
use super::record::Given;

/// What the rest of the program wants to know of a result.
#[derive(Debug, PartialEq)]
pub(super) enum Written {
    Plain,
    /// The best label.
    Labelled(String),
    /// How well a document answers; the line waits for the others.
    Scored(f32),
}

/// Writes the line of one record.
pub(super) fn write(shape: Shape, given: &Given, result: &str, out: &mut Vec<u8>) -> Result<Written> {
    out.push(b'{');
    let written = match shape {
        Shape::Field(name) => {
            beside(given, &[name], out)?;
            raw(name, result, out)?;
            Written::Plain
        }
        Shape::Labels { all } => {
            let labels: Vec<Classification> = serde_json::from_str(result)?;
            beside(given, if all { &["labels"] } else { &["label", "score"] }, out)?;
            match labels.first() {
                Some(best) if !all => {
                    entry("label", &best.label, out)?;
                    entry("score", &best.score, out)?;
                }
                _ => raw("labels", result, out)?,
            }
            labels.first().map_or(Written::Plain, |best| Written::Labelled(best.label.to_string()))
        }
        Shape::Ranked { .. } => {
            let ranked: Vec<RankedDocument> = serde_json::from_str(result)?;
            let score = ranked.first().map_or(f32::NEG_INFINITY, |document| document.score);
            beside(given, &["score"], out)?;
            entry("score", &score, out)?;
            Written::Scored(score)
        }
    };
    out.extend_from_slice(b"}\n");
    Ok(written)
}

/// What was given, but for what the result is called.
fn beside(given: &Given, results: &[&str], out: &mut Vec<u8>) -> Result<()> {
    match given {
        Given::Text(text) => entry("text", text, out),
        Given::Image(path) => entry("path", path, out),
        Given::Value(value) => entry("input", value, out),
        Given::Fields(fields) => entries(&fields.0, results, out),
        Given::Row(cells) => entries(&cells.0, results, out),
    }
}

fn entries<T: Serialize>(fields: &[(String, T)], results: &[&str], out: &mut Vec<u8>) -> Result<()> {
    let others = fields.iter().filter(|(name, _)| !results.contains(&name.as_str()));
    others.into_iter().try_for_each(|(name, value)| entry(name, value, out))
}

fn entry<T: Serialize + ?Sized>(name: &str, value: &T, out: &mut Vec<u8>) -> Result<()> {
    key(name, out)?;
    serde_json::to_writer(out, value)
}

fn raw(name: &str, json: &str, out: &mut Vec<u8>) -> Result<()> {
    key(name, out)?;
    out.write_all(json.as_bytes()).map_err(serde_json::Error::io)
}

fn key(name: &str, out: &mut Vec<u8>) -> Result<()> {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    serde_json::to_writer(&mut *out, name)?;
    out.push(b':');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::record::Fields;

    fn line(shape: Shape, given: &Given, result: &str) -> String {
        let mut out = Vec::new();
        write(shape, given, result, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_result_stands_beside_what_was_given_and_takes_the_place_of_an_older_one() {
        let labels = r#"[{"label":"good","score":0.9755492},{"label":"bad","score":0.02}]"#;
        let given = Given::Fields(Fields(vec![
            ("id".into(), 7.into()),
            ("text".into(), "a".into()),
            ("label".into(), "x".into()),
        ]));

        let best = line(Shape::Labels { all: false }, &given, labels);
        assert_eq!(best, "{\"id\":7,\"text\":\"a\",\"label\":\"good\",\"score\":0.9755492}\n");
        let all = line(Shape::Labels { all: true }, &Given::Text("a".into()), labels);
        assert_eq!(all, format!("{{\"text\":\"a\",\"labels\":{labels}}}\n"));
        let plain = line(Shape::Field("output"), &Given::Value(serde_json::json!([1, 2])), "[[0.5]]");
        assert_eq!(plain, "{\"input\":[1,2],\"output\":[[0.5]]}\n");
    }
}
