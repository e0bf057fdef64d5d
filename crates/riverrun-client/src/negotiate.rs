//! Finds out what a service is to be asked in, and where.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{HeaderMap, StatusCode};
use riverrun_runner::wire;
use serde_json::Value;

use crate::endpoint::{Address, Endpoint, Endpoints};
use crate::error::ClientError;
use crate::http::{Failure, Outgoing, Reply};
use crate::options::ClientOptions;
use crate::protocol::{Api, Metadata, OpenApi, ProtocolKind};

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Negotiated {
    pub(crate) call: Call,
    pub(crate) target: Target,
    /// The path of the health check, behind the prefix.
    pub(crate) health: Option<String>,
    /// The methods that the service says its runner has.
    pub(crate) methods: Vec<String>,
}

/// The protocol, and what it needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Riverrun,
    Kserve(Metadata),
    Bentoml(Api),
    Plain,
}

impl Call {
    pub(crate) fn kind(&self) -> ProtocolKind {
        match self {
            Self::Riverrun => ProtocolKind::Riverrun,
            Self::Kserve(_) => ProtocolKind::Kserve,
            Self::Bentoml(_) => ProtocolKind::Bentoml,
            Self::Plain => ProtocolKind::Plain,
        }
    }
}

/// Where requests go, as a rule for all endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The route in an endpoint's URL, or this one where the URL has none. The service's own pages are beside the route or
    /// at the root.
    Route { default: String, beside: bool },
    /// A path below what an endpoint's URL says before `/v2`.
    Below(String),
}

impl Target {
    /// What a request to `address` asks for.
    pub(crate) fn at(&self, address: &Address) -> String {
        let path = match self {
            Self::Route { default, .. } => address.route().unwrap_or(default).to_owned(),
            Self::Below(path) => format!("{}{path}", before_v2(address)),
        };
        match address.query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        }
    }

    /// The path of one of the service's own pages.
    pub(crate) fn page(&self, address: &Address, page: &str) -> String {
        match self {
            Self::Route { beside: true, .. } => format!("{}{page}", parent(address)),
            Self::Route { beside: false, .. } => page.to_owned(),
            Self::Below(_) => format!("{}{page}", before_v2(address)),
        }
    }
}

/// `/team` of `/team/classify`.
fn parent(address: &Address) -> &str {
    address.route().and_then(|route| route.rsplit_once('/')).map_or("", |(parent, _)| parent)
}

/// What is before `/v2` in the URL.
fn before_v2(address: &Address) -> &str {
    let route = address.route().unwrap_or_default();
    match route.find("/v2/") {
        Some(at) => &route[..at],
        None => route.strip_suffix("/v2").unwrap_or(route),
    }
}

/// `NAME` of `…/v2/models/NAME`, and the version.
fn named_in(address: &Address) -> Option<(&str, Option<&str>)> {
    let route = address.route()?;
    let rest = &route[route.find("/v2/models/")? + "/v2/models/".len()..];
    let mut parts = rest.split('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let version = if parts.next() == Some("versions") { parts.next() } else { None };
    Some((name, version))
}

/// Why an endpoint told nothing.
enum Silence {
    Unreachable(String),
    /// It was reached, and is not what was hoped for.
    Unsuitable(String),
}

pub(crate) struct Negotiation<'a> {
    pub(crate) runner: &'a Arc<str>,
    pub(crate) options: &'a ClientOptions,
    pub(crate) headers: &'a HeaderMap,
}

