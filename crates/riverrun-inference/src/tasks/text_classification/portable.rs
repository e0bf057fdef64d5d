//! Texts and labels as they cross a process.

use riverrun_runner::ItemError;
use riverrun_runner::wire::{Datatype, Map, Payload, Portable, Tensor, TensorSpec};
use serde_json::{Value, json};

use super::{Classification, Label, TextClassification, TextInput};

const TEXT: &str = "text";
const TEXT_PAIR: &str = "text_pair";
const LABEL: &str = "label";
const SCORE: &str = "score";

/// A text is a string, or an object `{"text", "text_pair", "top_k", "function_to_apply"}` of which all but the first may be absent.
///
/// As tensors of the Open Inference Protocol it is `text` (and `text_pair`), `BYTES` of shape `[n]`; the answer is `label`, `BYTES`, and
/// `score`, `FP32`, of shape `[n]`, or `[n, k]` where each text has k labels.
impl Portable for TextClassification {
    fn to_payload(input: &TextInput) -> Payload {
        match serde_json::to_value(input) {
            Ok(value) if input.text_pair.is_some() || input.top_k.is_some() || input.function_to_apply.is_some() => {
                Payload::Value(value)
            }
            _ => Payload::Text(input.text.clone()),
        }
    }

    fn from_payload(payload: Payload) -> Result<TextInput, ItemError> {
        let wanted = "a text is wanted: a string, or an object with `text` and, if you like, `text_pair` and `top_k`";
        match payload {
            Payload::Text(text) => Ok(text.into()),
            Payload::Value(value @ Value::Object(_)) => {
                serde_json::from_value(value).map_err(|error| ItemError::new(format!("{error}; {wanted}")))
            }
            other => Err(ItemError::new(format!("{} came, but {wanted}", other.kind()))),
        }
    }

