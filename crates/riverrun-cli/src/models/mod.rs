//! `riverrun models`: one command a file.

mod delete;
mod get;
mod import;
mod list;
mod path;
mod promote;
mod view;

use riverrun::model::{ModelStore, Tag, TagRef};

use crate::cli::{ModelsArguments, ModelsCommand};
use crate::failure::{Result, say};

pub(crate) fn run(arguments: ModelsArguments) -> Result {
    let form = arguments.output;
    let store = ModelStore::open_default;
    match arguments.command {
        ModelsCommand::List => list::run(&store()?, form),
        ModelsCommand::Get { tag } => get::run(&store()?, &any(&tag)?, form),
        ModelsCommand::Promote { tag } => promote::run(&store()?, &exact(&tag)?, form),
        ModelsCommand::Import { directory, name, version, no_promote } => {
            import::run(&store()?, &directory, name, version, !no_promote, form)
        }
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
