//! The model that comes with the repository, for examples.

use riverrun::prelude::*;

/// Its runner, under the name `text-classification`; imported where the store has none of this name.
pub(crate) fn runner() -> Result<Runner<TextClassification>> {
    if let Err(riverrun::model::Error::NotFound { .. }) = riverrun::models::get("text-classification") {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");
        riverrun::models::import(directory, "text-classification")?;
    }
    Ok(riverrun::models::get("text-classification:latest")?.to_runner()?)
}
