//! Where an endpoint is: [`Address`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;

use crate::error::ClientError;

/// How a connection is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp { host: String, port: u16, tls: bool },
    Unix(PathBuf),
}

/// A URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    text: Arc<str>,
    place: Place,
    /// What the `Host` header says.
    authority: String,
    /// The path without a slash at its end: empty if the URL names a server alone.
    route: String,
    query: Option<String>,
}

impl Address {
    /// Reads `http://host[:port][/route]`, `https://…` or `unix:/path/to.sock[:/route]`.
    pub(crate) fn parse(url: &str) -> Result<Self, ClientError> {
        let fail = |reason: &str| ClientError::Url { url: url.to_owned(), reason: reason.to_owned() };
        let text: Arc<str> = url.trim().trim_end_matches('/').into();
        if let Some(rest) = text.strip_prefix("unix:") {
            // The `:/` between a socket and its route, as nginx writes it.
            let (path, target) = rest.split_once(":/").map_or((rest, ""), |(path, route)| (path, route));
            let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
            if !path.is_absolute() {
                return Err(fail("the path of a Unix socket is absolute"));
            }
            let (route, query) = split_query(target);
            let route = if route.is_empty() { String::new() } else { format!("/{route}") };
            return Ok(Self { place: Place::Unix(path), authority: "localhost".to_owned(), route, query, text });
        }
        let uri: Uri = text.parse().map_err(|error: http::uri::InvalidUri| fail(&error.to_string()))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(scheme) => return Err(fail(&format!("`{scheme}` is not a scheme of it"))),
            None => return Err(fail("it has no scheme")),
        };
        let authority = uri.authority().ok_or_else(|| fail("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(ClientError::Url {
                url: "(hidden)".to_owned(),
                reason: "it has credentials in it, which would end up in logs; use `ClientOptions::bearer_token` or \
                         `ClientOptions::header`"
                    .to_owned(),
            });
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(fail("it names no host"));
        }
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str().len() > authority.host().len() => return Err(fail("its port is none")),
            None if tls => 443,
            None => 80,
        };
        let route = uri.path().trim_end_matches('/').to_owned();
        let query = uri.query().map(str::to_owned);
        Ok(Self { place: Place::Tcp { host, port, tls }, authority: authority.to_string(), route, query, text })
    }

    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn route(&self) -> Option<&str> {
        Some(self.route.as_str()).filter(|route| !route.is_empty())
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn split_query(target: &str) -> (&str, Option<String>) {
    match target.split_once('?') {
        Some((route, query)) => (route.trim_end_matches('/'), Some(query.to_owned())),
        None => (target.trim_end_matches('/'), None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tcp(host: &str, port: u16, tls: bool) -> Place {
        Place::Tcp { host: host.to_owned(), port, tls }
    }

    #[test]
    fn a_url_is_a_server_or_a_route_of_it() {
        let base = Address::parse("http://host:3000/").unwrap();
        assert_eq!((base.place(), base.route()), (&tcp("host", 3000, false), None));

        let route = Address::parse("https://[::1]/v1/classify/?top_k=3").unwrap();
        assert_eq!(route.place(), &tcp("::1", 443, true));
        assert_eq!((route.route(), route.query()), (Some("/v1/classify"), Some("top_k=3")));

        let socket = Address::parse("unix:/run/r.sock").unwrap();
        assert_eq!((socket.place(), socket.route()), (&Place::Unix("/run/r.sock".into()), None));
        let socket = Address::parse("unix:/run/r.sock:/classify").unwrap();
        assert_eq!((socket.place(), socket.route()), (&Place::Unix("/run/r.sock".into()), Some("/classify")));
    }

    #[test]
    fn what_is_no_url_is_an_error_that_shows_it_and_hides_passwords() {
        for url in ["", "host:3000", "ftp://host", "http://", "http://host:99999", "unix:r.sock", "http://a b"] {
            assert!(matches!(Address::parse(url), Err(ClientError::Url { .. })), "{url}");
        }
        let error = Address::parse("http://me:secret@host").unwrap_err().to_string();
        assert!(!error.contains("secret") && error.contains("bearer_token"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), scheme in prop_oneof!["http://", "https://", "unix:", ""]) {
            let _ = Address::parse(&format!("{scheme}{text}"));
        }
    }
}
