//! Media types: what a body is, and what the answer is to be.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use riverrun_runner::wire;

use crate::fault::Fault;

/// What a body says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Text,
    Json,
    JsonLines,
    Riverrun,
    Bytes,
    /// A file that is an input by itself, as the model takes it.
    File,
    Other,
}

/// A body's media type, and how it was written.
pub(crate) struct Given {
    media: Media,
    essence: String,
    written: String,
}

impl Media {
    /// What `Content-Type` says.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Given, Fault> {
        let Some(value) = headers.get(CONTENT_TYPE) else {
            let written = "a body without `Content-Type`".to_owned();
            return Ok(Given { media: Self::Other, essence: String::new(), written });
        };
        let text = value.to_str().map_err(|_| Fault::malformed("`Content-Type` is not a media type"))?;
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        });
        let media = match &*essence {
            "text/plain" => Self::Text,
            "application/json" => Self::Json,
            "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines" => Self::JsonLines,
            "application/octet-stream" => Self::Bytes,
            wire::CONTENT_TYPE => Self::Riverrun,
            _ => Self::Other,
        };
        // US-ASCII is a part of UTF-8.
        let readable = charset.is_none_or(|charset| matches!(&*charset, "utf-8" | "utf8" | "us-ascii"));
        let media = if readable { media } else { Self::Other };
        Ok(Given { media, essence, written: format!("`{}`", printable(text)) })
    }
}

impl Given {
    /// The same, of a model that takes files of these media types.
    pub(super) fn or_file(mut self, files: &[&str]) -> Self {
        if files.contains(&&*self.essence) {
            self.media = Media::File;
        }
        self
    }

    /// The media type, if it is one of these.
    pub(crate) fn one_of(self, readable: &[Media], accepted: &str) -> Result<Media, Fault> {
        if readable.contains(&self.media) {
            return Ok(self.media);
        }
        Err(Fault::UnsupportedMediaType { given: self.written, accepted: accepted.to_owned() })
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

fn accepts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
}

/// Whether the answer is to be a stream of events.
pub(super) fn wants_events(headers: &HeaderMap) -> bool {
    accepts(headers).any(|range| range.eq_ignore_ascii_case("text/event-stream"))
}

/// Whether the answer is to be in the binary form: where it is asked for, and where the request is and nothing else is
/// asked for.
pub(super) fn answers_binary(headers: &HeaderMap, request: Media) -> bool {
    let mut anything = true;
    for range in accepts(headers) {
        if range.eq_ignore_ascii_case(wire::CONTENT_TYPE) {
            return true;
        }
        anything &= range == "*/*" || range == "application/*";
    }
    anything && request == Media::Riverrun
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(content_type: &str) -> Media {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        Media::of(&headers).unwrap().media
    }

    #[test]
    fn a_text_is_utf_8_or_not_read() {
        assert_eq!(media("text/plain"), Media::Text);
        assert_eq!(media("Text/Plain; charset=\"UTF-8\""), Media::Text);
        assert_eq!(media("text/plain;format=flowed; charset=utf-8"), Media::Text);
        assert_eq!(media("text/plain; charset=iso-8859-1"), Media::Other);
        assert_eq!(media("text/html"), Media::Other);
        assert_eq!(media(""), Media::Other);
    }
}