impl Negotiation<'_> {
    /// Asks all endpoints at once; the first that tells decides.
    pub(crate) async fn run(&self, endpoints: &Endpoints) -> Result<Negotiated, ClientError> {
        let mut answers: FuturesUnordered<_> =
            endpoints.iter().map(|endpoint| async move { (endpoint, self.ask(endpoint).await) }).collect();
        let mut unreachable = Vec::new();
        let mut unsuitable = None;
        while let Some((endpoint, answer)) = answers.next().await {
            match answer {
                Ok(negotiated) => {
                    tracing::debug!(
                        runner = %self.runner, endpoint = %endpoint.address, protocol = %negotiated.call.kind(),
                        "protocol negotiated"
                    );
                    return Ok(negotiated);
                }
                Err(Silence::Unreachable(reason)) => unreachable.push((endpoint.address.to_string(), reason)),
                Err(Silence::Unsuitable(reason)) => {
                    let endpoint = endpoint.address.to_string();
                    unsuitable = Some(ClientError::Negotiation { runner: self.runner.clone(), endpoint, reason });
                }
            }
        }
        Err(unsuitable.unwrap_or(ClientError::Unreachable { runner: self.runner.clone(), attempts: unreachable }))
    }

    async fn ask(&self, endpoint: &Endpoint) -> Result<Negotiated, Silence> {
        match self.options.protocol {
            Some(ProtocolKind::Kserve) => return self.kserve(endpoint).await,
            Some(ProtocolKind::Plain) => return self.plain(endpoint).await,
            Some(ProtocolKind::Riverrun | ProtocolKind::Bentoml) | None => {}
        }
        if let Some((document, beside)) = self.document(endpoint).await? {
            let speaks_ours = document.posts().any(|post| post.takes(wire::CONTENT_TYPE));
            match self.options.protocol {
                Some(ProtocolKind::Riverrun) => return self.riverrun(endpoint, &document, beside).await,
                Some(ProtocolKind::Bentoml) => return self.bentoml(endpoint, &document, beside),
                _ if speaks_ours => return self.riverrun(endpoint, &document, beside).await,
                _ if document.is_bentoml() => return self.bentoml(endpoint, &document, beside),
                _ => {}
            }
        }
        let target = |route: &str| Target::Route { default: route.to_owned(), beside: false };
        let named = |call, route: &str| {
            Ok(Negotiated { call, target: target(route), health: Some("/readyz".to_owned()), methods: Vec::new() })
        };
        match (self.options.protocol, endpoint.address.route()) {
            (Some(ProtocolKind::Riverrun), Some(route)) => return named(Call::Riverrun, route),
            (Some(ProtocolKind::Bentoml), Some(route)) => {
                return named(Call::Bentoml(Api::unknown(self.options.argument.as_deref())), route);
            }
            (Some(kind), None) => {
                return Err(Silence::Unsuitable(format!(
                    "it has no OpenAPI document at `/docs.json`, which would name its {kind} route; write the route into \
                     the URL"
                )));
            }
            _ => {}
        }
        let live = self.get(endpoint, &format!("{}/v2/health/live", before_v2(&endpoint.address))).await?;
        if live.status.is_success() {
            return self.kserve(endpoint).await;
        }
        if endpoint.address.route().is_some() {
            return self.plain(endpoint).await;
        }
        Err(Silence::Unsuitable(
            "it has neither an OpenAPI document at `/docs.json` nor `/v2/health/live`; if it answers `text/plain`, write \
             its route into the URL, otherwise say what it speaks with `ClientOptions::protocol`"
                .to_owned(),
        ))
    }

    /// The service's OpenAPI document: beside the route, or at the root.
    async fn document(&self, endpoint: &Endpoint) -> Result<Option<(OpenApi, bool)>, Silence> {
        let parent = parent(&endpoint.address);
        let beside = (!parent.is_empty()).then_some((parent, true));
        for (prefix, beside) in beside.into_iter().chain([("", false)]) {
            let reply = self.get(endpoint, &format!("{prefix}/docs.json")).await?;
            if reply.status.is_success()
                && let Some(document) = OpenApi::parse(&reply.body)
            {
                return Ok(Some((document, beside)));
            }
        }
        Ok(None)
    }

    async fn riverrun(&self, endpoint: &Endpoint, document: &OpenApi, beside: bool) -> Result<Negotiated, Silence> {
        let posts: Vec<_> =
            document.posts().filter(|post| post.takes(wire::CONTENT_TYPE) && !post.route.contains('{')).collect();
        let prefix = if beside { parent(&endpoint.address) } else { "" };
        let routes: Vec<String> = posts.iter().map(|post| format!("`{}`", post.route)).collect();
        let model = |operation: &Value| operation["x-riverrun-model"].as_str().map(str::to_owned);
        let wanted = self.options.model.as_deref().unwrap_or(self.runner);
        let post = match endpoint.address.route() {
            Some(route) => {
                let asked = route.strip_prefix(prefix).unwrap_or(route);
                posts.iter().find(|post| post.route == asked).ok_or_else(|| {
                    Silence::Unsuitable(format!("it has no route `{route}`; it has {}", routes.join(", ")))
                })?
            }
            None => match &posts[..] {
                [] => return Err(Silence::Unsuitable("its OpenAPI document has no route for a runner".to_owned())),
                [post] => post,
                several => {
                    let fits = |name: String| name == wanted.split(':').next().unwrap_or_default();
                    let mut fitting = several.iter().filter(|post| model(post.operation).is_some_and(fits));
                    match (fitting.next(), fitting.next()) {
                        (Some(post), None) => post,
                        _ => {
                            return Err(Silence::Unsuitable(format!(
                                "it has several routes, {}; write one into the URL",
                                routes.join(", ")
                            )));
                        }
                    }
                }
            },
        };
        let mut methods = Vec::new();
        if let Some(name) = model(post.operation) {
            let versions = self.versions(endpoint, prefix, &name).await?;
            let tags: Vec<&str> = versions.iter().map(|(tag, _)| tag.as_str()).collect();
            if let Some(asked) = self.options.model.as_deref()
                && asked != name
                && !tags.contains(&asked)
            {
                let (route, tags) = (post.route, tags.join("`, `"));
                return Err(Silence::Unsuitable(format!(
                    "its route `{route}` is of model `{name}` (`{tags}`), not `{asked}`; correct the route or `ClientOptions::model`"
                )));
            }
            if let Some((tag, its_methods)) = versions.into_iter().next() {
                endpoint.set_model(&tag);
                methods = its_methods;
            }
        }
        let target = Target::Route { default: post.route.to_owned(), beside };
        Ok(Negotiated { call: Call::Riverrun, target, health: Some("/readyz".to_owned()), methods })
    }

    /// The exact tags of a model's versions, and their methods, the one that most requests go to first.
    async fn versions(
        &self, endpoint: &Endpoint, prefix: &str, name: &str,
    ) -> Result<Vec<(String, Vec<String>)>, Silence> {
        let reply = self.get(endpoint, &format!("{prefix}/v1/models")).await?;
        // Nice to know, not needed.
        let Ok(listed) = serde_json::from_slice::<Value>(&reply.body) else { return Ok(Vec::new()) };
        let models = listed["models"].as_array().into_iter().flatten();
        let mut versions: Vec<&Value> = models
            .filter(|model| model["name"] == name)
            .flat_map(|model| model["versions"].as_array().into_iter().flatten())
            .collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version["weight"].as_u64()));
        let described = |version: &&Value| {
            let methods = version["methods"].as_array().into_iter().flatten();
            let methods = methods.filter_map(|method| method.as_str().map(str::to_owned)).collect();
            Some((version["tag"].as_str()?.to_owned(), methods))
        };
        Ok(versions.iter().filter_map(described).collect())
    }

    fn bentoml(&self, endpoint: &Endpoint, document: &OpenApi, beside: bool) -> Result<Negotiated, Silence> {
        let prefix = if beside { parent(&endpoint.address) } else { "" };
        let apis: Vec<_> =
            document.posts().filter(|post| post.takes("application/json") || post.takes("text/plain")).collect();
        let routes = || apis.iter().map(|post| format!("`{}`", post.route)).collect::<Vec<_>>().join(", ");
        let post = match (endpoint.address.route(), &apis[..]) {
            (Some(route), _) => {
                let asked = route.strip_prefix(prefix).unwrap_or(route);
                document
                    .post(asked)
                    .ok_or_else(|| Silence::Unsuitable(format!("it has no API `{route}`; it has {}", routes())))?
            }
            (None, [_]) => apis.into_iter().next().ok_or_else(|| Silence::Unsuitable("it has no API".to_owned()))?,
            (None, []) => return Err(Silence::Unsuitable("its OpenAPI document has no API".to_owned())),
            (None, _) => {
                return Err(Silence::Unsuitable(format!("it has several APIs, {}; write one into the URL", routes())));
            }
        };
        let api = Api::describe(&post, self.options.argument.as_deref()).map_err(Silence::Unsuitable)?;
        let target = Target::Route { default: post.route.to_owned(), beside };
        Ok(Negotiated { call: Call::Bentoml(api), target, health: Some("/readyz".to_owned()), methods: Vec::new() })
    }

    async fn kserve(&self, endpoint: &Endpoint) -> Result<Negotiated, Silence> {
        let named = named_in(&endpoint.address);
        // A runner is called after its model's tag, whose version is not one of the server's.
        let own = self.runner.split(':').next().unwrap_or_default();
        let name = self.options.model.as_deref().or(named.map(|(name, _)| name)).unwrap_or(own);
        let version = named.and_then(|(_, version)| version);
        let version = version.map_or_else(String::new, |version| format!("/versions/{version}"));
        let model = format!("/v2/models/{name}{version}");
        let reply = self.get(endpoint, &format!("{}{model}", before_v2(&endpoint.address))).await?;
        if !reply.status.is_success() {
            return Err(Silence::Unsuitable(format!(
                "it answers `{model}` with {}; name the model that it has with `ClientOptions::model`",
                reply.status
            )));
        }
        let metadata = Metadata::parse(&reply.body).map_err(Silence::Unsuitable)?;
        if let Some(version) = metadata.versions.last() {
            endpoint.set_model(&format!("{}:{version}", metadata.name));
        }
        let (target, health) = (Target::Below(format!("{model}/infer")), Some(format!("{model}/ready")));
        Ok(Negotiated { call: Call::Kserve(metadata), target, health, methods: Vec::new() })
    }

    async fn plain(&self, endpoint: &Endpoint) -> Result<Negotiated, Silence> {
        let ready = self.get(endpoint, "/readyz").await?;
        let health = ready.status.is_success().then(|| "/readyz".to_owned());
        let default = endpoint.address.route().unwrap_or("/").to_owned();
        let target = Target::Route { default, beside: false };
        Ok(Negotiated { call: Call::Plain, target, health, methods: Vec::new() })
    }

    async fn get(&self, endpoint: &Endpoint, target: &str) -> Result<Reply, Silence> {
        let outgoing = Outgoing::get(target, self.headers.clone());
        let time = self.options.connect_timeout + Duration::from_millis(100);
        match endpoint.pool.send(&outgoing, Instant::now() + time).await {
            Ok(reply) if matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Silence::Unsuitable(format!(
                    "it answers `{target}` with {}; give it a token with `ClientOptions::bearer_token`",
                    reply.status
                )))
            }
            // It is there, and will tell later.
            Ok(reply) if is_temporary(reply.status) => {
                Err(Silence::Unreachable(format!("it answers `{target}` with {}", reply.status)))
            }
            Ok(reply) => Ok(reply),
            Err(Failure::Malformed(reason)) => {
                Err(Silence::Unsuitable(format!("{reason}; is it the port of an HTTP service?")))
            }
            Err(failure) => Err(Silence::Unreachable(failure.reason().to_owned())),
        }
    }
}

fn is_temporary(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::parse(url).unwrap()
    }

    #[test]
    fn a_route_in_the_url_goes_before_the_one_that_was_found() {
        let target = Target::Route { default: "/classify".to_owned(), beside: true };

        assert_eq!(target.at(&address("http://h")), "/classify");
        assert_eq!(target.at(&address("http://h/team/label?top_k=2")), "/team/label?top_k=2");
        assert_eq!(target.page(&address("http://h/team/label"), "/readyz"), "/team/readyz");
        assert_eq!(target.page(&address("http://h"), "/readyz"), "/readyz");
    }

    #[test]
    fn a_model_is_found_below_the_prefix_of_its_server() {
        let target = Target::Below("/v2/models/m/infer".to_owned());

        for url in ["http://h/gw", "http://h/gw/v2", "http://h/gw/v2/models/m/versions/3/infer"] {
            assert_eq!(target.at(&address(url)), "/gw/v2/models/m/infer", "{url}");
        }
        assert_eq!(named_in(&address("http://h/gw/v2/models/m/versions/3/infer")), Some(("m", Some("3"))));
        assert_eq!(named_in(&address("http://h/v2/models/m")), Some(("m", None)));
        assert_eq!(named_in(&address("http://h")), None);
    }
}
