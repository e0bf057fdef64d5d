//! The protocol over gRPC.

use std::time::Duration;

use axum::Router;
use futures_util::StreamExt;
use riverrun_runner::Batching;
use riverrun_service::{Limits, ServedModel};
use tonic::{Code, Request, Status};

use crate::fixture::{Words, service, service_of};
use crate::proto::grpc_inference_service_client::GrpcInferenceServiceClient;
use crate::proto::infer_parameter::ParameterChoice;
use crate::proto::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use crate::proto::{
    InferParameter, InferTensorContents, ModelInferRequest, ModelMetadataRequest, ModelReadyRequest,
    RepositoryIndexRequest, ServerLiveRequest, ServerMetadataRequest, ServerReadyRequest,
};

pub(crate) fn client(router: &Router) -> GrpcInferenceServiceClient<Router> {
    GrpcInferenceServiceClient::new(router.clone())
}

fn input(name: &str, datatype: &str, shape: &[i64], contents: Option<InferTensorContents>) -> InferInputTensor {
    let shape = shape.to_vec();
    InferInputTensor { name: name.into(), datatype: datatype.into(), shape, contents, ..Default::default() }
}

/// A request to the model of texts.
pub(crate) fn texts(texts: &[&str]) -> ModelInferRequest {
    let bytes_contents = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    let contents = InferTensorContents { bytes_contents, ..Default::default() };
    let shape = [i64::try_from(texts.len()).unwrap()];
    ModelInferRequest {
        model_name: "words".into(),
        inputs: vec![input("text", "BYTES", &shape, Some(contents))],
        ..Default::default()
    }
}

/// As [`texts`], as bytes.
fn raw(bytes: &[u8], items: i64) -> ModelInferRequest {
    ModelInferRequest {
        model_name: "words".into(),
        inputs: vec![input("text", "BYTES", &[items], None)],
        raw_input_contents: vec![bytes.to_vec()],
        ..Default::default()
    }
}

async fn refused(router: &Router, request: impl tonic::IntoRequest<ModelInferRequest>) -> Status {
    client(router).model_infer(request).await.unwrap_err()
}

#[tokio::test]
async fn the_server_and_its_models_say_what_they_are() {
    let router = service().into_router().unwrap();
    let mut client = client(&router);
    let named = |version: &str| ModelMetadataRequest { name: "words".into(), version: version.into() };

    assert!(client.server_live(ServerLiveRequest {}).await.unwrap().into_inner().live);
    assert!(client.server_ready(ServerReadyRequest {}).await.unwrap().into_inner().ready);
    assert_eq!(client.server_metadata(ServerMetadataRequest {}).await.unwrap().into_inner().name, "test");
    let model = client.model_metadata(named("7")).await.unwrap().into_inner();

    assert_eq!((&*model.name, &*model.platform, &model.versions[..]), ("words", "riverrun", &["7".to_owned()][..]));
    let outputs: Vec<_> =
        model.outputs.iter().map(|output| (&*output.name, &*output.datatype, &*output.shape)).collect();
    assert_eq!(outputs, [("shout", "BYTES", &[-1][..]), ("length", "INT64", &[-1][..])]);
    let ready = ModelReadyRequest { name: "words".into(), version: String::new() };
    assert!(client.model_ready(ready).await.unwrap().into_inner().ready);
    assert_eq!(client.model_metadata(named("8")).await.unwrap_err().code(), Code::NotFound);
    let index = client.repository_index(RepositoryIndexRequest::default()).await.unwrap().into_inner();
    let names: Vec<_> = index.models.iter().map(|model| (&*model.name, &*model.version, &*model.state)).collect();
    assert_eq!(names, [("words", "7", "READY"), ("echo", "1", "READY")]);
}

#[tokio::test]
async fn typed_contents_are_answered_with_typed_contents() {
    let router = service().into_router().unwrap();
    let mut request = texts(&["ab", "é"]);
    request.id = "42".into();

    let answer = client(&router).model_infer(request).await.unwrap().into_inner();

    assert_eq!((&*answer.model_name, &*answer.model_version, &*answer.id), ("words", "7", "42"));
    assert!(answer.raw_output_contents.is_empty());
    let contents = |index: usize| answer.outputs[index].contents.clone().unwrap();
    assert_eq!(contents(0).bytes_contents, [b"AB".to_vec(), "É".as_bytes().to_vec()]);
    assert_eq!(contents(1).int64_contents, [2, 2]);
}

