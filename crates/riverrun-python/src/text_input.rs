//! What Python programs give to classify.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use riverrun::inference::{FunctionToApply, Precision, TextClassificationOptions, TextInput, TopK};

use crate::client::optional;
use crate::error::caused;
use crate::error::python::{BadInput, BadInputType};

/// What a call asks for beside the texts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Asked {
    top_k: Option<TopK>,
    function: Option<FunctionToApply>,
}

impl Asked {
    pub(crate) fn new(top_k: Option<&Bound<'_, PyAny>>, function: Option<&str>) -> PyResult<Self> {
        Ok(Self { top_k: top_k.map(self::top_k).transpose()?, function: function.map(self::function).transpose()? })
    }

    fn of(self, text: String, text_pair: Option<String>) -> TextInput {
        TextInput { text, text_pair, top_k: self.top_k, function_to_apply: self.function }
    }
}

/// What a runner is told about the task; absent is the default.
pub(crate) fn options(arguments: &Bound<'_, PyDict>) -> PyResult<TextClassificationOptions> {
    let mut options = TextClassificationOptions::new();
    if let Some(value) = optional::<Bound<'_, PyAny>>(arguments, "top_k")? {
        options = options.top_k(self::top_k(&value)?);
    }
    if let Some(name) = optional::<String>(arguments, "function_to_apply")? {
        options = options.function_to_apply(self::function(&name)?);
    }
    if let Some(truncation) = optional(arguments, "truncation")? {
        options = options.truncation(truncation);
    }
    if let Some(tokens) = optional(arguments, "max_length")? {
        options = options.max_length(tokens);
    }
    if let Some(name) = optional::<String>(arguments, "precision")? {
        let precision = name.parse::<Precision>().map_err(|error| BadInput::new_err(error.to_string()))?;
        options = options.precision(precision);
    }
    Ok(options)
}

/// A number, or `"all"`.
pub(crate) fn top_k(value: &Bound<'_, PyAny>) -> PyResult<TopK> {
    if let Ok(word) = value.cast::<PyString>()
        && word.to_cow()? == "all"
    {
        return Ok(TopK::All);
    }
    match value.extract::<usize>() {
        Ok(count) => Ok(TopK::Some(count)),
        Err(cause) => {
            let message = format!("top_k must be a number from 0 on, or None for all labels, not {}", value.repr()?);
            Err(caused(value.py(), BadInput::new_err(message), cause))
        }
    }
}

/// `softmax`, `sigmoid` or `none`, in any case.
pub(crate) fn function(name: &str) -> PyResult<FunctionToApply> {
    match name.to_lowercase().as_str() {
        "softmax" => Ok(FunctionToApply::Softmax),
        "sigmoid" => Ok(FunctionToApply::Sigmoid),
        "none" => Ok(FunctionToApply::None),
        _ => Err(BadInput::new_err(format!(
            "function_to_apply must be \"softmax\", \"sigmoid\" or \"none\", not {name:?}"
        ))),
    }
}

/// All items of a list.
pub(crate) fn texts(items: &Bound<'_, PyList>, asked: Asked) -> PyResult<Vec<TextInput>> {
    items.iter().enumerate().map(|(index, item)| text(&item, Some(index), asked)).collect()
}

/// A string, or a dictionary with `text` and `text_pair`. The list `[["text", "pair"]]` is a pair too, as it used to be in
/// `transformers`.
pub(crate) fn text(item: &Bound<'_, PyAny>, index: Option<usize>, asked: Asked) -> PyResult<TextInput> {
    let py = item.py();
    if let Ok(string) = item.cast::<PyString>() {
        return Ok(asked.of(unicode(string, "", index)?, None));
    }
    if let Ok(dict) = item.cast::<PyDict>() {
        let Some(first) = dict.get_item(intern!(py, "text"))? else {
            return Err(BadInput::new_err(format!("{} has no \"text\"", named(index))));
        };
        let pair = dict.get_item(intern!(py, "text_pair"))?;
        if dict.len() > 1 + usize::from(pair.is_some()) {
            let keys = dict.keys().repr()?;
            let message = format!("{} has the keys {keys}; it may have \"text\" and \"text_pair\" only", named(index));
            return Err(BadInput::new_err(message));
        }
        let first = unicode(string(&first, "text", index)?, "text", index)?;
        let pair = match pair.filter(|pair| !pair.is_none()) {
            Some(pair) => Some(unicode(string(&pair, "text_pair", index)?, "text_pair", index)?),
            None => None,
        };
        return Ok(asked.of(first, pair));
    }
    if let Ok(list) = item.cast::<PyList>() {
        return listed_pair(list, index, asked);
    }
    Err(BadInputType::new_err(format!(
        "{} must be a str, or a dict with \"text\" and \"text_pair\", not {}",
        named(index),
        item.get_type().name()?
    )))
}

fn listed_pair(list: &Bound<'_, PyList>, index: Option<usize>, asked: Asked) -> PyResult<TextInput> {
    if list.len() == 1
        && let Ok(pair) = list.get_item(0)?.cast::<PyList>()
        && pair.len() == 2
    {
        let (first, second) = (pair.get_item(0)?, pair.get_item(1)?);
        let first = unicode(string(&first, "text", index)?, "text", index)?;
        let second = unicode(string(&second, "text_pair", index)?, "text_pair", index)?;
        return Ok(asked.of(first, Some(second)));
    }
    Err(BadInput::new_err(format!(
        "{} is a list; a pair of texts is written {{\"text\": \"My text\", \"text_pair\": \"My pair\"}}",
        named(index)
    )))
}

fn string<'a, 'py>(
    value: &'a Bound<'py, PyAny>, key: &str, index: Option<usize>,
) -> PyResult<&'a Bound<'py, PyString>> {
    value.cast::<PyString>().map_err(|_| {
        let kind = value.get_type().name().map_or_else(|_| "another type".to_owned(), |name| name.to_string());
        BadInputType::new_err(format!("{key:?} of {} must be a str, not {kind}", named(index)))
    })
}

/// Python's strings may hold halves of surrogate pairs, which stand for no character.
fn unicode(string: &Bound<'_, PyString>, key: &str, index: Option<usize>) -> PyResult<String> {
    string.to_cow().map(std::borrow::Cow::into_owned).map_err(|cause| {
        let what = if key.is_empty() { named(index) } else { format!("{key:?} of {}", named(index)) };
        let message = format!(
            "{what} has a lone surrogate, which is no character; decode it with errors=\"replace\", or use \
             text.encode(\"utf-16\", \"surrogatepass\").decode(\"utf-16\", \"replace\")"
        );
        caused(string.py(), BadInput::new_err(message), cause)
    })
}

fn named(index: Option<usize>) -> String {
    index.map_or_else(|| "the input".to_owned(), |index| format!("item {index}"))
}
