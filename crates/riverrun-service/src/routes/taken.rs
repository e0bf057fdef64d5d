//! [`Taken`]: which routes there are, so that none is given twice.

use super::{OWN, OWN_TREES, stream_of};
use crate::error::ServiceError;

/// Which route belongs to whom.
pub(crate) struct Taken {
    by_route: Vec<(String, String)>,
}

impl Taken {
    pub(crate) fn new() -> Self {
        Self { by_route: Vec::new() }
    }

    /// Gives a route to a model. With it goes that of its streams.
    pub(crate) fn take(&mut self, route: &str, wanted_by: &str) -> Result<(), ServiceError> {
        self.take_one(route, wanted_by)?;
        let stream = stream_of(route);
        self.check_free(&stream, wanted_by)?;
        self.by_route.push((stream, wanted_by.to_owned()));
        Ok(())
    }

    /// Gives a route to somebody.
    pub(crate) fn take_one(&mut self, route: &str, wanted_by: &str) -> Result<(), ServiceError> {
        let bad = |reason| ServiceError::BadRoute { route: route.to_owned(), reason };
        if !route.starts_with('/') {
            return Err(bad("it does not begin with a slash"));
        }
        if route.len() > 1 && route.ends_with('/') {
            return Err(bad("it ends with a slash"));
        }
        if route.contains("//") {
            return Err(bad("it has an empty segment"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~:".contains(c);
        if !route.chars().all(plain) {
            return Err(bad("it has a character other than letters, digits and -_.~:"));
        }
        let own = OWN.iter().filter_map(|own| own.split_once(' ')).any(|(_, path)| path == route);
        if own || OWN_TREES.iter().any(|tree| is_within(route, tree)) {
            return Err(ServiceError::RouteReserved { route: route.to_owned(), wanted_by: wanted_by.to_owned() });
        }
        self.check_free(route, wanted_by)?;
        self.by_route.push((route.to_owned(), wanted_by.to_owned()));
        Ok(())
    }

    fn check_free(&self, route: &str, wanted_by: &str) -> Result<(), ServiceError> {
        match self.by_route.iter().find(|(taken, _)| taken == route) {
            Some((_, first)) => Err(ServiceError::RouteTaken {
                route: route.to_owned(),
                first: first.clone(),
                second: wanted_by.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Every route with its method, the service's own last.
    pub(crate) fn into_routes(self) -> Vec<String> {
        let given = self.by_route.into_iter().map(|(route, _)| format!("POST {route}"));
        given.chain(OWN.iter().map(|own| (*own).to_owned())).collect()
    }
}

fn is_within(route: &str, tree: &str) -> bool {
    route.strip_prefix(tree).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
}