#[tokio::test]
async fn raw_contents_are_answered_with_raw_contents() {
    let router = service().into_router().unwrap();
    let mut request = raw(b"\x02\0\0\0ab\0\0\0\0", 2);
    request.outputs = vec![InferRequestedOutputTensor { name: "shout".into(), ..Default::default() }];

    let answer = client(&router).model_infer(request).await.unwrap().into_inner();

    assert_eq!(answer.outputs.len(), 1);
    assert_eq!(answer.outputs[0].contents, None);
    assert_eq!(answer.raw_output_contents, [b"\x02\0\0\0AB\0\0\0\0"]);
}

#[tokio::test]
async fn contents_of_every_type_survive() {
    let router = service().into_router().unwrap();
    let empty = InferTensorContents::default;
    let cases = [
        ("BOOL", InferTensorContents { bool_contents: vec![true, false], ..empty() }),
        ("UINT8", InferTensorContents { uint_contents: vec![0, 255], ..empty() }),
        ("UINT16", InferTensorContents { uint_contents: vec![0, 65535], ..empty() }),
        ("UINT32", InferTensorContents { uint_contents: vec![0, u32::MAX], ..empty() }),
        ("UINT64", InferTensorContents { uint64_contents: vec![0, u64::MAX], ..empty() }),
        ("INT8", InferTensorContents { int_contents: vec![-128, 127], ..empty() }),
        ("INT16", InferTensorContents { int_contents: vec![-32768, 32767], ..empty() }),
        ("INT32", InferTensorContents { int_contents: vec![i32::MIN, i32::MAX], ..empty() }),
        ("INT64", InferTensorContents { int64_contents: vec![i64::MIN, i64::MAX], ..empty() }),
        ("FP32", InferTensorContents { fp32_contents: vec![0.1, f32::INFINITY], ..empty() }),
        ("FP64", InferTensorContents { fp64_contents: vec![0.1, -1e300], ..empty() }),
    ];

    for (datatype, contents) in cases {
        let request = ModelInferRequest {
            model_name: "echo".into(),
            inputs: vec![input("x", datatype, &[2, 1], Some(contents.clone()))],
            ..Default::default()
        };
        let answer = client(&router).model_infer(request).await.unwrap().into_inner();
        assert_eq!(answer.outputs[0].contents, Some(contents), "{datatype}");
        assert_eq!((&*answer.outputs[0].datatype, &*answer.outputs[0].shape), (datatype, &[2, 1][..]));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_with_the_code_that_clients_know() {
    let router = service().into_router().unwrap();
    let to = |model: &str, version: &str| ModelInferRequest {
        model_name: model.into(),
        model_version: version.into(),
        ..texts(&["a"])
    };
    let with = |input: InferInputTensor| ModelInferRequest { inputs: vec![input], ..texts(&["a"]) };
    let method = InferParameter { parameter_choice: Some(ParameterChoice::StringParam("translate".into())) };
    let mut unknown_method = texts(&["a"]);
    unknown_method.parameters.insert("method".into(), method);
    let two_raw = ModelInferRequest { raw_input_contents: vec![Vec::new(); 2], ..raw(b"", 1) };
    let both = ModelInferRequest { raw_input_contents: vec![b"\x01\0\0\0a".to_vec()], ..texts(&["a"]) };
    let ints = InferTensorContents { int_contents: vec![300], ..Default::default() };

    let cases = [
        (to("wrods", ""), Code::NotFound, "words, echo"),
        (to("words", "8"), Code::NotFound, "there is 7"),
        (with(input("text", "TEXT", &[1], None)), Code::InvalidArgument, "TEXT"),
        (with(input("text", "BYTES", &[-1], None)), Code::InvalidArgument, "negative"),
        (with(input("text", "BYTES", &[1], None)), Code::InvalidArgument, "fill its shape"),
        (with(input("text", "INT8", &[1], Some(ints))), Code::InvalidArgument, "no place"),
        (with(input("text", "FP16", &[1], None)), Code::InvalidArgument, "raw_input_contents"),
        (unknown_method, Code::InvalidArgument, "translate"),
        (two_raw, Code::InvalidArgument, "2 `raw_input_contents`"),
        (both, Code::InvalidArgument, "send one of them"),
        (raw(b"\x09\0\0\0a", 1), Code::InvalidArgument, "end within a string"),
    ];
    for (request, code, message) in cases {
        let status = refused(&router, request.clone()).await;
        assert_eq!(status.code(), code, "{status:?} for {request:?}");
        assert!(status.message().contains(message), "{status:?}");
    }
    let failed = refused(&router, texts(&["fail"])).await;
    assert_eq!(failed.code(), Code::Internal);
    assert!(!failed.message().contains("secret") && failed.message().contains("request id"), "{failed:?}");
}

#[tokio::test]
async fn a_model_that_is_not_loaded_is_unavailable() {
    let router = service().model("/later", &ServedModel::unloaded("later")).into_router().unwrap();

    let status = refused(&router, ModelInferRequest { model_name: "later".into(), ..texts(&["a"]) }).await;

    assert_eq!(status.code(), Code::Unavailable);
    assert!(!client(&router).server_ready(ServerReadyRequest {}).await.unwrap().into_inner().ready);
}

#[tokio::test]
async fn the_time_that_the_caller_has_is_the_deadline() {
    let words = Words { wait: Duration::from_millis(500) };
    let router = service_of(words, Batching::default()).into_router().unwrap();
    let mut request = Request::new(texts(&["a"]));
    request.set_timeout(Duration::from_millis(20));
    let mut broken = Request::new(texts(&["a"]));
    broken.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());

    assert_eq!(refused(&router, request).await.code(), Code::DeadlineExceeded);
    assert_eq!(refused(&router, broken).await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn more_bytes_or_items_than_a_request_may_have_are_refused() {
    let limits = Limits::default().max_body(2000).max_items(3);
    let router = service().limits(limits).into_router().unwrap();

    let items = refused(&router, texts(&["a", "b", "c", "d"])).await;
    let bytes = refused(&router, texts(&[&"a".repeat(3000)])).await;

    assert_eq!((items.code(), bytes.code()), (Code::OutOfRange, Code::OutOfRange), "{items:?} {bytes:?}");
}

#[tokio::test]
async fn without_the_token_a_call_is_unauthenticated() {
    let router = service().token("alpha").into_router().unwrap();
    let mut request = Request::new(texts(&["a"]));
    request.metadata_mut().insert("authorization", "Bearer alpha".parse().unwrap());

    assert_eq!(refused(&router, texts(&["a"])).await.code(), Code::Unauthenticated);
    client(&router).model_infer(request).await.unwrap();
}

#[tokio::test]
async fn a_call_that_there_is_not_is_unimplemented() {
    let router = service().into_router().unwrap();
    let headers = [("content-type", "application/grpc")];

    let path = "/inference.GRPCInferenceService/RepositoryModelLoad";
    let answer = crate::fixture::send(&router, "POST", path, &headers, &b"\0\0\0\0\0"[..]).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["grpc-status"], "12");
}

#[tokio::test]
async fn a_stream_is_answered_in_order_and_outlives_a_request_that_fails() {
    let router = service().into_router().unwrap();
    let wrong = ModelInferRequest { model_name: "wrods".into(), ..texts(&["a"]) };
    let requests = ["a", "b", "c", "d"].map(|text| texts(&[text])).into_iter().chain([wrong, texts(&["e"])]);
    let requests = requests.enumerate().map(|(id, request)| ModelInferRequest { id: id.to_string(), ..request });

    let answers = client(&router).model_stream_infer(futures_util::stream::iter(requests)).await.unwrap().into_inner();
    let answers: Vec<_> = answers.map(Result::unwrap).collect().await;

    let seen: Vec<_> = answers
        .iter()
        .map(|answer| {
            let response = answer.infer_response.as_ref().unwrap();
            let shout = response.outputs.first().map(|output| output.contents.clone().unwrap().bytes_contents.concat());
            (&*response.id, String::from_utf8(shout.unwrap_or_default()).unwrap())
        })
        .collect();
    let expected = [("0", "A"), ("1", "B"), ("2", "C"), ("3", "D"), ("4", ""), ("5", "E")];
    assert_eq!(seen, expected.map(|(id, shout)| (id, shout.to_owned())));
    assert!(answers[4].error_message.contains("`wrods`"), "{}", answers[4].error_message);
    assert!(answers[5].error_message.is_empty());
}
