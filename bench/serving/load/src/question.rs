//! What is asked, and what was answered to it.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;

/// The best label of a text, as a server gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub label: String,
    pub score: f64,
}

/// The texts, the requests that carry them, and the answers so far.
pub struct Questions {
    texts: Vec<String>,
    requests: Vec<Vec<u8>>,
    head: String,
    expected: Option<Vec<Answer>>,
    tolerance: f64,
    answers: Mutex<Vec<Option<Answer>>>,
}

/// How a text stands in a request.
pub enum Form {
    /// As the body, `text/plain`.
    Text,
    /// As a JSON string in place of the `%` of this JSON.
    Json(String),
}

impl Questions {
    /// `texts` has one text per line; `expected` has one answer per line, `label TAB score`.
    pub fn read(
        texts: &Path, expected: Option<&Path>, tolerance: f64, form: &Form, host: &str, path: &str,
    ) -> Result<Self, String> {
        let texts: Vec<String> = lines(texts)?;
        if texts.is_empty() {
            return Err("there are no texts".to_owned());
        }
        let expected = expected.map(read_answers).transpose()?;
        if let Some(expected) = &expected
            && expected.len() != texts.len()
        {
            return Err(format!("{} answers are expected to {} texts", expected.len(), texts.len()));
        }
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n");
        let requests = texts
            .iter()
            .map(|text| match form {
                Form::Text => request(&head, "text/plain; charset=utf-8", text.as_bytes()),
                Form::Json(template) => {
                    let body = template.replacen('%', &Value::from(text.as_str()).to_string(), 1);
                    request(&head, "application/json", body.as_bytes())
                }
            })
            .collect();
        let answers = Mutex::new(vec![None; texts.len()]);
        Ok(Self { texts, requests, head, expected, tolerance, answers })
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn text(&self, index: usize) -> &str {
        &self.texts[index]
    }

    /// The request that asks for one text.
    pub fn request(&self, index: usize) -> &[u8] {
        &self.requests[index]
    }

    /// A request that asks for several texts, as a JSON list.
    pub fn list_request(&self, indices: &[usize]) -> Vec<u8> {
        let list: Vec<Value> = indices.iter().map(|&index| Value::from(self.text(index))).collect();
        request(&self.head, "application/json", Value::from(list).to_string().as_bytes())
    }

    /// Whether a response's body answers these texts, in their order: with what is expected, or else with what was
    /// answered to them before.
    pub fn check(&self, indices: &[usize], body: &[u8]) -> Result<(), String> {
        let given = parse(body).ok_or_else(|| format!("not labels: {}", shown(body)))?;
        if given.len() != indices.len() {
            return Err(format!("{} answers to {} texts: {}", given.len(), indices.len(), shown(body)));
        }
        for (&index, given) in indices.iter().zip(given) {
            if let Some(expected) = &self.expected {
                self.compare(index, &expected[index], &given)?;
            } else if let Some(before) = self.remembered(index) {
                self.compare(index, &before, &given)?;
                continue;
            }
            self.remember(index, given);
        }
        Ok(())
    }

    fn compare(&self, index: usize, wanted: &Answer, given: &Answer) -> Result<(), String> {
        let near = (wanted.score - given.score).abs() <= self.tolerance;
        if wanted.label == given.label && near {
            return Ok(());
        }
        let Answer { label, score } = wanted;
        Err(format!("text {index}: {} {} where {label} {score} was expected", given.label, given.score))
    }

    fn remembered(&self, index: usize) -> Option<Answer> {
        self.answers.lock().map(|answers| answers[index].clone()).unwrap_or_default()
    }

    fn remember(&self, index: usize, answer: Answer) {
        if let Ok(mut answers) = self.answers.lock() {
            answers[index].get_or_insert(answer);
        }
    }

    /// Writes the answers so far as [`read`](Self::read) wants them back; an empty line where there was none.
    pub fn write_answers(&self, path: &Path) -> Result<(), String> {
        let answers = self.answers.lock().map_err(|_| "a client panicked".to_owned())?;
        let lines: String = answers
            .iter()
            .map(|answer| answer.as_ref().map_or_else(|| "\n".to_owned(), |a| format!("{}\t{}\n", a.label, a.score)))
            .collect();
        fs::write(path, lines).map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn request(head: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request = format!("{head}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    request.extend_from_slice(body);
    request
}

/// Where the body of a request begins.
pub fn body_start(request: &[u8]) -> usize {
    request.windows(4).position(|window| window == b"\r\n\r\n").map_or(request.len(), |end| end + 4)
}

fn lines(path: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn read_answers(path: &Path) -> Result<Vec<Answer>, String> {
    lines(path)?
        .iter()
        .enumerate()
        .map(|(number, line)| {
            let (label, score) = line.rsplit_once('\t').unwrap_or((line, "NaN"));
            let score = score.parse().map_err(|_| format!("{} line {}: no score", path.display(), number + 1))?;
            Ok(Answer { label: label.to_owned(), score })
        })
        .collect()
}

/// The `{label, score}` objects of a body, however deep in lists.
fn parse(body: &[u8]) -> Option<Vec<Answer>> {
    fn collect(value: &Value, into: &mut Vec<Answer>) -> Option<()> {
        if let Some(list) = value.as_array() {
            return list.iter().try_for_each(|value| collect(value, into));
        }
        let (label, score) = (value.get("label")?.as_str()?.to_owned(), value.get("score")?.as_f64()?);
        into.push(Answer { label, score });
        Some(())
    }
    let mut answers = Vec::new();
    collect(&serde_json::from_slice(body).ok()?, &mut answers)?;
    Some(answers)
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_in_every_form_that_servers_give_them() {
        let answer = Answer { label: "a\"b".to_owned(), score: 0.5 };

        for body in [
            r#"{"label":"a\"b","score":0.5}"#,
            r#"[{"score":0.5,"label":"a\"b"}]"#,
            r#"[[{"label":"a\"b","score":0.5}]]"#,
        ] {
            assert_eq!(parse(body.as_bytes()), Some(vec![answer.clone()]));
        }
        assert_eq!(parse(b"<html>"), None);
        assert_eq!(parse(br#"{"error":{"code":"x"}}"#), None);
    }
}
