//! [`Models`]: what a service serves, by name and by route.

use std::sync::Arc;

use crate::error::ServiceError;
use crate::fault::Fault;
use crate::served_model::ServedModel;

/// The models of a service and the routes that lead to them. Fixed when the service starts; each model's versions may
/// change at any time.
#[derive(Debug, Default, Clone)]
pub(crate) struct Models {
    list: Vec<Arc<ServedModel>>,
    routes: Vec<(String, Arc<ServedModel>)>,
}

impl Models {
    /// Adds a model, or one more route to it.
    pub(crate) fn add(&mut self, route: &str, model: Arc<ServedModel>) -> Result<(), ServiceError> {
        check_name(model.name())?;
        match self.list.iter().find(|known| known.name() == model.name()) {
            Some(known) if !Arc::ptr_eq(known, &model) => {
                return Err(ServiceError::NameTaken { name: model.name().to_owned() });
            }
            Some(_) => {}
            None => self.list.push(model.clone()),
        }
        self.routes.push((route.to_owned(), model));
        Ok(())
    }

    /// The model called `name`.
    pub(crate) fn get(&self, name: &str) -> Result<&Arc<ServedModel>, Fault> {
        self.list.iter().find(|model| model.name() == name).ok_or_else(|| Fault::UnknownModel {
            model: name.to_owned(),
            models: self.list.iter().map(|model| model.name().to_owned()).collect(),
        })
    }

    /// All models, in the order in which they were given.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<ServedModel>> {
        self.list.iter()
    }

    /// Every route and its model.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (&str, &Arc<ServedModel>)> {
        self.routes.iter().map(|(route, model)| (&**route, model))
    }

    /// The routes of one model.
    pub(crate) fn routes_of(&self, name: &str) -> Vec<&str> {
        self.routes().filter(|(_, model)| model.name() == name).map(|(route, _)| route).collect()
    }

    /// A model that can't compute now, if there is one.
    pub(crate) fn unready(&self) -> Option<&Arc<ServedModel>> {
        self.list.iter().find(|model| !model.is_ready())
    }
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > 128 {
        "it has more than 128 bytes"
    } else if name.contains(|c: char| c.is_control() || c.is_whitespace() || "/:?#%\"{}*".contains(c)) {
        "it has a character that has a meaning in URLs or tags"
    } else {
        return Ok(());
    };
    Err(ServiceError::BadName { name: name.to_owned(), reason })
}
