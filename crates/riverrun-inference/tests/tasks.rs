//! Every inference task against what `transformers.pipeline` and `sentence-transformers` gave with the same small models.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod recorded;

use std::path::{Path, PathBuf};

use recorded::{cases, run, same};

use riverrun_inference::{
    AggregationStrategy, FeatureExtraction, FillMask, Pooling, QuestionAnswering, SentenceEmbeddings,
    SentenceEmbeddingsOptions, Task, TaskOptions, TextClassification, TextRanking, TokenClassification,
    TokenClassificationOptions, ZeroShotClassification, ZeroShotClassificationOptions,
};
use riverrun_runner::wire::{Map, Payload, Portable};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tasks").join(name)
}

fn load<T: Task>(name: &str, options: T::Options) -> T {
    T::load(fixture(name), options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn check<T: Task>(name: &str, record: &str, options: T::Options) {
    let task: T = load(name, options);
    let cases = cases(&fixture(name).join(record));
    let inputs: Vec<Value> = cases.iter().map(|case| case.input.clone()).collect();
    for (case, result) in cases.iter().zip(run(&task, &inputs)) {
        let result = result.unwrap();
        assert!(same(&result, &case.output), "{name} {}:\n{result}\nfor\n{}", case.input, case.output);
    }
    // One by one the answers are the same, to the bit.
    let together = run(&task, &inputs);
    for (input, together) in inputs.iter().zip(together).step_by(3) {
        assert_eq!(run(&task, std::slice::from_ref(input)).remove(0), together, "{name} {input}");
    }
}

#[test]
fn texts_and_pairs_get_the_labels_that_transformers_gives() {
    for name in ["texts-single", "texts-multi-label", "texts-regression", "texts-one-label"] {
        check::<TextClassification>(name, "expected.json", Default::default());
    }
}

#[test]
fn tokens_get_labels_and_become_entities_with_every_strategy() {
    for name in ["tokens-pieces", "tokens-bytes", "tokens-unigram"] {
        check::<TokenClassification>(name, "expected.json", Default::default());
        let options = TokenClassificationOptions::new().aggregation_strategy(AggregationStrategy::Simple).stride(16);
        check::<TokenClassification>(name, "expected-stride.json", options);
    }
}

#[test]
fn every_token_gets_a_vector() {
    check::<FeatureExtraction>("features", "expected.json", Default::default());
}

#[test]
fn gaps_are_filled_with_the_likeliest_tokens() {
    for name in ["masked-pieces", "masked-bytes", "masked-unigram"] {
        check::<FillMask>(name, "expected.json", Default::default());
    }
}

#[test]
fn questions_are_answered_from_contexts_of_any_length() {
    for name in ["questions-pieces", "questions-bytes"] {
        check::<QuestionAnswering>(name, "expected.json", Default::default());
    }
}

#[test]
fn labels_of_the_caller_are_told_by_entailment() {
    for name in ["zero-shot", "zero-shot-first"] {
        check::<ZeroShotClassification>(name, "expected.json", Default::default());
    }
}

#[test]
fn documents_are_ranked_as_a_cross_encoder_ranks_them() {
    for name in ["ranking", "ranking-raw"] {
        check::<TextRanking>(name, "expected.json", Default::default());
    }
}

#[test]
fn texts_get_the_embeddings_that_their_directory_asks_for() {
    for name in ["embeddings", "embeddings-cls", "embeddings-last", "embeddings-all", "embeddings-prompts"] {
        check::<SentenceEmbeddings>(name, "expected.json", Default::default());
        let short = SentenceEmbeddingsOptions::new().dimensions(10).normalize(true);
        check::<SentenceEmbeddings>(name, "expected-short.json", short);
    }
}

#[test]
fn without_modules_an_embedding_is_the_mean_of_the_tokens_vectors() {
    let features: FeatureExtraction = load("features", Default::default());
    let rows = run(&features, &[json!("the cat sat")]).remove(0).unwrap();
    let rows: Vec<Vec<f64>> = serde_json::from_value(rows).unwrap();

    let embeddings: SentenceEmbeddings = load("features", Default::default());
    let embedding: Vec<f64> =
        serde_json::from_value(run(&embeddings, &[json!("the cat sat")]).remove(0).unwrap()).unwrap();

    assert_eq!(embeddings.dimensions(), 24);
    for (element, value) in embedding.iter().enumerate() {
        let mean = rows.iter().map(|row| row[element]).sum::<f64>() / rows.len() as f64;
        assert!((mean - value).abs() < 1e-5, "{element}");
    }
}

fn item_error<T: Task>(task: &T, input: Value) -> String {
    match T::from_payload(Payload::from(input)) {
        Err(error) => error.to_string(),
        Ok(input) => match task.prepare(input) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("it was accepted"),
        },
    }
}

#[test]
fn an_item_that_lacks_something_is_told_what() {
    let fill: FillMask = load("masked-pieces", Default::default());
    let message = item_error(&fill, json!("no gap here"));
    assert!(message.contains("no `[MASK]`") && message.contains("put one"), "{message}");
    let message = item_error(&fill, json!({"text": "[MASK]", "targets": [""]}));
    assert!(message.contains("none of the `targets`"), "{message}");

    let questions: QuestionAnswering = load("questions-pieces", Default::default());
    assert!(item_error(&questions, json!("who ?")).contains("`question` and `context`"));
    assert!(item_error(&questions, json!({"question": "", "context": "a"})).contains("`question` is empty"));
    assert!(item_error(&questions, json!({"question": "a", "context": ""})).contains("`context` is empty"));
    let many = "a ".repeat(60);
    let message = item_error(&questions, json!({"question": many, "context": "b"}));
    assert!(message.contains("tokens"), "{message}");

    let zero: ZeroShotClassification = load("zero-shot", Default::default());
    assert!(item_error(&zero, json!("a text")).contains("no `candidate_labels`"));
    let template = json!({"text": "a", "candidate_labels": ["b"], "hypothesis_template": "none"});
    assert!(item_error(&zero, template).contains("has no `{}`"));

    let ranking: TextRanking = load("ranking", Default::default());
    assert!(item_error(&ranking, json!("a query")).contains("`query` and `documents`"));
    assert_eq!(run(&ranking, &[json!({"query": "a", "documents": []})]), [Ok(json!([]))]);

    let prompts: SentenceEmbeddings = load("embeddings-prompts", Default::default());
    let message = item_error(&prompts, json!({"text": "a", "prompt_name": "none"}));
    assert!(message.contains("no prompt `none`") && message.contains("document, query"), "{message}");
}

fn refusal<T: Task>(name: &str, options: T::Options) -> String {
    match T::load(fixture(name), options) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{name} was accepted"),
    }
}