    /// One text's best label stands for itself in a list; with `top_k` it is a list of its own, as in `transformers`.
    fn in_list<'a>(output: &'a Vec<Classification>, parameters: &Map) -> &'a dyn erased_serde::Serialize {
        match output.as_slice() {
            [best] if !parameters.contains_key("top_k") => best,
            _ => output,
        }
    }

    fn tensor_inputs() -> Vec<TensorSpec> {
        vec![TensorSpec::per_item(TEXT, Datatype::Bytes)]
    }

    fn tensor_outputs() -> Vec<TensorSpec> {
        vec![TensorSpec::per_item(LABEL, Datatype::Bytes), TensorSpec::per_item(SCORE, Datatype::Fp32)]
    }

    fn inputs_from_tensors(tensors: Vec<Tensor>) -> Result<Vec<TextInput>, ItemError> {
        let (mut texts, mut pairs) = (None, None);
        // The only tensor is the text, whatever its name: clients of other servers call it so or otherwise.
        let only = tensors.len() == 1;
        for tensor in tensors {
            let place = match tensor.name() {
                TEXT_PAIR if !only => &mut pairs,
                name if only || name == TEXT => &mut texts,
                name => {
                    return Err(ItemError::new(format!(
                        "tensor `{name}` is not known; there are `{TEXT}` and `{TEXT_PAIR}`"
                    )));
                }
            };
            if place.is_some() {
                return Err(ItemError::new(format!("tensor `{}` came twice", tensor.name())));
            }
            *place = Some(strings(tensor)?);
        }
        let texts = texts.ok_or_else(|| ItemError::new(format!("tensor `{TEXT}` is missing")))?;
        match pairs {
            None => Ok(texts.into_iter().map(TextInput::from).collect()),
            Some(pairs) if pairs.len() == texts.len() => {
                Ok(texts.into_iter().zip(pairs).map(TextInput::from).collect())
            }
            Some(pairs) => Err(ItemError::new(format!(
                "`{TEXT}` has {} items, but `{TEXT_PAIR}` has {}; there must be as many",
                texts.len(),
                pairs.len()
            ))),
        }
    }

    fn inputs_to_tensors(inputs: &[&TextInput]) -> Result<Vec<Tensor>, ItemError> {
        if inputs.iter().any(|input| input.top_k.is_some() || input.function_to_apply.is_some()) {
            return Err(ItemError::new(
                "`top_k` and `function_to_apply` of single texts cannot be said in tensors; set them where the model is served",
            ));
        }
        let texts = inputs.iter().map(|input| input.text.clone().into_bytes()).collect();
        let mut tensors = vec![Tensor::strings(TEXT, texts)];
        match inputs.iter().filter(|input| input.text_pair.is_some()).count() {
            0 => {}
            pairs if pairs == inputs.len() => {
                let pairs = inputs.iter().map(|input| input.text_pair.clone().unwrap_or_default().into_bytes());
                tensors.push(Tensor::strings(TEXT_PAIR, pairs.collect()));
            }
            _ => return Err(ItemError::new("pairs and single texts cannot be in one batch of tensors")),
        }
        Ok(tensors)
    }

    fn outputs_to_tensors(outputs: &[&Vec<Classification>]) -> Result<Vec<Tensor>, ItemError> {
        let each = outputs.first().map_or(1, |labels| labels.len());
        if outputs.iter().any(|labels| labels.len() != each) {
            return Err(ItemError::new("the texts have different numbers of labels, which a tensor has no place for"));
        }
        let all = || outputs.iter().flat_map(|labels| labels.iter());
        let labels = Tensor::strings(LABEL, all().map(|item| item.label.as_bytes().to_vec()).collect());
        let scores = Tensor::fp32(SCORE, &all().map(|item| item.score).collect::<Vec<_>>());
        if each == 1 {
            return Ok(vec![labels, scores]);
        }
        let shape = vec![outputs.len() as u64, each as u64];
        Ok(vec![labels.reshape(shape.clone())?, scores.reshape(shape)?])
    }

    /// Also takes a single `BYTES` tensor with the JSON of each text's labels, as servers without a task of this name have it.
    fn outputs_from_tensors(tensors: Vec<Tensor>, items: usize) -> Result<Vec<Vec<Classification>>, ItemError> {
        let (mut labels, mut scores) = (None, None);
        if let [only] = tensors.as_slice()
            && only.datatype() == Datatype::Bytes
        {
            return json_outputs(only.clone(), items);
        }
        for tensor in tensors {
            match tensor.name() {
                LABEL => labels = Some(tensor),
                SCORE => scores = Some(tensor),
                _ => {}
            }
        }
        let (Some(labels), Some(scores)) = (labels, scores) else {
            return Err(ItemError::new(format!("the tensors `{LABEL}` and `{SCORE}` are wanted in the answer")));
        };
        let scores = scores.to_fp32()?;
        let elements = labels.shape().iter().product::<u64>();
        let labels = strings(labels.reshape(vec![elements])?)?;
        if items == 0 || labels.len() != scores.len() || labels.len() % items != 0 {
            let (labels, scores) = (labels.len(), scores.len());
            return Err(ItemError::new(format!("{labels} labels and {scores} scores came for {items} texts")));
        }
        let each = labels.len() / items;
        let all: Vec<Classification> = labels
            .into_iter()
            .zip(scores)
            .map(|(label, score)| Classification { label: Label::from(label), score })
            .collect();
        Ok(if each == 0 { vec![Vec::new(); items] } else { all.chunks(each).map(<[_]>::to_vec).collect() })
    }

    fn input_schema() -> Value {
        let object = json!({
            "type": "object",
            "required": ["text"],
            "additionalProperties": false,
            "properties": {
                "text": {"type": "string"},
                "text_pair": {"type": ["string", "null"], "description": "The second text of a pair."},
                "top_k": top_k_schema(),
                "function_to_apply": {"enum": ["softmax", "sigmoid", "none", null]},
            },
        });
        json!({"oneOf": [{"type": "string", "example": "What a lovely day"}, object]})
    }

    fn output_schema() -> Value {
        let label = json!({
            "type": "object",
            "required": ["label", "score"],
            "properties": {"label": {"type": "string"}, "score": {"type": "number"}},
        });
        json!({"type": "array", "items": label})
    }
}

fn top_k_schema() -> Value {
    json!({
        "description": "How many labels, best first.",
        "oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "enum": ["all"]}, {"type": "null"}],
    })
}

fn strings(tensor: Tensor) -> Result<Vec<String>, ItemError> {
    let name = tensor.name().to_owned();
    let text = |bytes| {
        String::from_utf8(bytes)
            .map_err(|error| ItemError::new(format!("tensor `{name}` holds what is not UTF-8: {error}")))
    };
    tensor.into_strings()?.into_iter().map(text).collect()
}

