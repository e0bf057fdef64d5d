//! Where labels come from: a model in this process, or a service.

use std::time::Instant;

use indicatif::DecimalBytes;
use riverrun::inference::TopK;
use riverrun::model::{Model, TagRef};
use riverrun::prelude::*;

use crate::failure::{Failure, Result, say};

pub(super) enum SourceOfLabels {
    Model {
        tag: TagRef,
        model: Box<Model>,
    },
    /// The model is what the service serves there, unless it has several.
    Service {
        url: String,
        model: Option<TagRef>,
    },
}

impl SourceOfLabels {
    /// A runner that is ready, after saying what it is.
    pub(super) fn runner(&self, top_k: TopK) -> Result<Runner<TextClassification>> {
        let start = Instant::now();
        let options = TextClassificationOptions::new().top_k(top_k);
        match self {
            Self::Model { tag, model } => {
                let runner = model.to_runner_with(options).map_err(Failure::failed)?;
                runner.init_local().map_err(Failure::failed)?;
                let exact =
                    if tag.exact().is_none() { format!("version {}, ", model.tag().version()) } else { String::new() };
                let size = DecimalBytes(model.metadata().size());
                say(format_args!("{tag} ({exact}{size}) loaded in {} ms", start.elapsed().as_millis()));
                Ok(runner)
            }
            Self::Service { url, model } => {
                let name = model.as_ref().map_or("text-classification", TagRef::name);
                let runner = TextClassification::runner_with(name, &options);
                let client = runner.init_client(url.as_str()).map_err(Failure::failed)?;
                let info = client.info();
                let model = info.model.map_or(String::new(), |model| format!(" serves {model},"));
                let protocol = info.protocol.map_or(String::new(), |protocol| format!(" spoken to in {protocol}"));
                say(format_args!("{url}{model}{protocol}"));
                Ok(runner)
            }
        }
    }
}