#[test]
fn a_model_without_the_head_of_a_task_is_refused_with_what_it_needs() {
    for message in [
        refusal::<TextClassification>("features", Default::default()),
        refusal::<TokenClassification>("texts-single", Default::default()),
        refusal::<TokenClassification>("masked-pieces", Default::default()),
        refusal::<QuestionAnswering>("tokens-pieces", Default::default()),
        refusal::<FillMask>("questions-pieces", Default::default()),
        refusal::<ZeroShotClassification>("features", Default::default()),
        refusal::<TextRanking>("features", Default::default()),
    ] {
        assert!(message.contains("config.json is of a model of the class Bert"), "{message}");
        assert!(message.contains("that needs a class that ends in For"), "{message}");
    }
    let message = refusal::<TextRanking>("texts-single", Default::default());
    assert!(message.contains("3 labels") && message.contains("cross-encoder"), "{message}");
    let message = refusal::<ZeroShotClassification>("texts-single", Default::default());
    assert!(message.contains("sad, happy, neither") && message.contains("`entailment`"), "{message}");
}

#[test]
fn impossible_options_are_refused_with_the_possible_ones() {
    let message = refusal::<SentenceEmbeddings>("embeddings", SentenceEmbeddingsOptions::new().dimensions(25));
    assert!(message.contains("choose 1 to 24"), "{message}");
    let message = refusal::<SentenceEmbeddings>("embeddings", SentenceEmbeddingsOptions::new().prompt_name("query"));
    assert!(message.contains("no prompt `query`; it has none"), "{message}");
    let message = refusal::<TokenClassification>("tokens-pieces", TokenClassificationOptions::new().stride(8));
    assert!(message.contains("aggregation strategy"), "{message}");
    let options = TokenClassificationOptions::new().aggregation_strategy(AggregationStrategy::First).stride(46);
    let message = refusal::<TokenClassification>("tokens-pieces", options);
    assert!(message.contains("a stride of 46 tokens"), "{message}");
    let template = ZeroShotClassificationOptions::new().hypothesis_template("It is so.");
    assert!(refusal::<ZeroShotClassification>("zero-shot", template).contains("has no `{}`"));
}

