//! `riverrun models`: one command a file.

mod arguments;
mod bench;
mod delete;
mod export;
mod get;
mod import;
mod label;
mod list;
mod path;
mod progress;
mod promote;
mod pull;
mod quantize;
mod view;

use riverrun::model::{ModelStore, Tag, TagRef};

pub(crate) use arguments::{Form, ModelsArguments, ModelsCommand};

use crate::failure::{Result, say};

pub(crate) fn run(arguments: ModelsArguments) -> Result {
    let form = arguments.output;
    let store = ModelStore::open_default;
    match arguments.command {
        ModelsCommand::List { name, labels } => list::run(&store()?, name.as_deref(), &labels, form),
        ModelsCommand::Get { tag } => get::run(&store()?, &any(&tag)?, form),
        ModelsCommand::Promote { tag } => promote::run(&store()?, &exact(&tag)?, form),
        ModelsCommand::Import(arguments) => import::run(&store()?, arguments, form),
        ModelsCommand::Pull(arguments) => pull::run(&store()?, arguments, form),
        ModelsCommand::Bench(arguments) => bench::run(&store()?, &any(&arguments.tag)?, &arguments, form),
        ModelsCommand::Quantize(arguments) => quantize::run(&store()?, &any(&arguments.tag)?, arguments, form),
        ModelsCommand::Export { tag, file, force } => export::run(&store()?, &any(&tag)?, file, force, form),
        ModelsCommand::Label { tag, changes } => label::run(&store()?, &any(&tag)?, changes, form),
        ModelsCommand::Delete { tag } => delete::run(&store()?, &exact(&tag)?, form),
        ModelsCommand::Path { tag } => path::run(&store()?, &any(&tag)?, form),
    }
}

/// Reads a tag, and says so when upper case was lowered.
pub(crate) fn any(text: &str) -> Result<TagRef> {
    let parsed = TagRef::parse_with_warning(text)?;
    parsed.warning.into_iter().for_each(say);
    Ok(parsed.tag)
}

fn exact(text: &str) -> Result<Tag> {
    let parsed = Tag::parse_with_warning(text)?;
    parsed.warning.into_iter().for_each(say);
    Ok(parsed.tag)
}