fn json_outputs(tensor: Tensor, items: usize) -> Result<Vec<Vec<Classification>>, ItemError> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Labels {
        One(Classification),
        Several(Vec<Classification>),
    }
    let outputs = strings(tensor)?;
    if outputs.len() != items {
        return Err(ItemError::new(format!("{} outputs came for {items} texts", outputs.len())));
    }
    let labels = |json: String| match serde_json::from_str(&json) {
        Ok(Labels::One(label)) => Ok(vec![label]),
        Ok(Labels::Several(labels)) => Ok(labels),
        Err(error) => Err(ItemError::new(format!("an output is no JSON of labels and scores: {error}"))),
    };
    outputs.into_iter().map(labels).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TopK;

    fn labels(of: &[(&str, f32)]) -> Vec<Classification> {
        of.iter().map(|&(label, score)| Classification { label: label.into(), score }).collect()
    }

    #[test]
    fn a_text_is_a_string_on_the_wire_unless_more_is_said_of_it() {
        let full = TextInput { top_k: Some(TopK::All), ..("a".to_owned(), "b".to_owned()).into() };
        for input in [TextInput::from("a"), full] {
            assert_eq!(TextClassification::from_payload(TextClassification::to_payload(&input)), Ok(input));
        }
        assert_eq!(TextClassification::to_payload(&"a".into()), Payload::Text("a".into()));
    }

    #[test]
    fn top_k_is_a_number_from_one_on_or_all() {
        let of = |top_k: Value| TextClassification::from_payload(Payload::Value(json!({"text": "a", "top_k": top_k})));
        assert_eq!(of(json!(2)).unwrap().top_k, Some(TopK::Some(2)));
        assert_eq!(of(json!(2.0)).unwrap().top_k, Some(TopK::Some(2)));
        assert_eq!(of(json!("all")).unwrap().top_k, Some(TopK::All));
        assert_eq!(of(Value::Null).unwrap().top_k, Some(TopK::All));
        for wrong in [json!(0), json!(-1), json!(1.5), json!("many"), json!([1])] {
            let error = of(wrong).unwrap_err().to_string();
            assert!(error.contains("`top_k` to be a number from 1 on, or `all`"), "{error}");
        }
    }

    #[test]
    fn an_item_of_another_shape_is_told_what_is_wanted() {
        for wrong in [json!(1), json!(["a"]), json!({"txt": "a"}), json!({"text": 1}), json!({"text": "a", "n": 1})] {
            let error = TextClassification::from_payload(Payload::Value(wrong)).unwrap_err().to_string();
            assert!(error.contains("a text is wanted"), "{error}");
        }
    }

    #[test]
    fn labels_survive_as_tensors() {
        let best = [labels(&[("a", 0.1)]), labels(&[("b", 0.9)])];
        let several = [labels(&[("a", 0.7), ("b", 0.3)]), labels(&[("b", 1.0), ("a", 0.0)])];
        for outputs in [best, several] {
            let tensors = TextClassification::outputs_to_tensors(&outputs.iter().collect::<Vec<_>>()).unwrap();
            assert_eq!(TextClassification::outputs_from_tensors(tensors, 2).unwrap(), outputs);
        }
    }

    #[test]
    fn an_answer_with_another_number_of_labels_is_refused() {
        let outputs = [labels(&[("a", 0.1)]), labels(&[("b", 0.9)])];
        let tensors = TextClassification::outputs_to_tensors(&outputs.iter().collect::<Vec<_>>()).unwrap();

        assert!(TextClassification::outputs_from_tensors(tensors.clone(), 3).is_err());
        assert!(TextClassification::outputs_from_tensors(tensors[..1].to_vec(), 3).is_err());
        assert!(TextClassification::outputs_from_tensors(Vec::new(), 0).is_err());
    }

    #[test]
    fn json_in_a_tensor_of_strings_is_read_as_labels() {
        let json = [r#"{"label": "a", "score": 0.5}"#, r#"[{"label": "b", "score": 1}]"#];
        let tensor = Tensor::strings("output", json.iter().map(|text| text.as_bytes().to_vec()).collect());

        let outputs = TextClassification::outputs_from_tensors(vec![tensor], 2).unwrap();
        assert_eq!(outputs, [labels(&[("a", 0.5)]), labels(&[("b", 1.0)])]);
    }
}