#[test]
fn options_by_name_are_those_that_a_service_is_asked_for() {
    fn there_and_back<O: TaskOptions>(parameters: Value) {
        let parameters: Map = serde_json::from_value(parameters).unwrap();
        assert_eq!(O::default().with_parameters(&parameters).unwrap().parameters(), parameters);
    }
    there_and_back::<riverrun_inference::TextClassificationOptions>(
        json!({"top_k": "all", "function_to_apply": "none", "truncation": false, "max_length": 9, "precision": "int8"}),
    );
    there_and_back::<TokenClassificationOptions>(
        json!({"aggregation_strategy": "max", "ignore_labels": ["O"], "stride": 4}),
    );
    there_and_back::<SentenceEmbeddingsOptions>(
        json!({"pooling": "last_token", "normalize": true, "dimensions": 8, "prompt_name": "query"}),
    );
    there_and_back::<ZeroShotClassificationOptions>(
        json!({"candidate_labels": ["a"], "hypothesis_template": "{}", "multi_label": true}),
    );
    there_and_back::<riverrun_inference::QuestionAnsweringOptions>(
        json!({"top_k": 2, "max_answer_len": 3, "doc_stride": 4, "handle_impossible_answer": true, "align_to_words": false}),
    );
    there_and_back::<riverrun_inference::TextRankingOptions>(
        json!({"top_k": 2, "return_documents": true, "raw_scores": true}),
    );
    there_and_back::<riverrun_inference::FillMaskOptions>(json!({"top_k": 2, "targets": ["a"]}));

    let refused = |parameters: Value| {
        let parameters: Map = serde_json::from_value(parameters).unwrap();
        SentenceEmbeddingsOptions::new().with_parameters(&parameters).unwrap_err().to_string()
    };
    assert!(
        refused(json!({"top_k": 1})).contains("`top_k` is not possible: there is none of that name; there are pooling")
    );
    assert!(refused(json!({"dimensions": "many"})).contains("`dimensions` is not possible"));
}

#[test]
fn an_embedding_survives_as_a_tensor() {
    let outputs = [vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]];
    let tensors = SentenceEmbeddings::outputs_to_tensors(&outputs.iter().collect::<Vec<_>>()).unwrap();

    assert_eq!(tensors[0].shape(), [2, 3]);
    assert_eq!(SentenceEmbeddings::outputs_from_tensors(tensors, 2).unwrap(), outputs);
}

#[test]
fn ten_thousand_texts_in_one_batch_are_what_they_are_alone() {
    let embeddings: SentenceEmbeddings = load("embeddings", SentenceEmbeddingsOptions::new().pooling(Pooling::Cls));
    let texts: Vec<Value> = (0..10_000).map(|index| json!("the cat sat on the mat . ".repeat(index % 7))).collect();

    let together = run(&embeddings, &texts);

    assert_eq!(together.len(), 10_000);
    for index in (0..7).chain(9_990..10_000) {
        assert_eq!(together[index], run(&embeddings, &texts[index..=index])[0]);
    }
}
