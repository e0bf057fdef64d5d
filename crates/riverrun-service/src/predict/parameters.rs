//! Parameters of a request, from its query and its body.

use riverrun_runner::wire::Map;
use serde_json::Value;

use crate::fault::Fault;

/// The parameters of a query: `top_k=3` is a number, `top_k=all` a string, `truncation=false` a boolean.
pub(super) fn of_query(query: Option<&str>) -> Result<Map, Fault> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(Map::new()) };
    let uri = format!("/?{query}").parse().map_err(|_| Fault::malformed("the query is not one"))?;
    let axum::extract::Query(pairs) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
        .map_err(|error| Fault::malformed(format!("the query could not be read: {}", error.body_text())))?;
    Ok(pairs.into_iter().map(|(name, value)| (name, typed(value))).collect())
}

fn typed(value: String) -> Value {
    match &*value {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        // Any integer, as in JSON: one with too many digits is still a number.
        digits if digits.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) => {
            serde_json::from_str(digits).unwrap_or(Value::String(value))
        }
        _ => Value::String(value),
    }
}

/// Both; what the body says wins.
pub(super) fn merge(query: Map, body: Map) -> Map {
    let mut both = query;
    both.extend(body);
    both
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_querys_values_have_the_types_that_they_look_like() {
        let parameters = of_query(Some("top_k=3&mode=all&truncation=false&text_pair=a%20b+c&top_p=0.5")).unwrap();

        let expected = json!({"top_k": 3, "mode": "all", "truncation": false, "text_pair": "a b c", "top_p": "0.5"});
        assert_eq!(Value::Object(parameters), expected);
        let many = of_query(Some("a=16290316469256173705117040&b=-7&c=-&d=007&e=")).unwrap();
        assert!(many["a"].is_f64() && many["b"] == -7, "{many:?}");
        assert!(many["c"] == "-" && many["d"] == "007" && many["e"] == "", "{many:?}");
        assert_eq!(of_query(Some("")), Ok(Map::new()));
    }
}
