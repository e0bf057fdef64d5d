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

    /// Gives a route to somebody. With it goes that of its streams.
    pub(crate) fn take(&mut self, route: &str, wanted_by: &str) -> Result<(), ServiceError> {
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
        for wanted in [route.to_owned(), stream_of(route)] {
            if let Some((_, first)) = self.by_route.iter().find(|(taken, _)| *taken == wanted) {
                let (first, second) = (first.clone(), wanted_by.to_owned());
                return Err(ServiceError::RouteTaken { route: wanted, first, second });
            }
        }
        self.by_route.push((route.to_owned(), wanted_by.to_owned()));
        self.by_route.push((stream_of(route), wanted_by.to_owned()));
        Ok(())
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
