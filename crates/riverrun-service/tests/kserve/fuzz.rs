//! Messages that are nearly right: never the service's fault.

use axum::Router;
use proptest::prelude::*;
use prost::Message;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::fixture::{Answer, send, service};
use crate::grpc::texts;
use crate::proto::ModelInferRequest;

thread_local! {
    static SERVICE: (Runtime, Router) =
        (Builder::new_current_thread().enable_all().build().unwrap(), service().into_router().unwrap());
}

fn exchanged(path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    SERVICE.with(|(runtime, router)| runtime.block_on(send(router, "POST", path, headers, body)))
}

/// Bytes put in the place of others, and where a cut is made.
fn damage() -> impl Strategy<Value = (Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>)> {
    let puts = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (puts, prop::option::weighted(0.2, any::<prop::sample::Index>()))
}

type Damage = (Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>);

fn damaged(mut bytes: Vec<u8>, (puts, cut): Damage) -> Vec<u8> {
    for (at, byte) in puts {
        let at = at.index(bytes.len());
        bytes[at] = byte;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes
}

const STRINGS: &[u8] = b"\x02\0\0\0ab\x01\0\0\0c";

fn raw() -> ModelInferRequest {
    let mut request = texts(&["ab", "c"]);
    request.inputs[0].contents = None;
    request.raw_input_contents = vec![STRINGS.to_vec()];
    request
}

/// A message as a call has it: whether it is compressed, its length, itself.
fn framed(message: &[u8]) -> Vec<u8> {
    [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_json_and_bytes_make_no_service_fail(
        model in prop::sample::select(&["words", "echo"][..]), off in -2_i64..3, damage in damage(),
    ) {
        let json = json!({"id": "1", "inputs": [{"name": "text", "datatype": "BYTES", "shape": [2],
            "parameters": {"binary_data_size": STRINGS.len()}}],
            "outputs": [{"name": "shout", "parameters": {"binary_data": true}}]}).to_string();
        let length = (i64::try_from(json.len()).unwrap() + if off.abs() == 2 { off } else { 0 }).to_string();
        let body = damaged([json.as_bytes(), STRINGS].concat(), damage);

        let path = format!("/v2/models/{model}/infer");
        let answer = exchanged(&path, &[("inference-header-content-length", &length)], body);

        prop_assert!(answer.status.as_u16() < 500, "{answer:?}");
        if answer.status != 200 {
            prop_assert!(!answer.error().is_empty());
        }
    }

    #[test]
    fn damaged_messages_make_no_service_fail(
        as_bytes in any::<bool>(), in_frame in any::<bool>(), damage in damage(),
        call in prop::sample::select(&["ModelInfer", "ModelStreamInfer", "ModelMetadata", "RepositoryIndex"][..]),
    ) {
        let message = if as_bytes { raw() } else { texts(&["ab", "c"]) }.encode_to_vec();
        let body = if in_frame { framed(&damaged(message, damage)) } else { damaged(framed(&message), damage) };

        let path = format!("/inference.GRPCInferenceService/{call}");
        let answer = exchanged(&path, &[("content-type", "application/grpc"), ("te", "trailers")], body);

        prop_assert_eq!(answer.status, 200);
        let status = answer.headers.get("grpc-status").and_then(|status| status.to_str().ok());
        let (unknown, internal, data_loss) = ("2", "13", "15");
        prop_assert!(status.is_some_and(|status| ![unknown, internal, data_loss].contains(&status)), "{answer:?}");
    }
}
