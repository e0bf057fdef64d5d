//! The golden vectors of the key groups, which every side of a savepoint shares.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use riverrun_stream::key_group::{key_group, murmur3_32};
use serde_json::Value;

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("golden/key_groups.json")).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|index| u8::from_str_radix(&text[index..index + 2], 16).unwrap()).collect()
}

#[test]
fn the_hash_of_the_canonical_bytes_is_the_recorded_one() {
    for vector in vectors() {
        let bytes = unhex(vector["bytes"].as_str().unwrap());

        assert_eq!(u64::from(murmur3_32(&bytes)), vector["murmur3_32"].as_u64().unwrap(), "{vector}");
    }
}

#[test]
fn a_key_falls_into_the_recorded_group() {
    for vector in vectors() {
        let key = &vector["key"];
        for (max_parallelism, group) in vector["key_group"].as_object().unwrap() {
            let max_parallelism = max_parallelism.parse().unwrap();
            let found = match vector["type"].as_str().unwrap() {
                "string" => key_group(&key.as_str().unwrap(), max_parallelism),
                "integer" => key_group(&key.as_i64().unwrap(), max_parallelism),
                "boolean" => key_group(&key.as_bool().unwrap(), max_parallelism),
                _ => key_group(&(key[0].as_str().unwrap(), key[1].as_i64().unwrap()), max_parallelism),
            };

            assert_eq!(found.unwrap() as u64, group.as_u64().unwrap(), "{vector}");
        }
    }
}
