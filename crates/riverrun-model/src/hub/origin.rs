//! Where an address leads: scheme, host and port.

use crate::error::{Error, Result};

/// The scheme, the host and the port of an address. A token that is for one is for no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an `http` or `https` address, and `None` for any other.
    pub(super) fn of(address: &str) -> Option<Self> {
        let address: ureq::http::Uri = address.parse().ok()?;
        let secure = match address.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        // A name before an `@` is one trick to make an address look like another.
        if address.authority()?.as_str().contains('@') {
            return None;
        }
        let host = address.host()?.trim_end_matches('.').to_ascii_lowercase();
        let port = address.port_u16().unwrap_or(if secure { 443 } else { 80 });
        (!host.is_empty()).then_some(Self { secure, host, port })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether nobody on the way can read what is sent there.
    pub(super) fn is_private(&self) -> bool {
        let address = self.host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        self.secure || self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

/// An address as messages and metadata may have it: without a password before its host, and without its query, in which tokens and
/// signatures stand.
pub(super) fn shown(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = authority.rsplit_once('@').map_or(authority.to_owned(), |(_, host)| format!("…@{host}"));
    let path = path.split_once(['?', '#']).map_or(path.to_owned(), |(path, _)| format!("{path}?…"));
    format!("{scheme}{authority}{path}").escape_debug().to_string()
}

/// The address that a redirect leads to from `base`.
pub(super) fn follow(base: &str, location: &str) -> Result<String> {
    let refused = |why: &str| Error::HubAnswer {
        file: shown(base),
        problem: format!("redirects to `{}`, {why}", shown(location)),
    };
    let origin = Origin::of(base).ok_or_else(|| refused("from an address that is none"))?;
    let scheme_end = base.find("://").map_or(0, |at| at + 3);
    let path_start = base[scheme_end..].find(['/', '?', '#']).map_or(base.len(), |at| scheme_end + at);
    let address = if location.starts_with("//") {
        format!("{}{location}", &base[..scheme_end - 2])
    } else if location.starts_with('/') {
        format!("{}{location}", &base[..path_start])
    } else {
        location.to_owned()
    };
    let target = Origin::of(&address).ok_or_else(|| refused("which is no address of a web server"))?;
    if origin.is_secure() && !target.is_secure() {
        return Err(refused("which is not encrypted"));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_as_they_are_written() {
        let base = "https://hub.example:8443/a/b?c";
        let cases = [
            ("/x/y", "https://hub.example:8443/x/y"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("https://cdn.example/x?y=1", "https://cdn.example/x?y=1"),
        ];
        for (location, expected) in cases {
            assert_eq!(follow(base, location).unwrap(), expected);
        }
    }

    #[test]
    fn redirects_to_worse_places_are_refused() {
        for location in
            ["http://hub.example/x", "file:///etc/passwd", "ftp://x/y", "x/y", "https://hub@evil.example/", ""]
        {
            assert!(matches!(follow("https://hub.example/a", location), Err(Error::HubAnswer { .. })), "{location}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let cases = [
            ("https://hub.example/a", "https://hub.example/a"),
            ("https://me:secret@hub.example:8443/a", "https://…@hub.example:8443/a"),
            ("https://me:se@cret@hub.example", "https://…@hub.example"),
            ("https://cdn.example/x?X-Signature=secret#y", "https://cdn.example/x?…"),
            ("me:secret@hub.example", "…@hub.example"),
            ("/x?token=secret", "/x?…"),
            ("https://hub.example/a\n", "https://hub.example/a\\n"),
        ];
        for (address, expected) in cases {
            assert_eq!(shown(address), expected);
        }
        let refused = follow("https://hub.example/a?token=secret", "ftp://me:secret@x/y?z=secret").unwrap_err();
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |address: &str| Origin::of(address).unwrap();

        assert_eq!(origin("https://HUB.example/a"), origin("https://hub.example:443/b"));
        assert_ne!(origin("https://hub.example"), origin("http://hub.example"));
        assert_ne!(origin("https://hub.example"), origin("https://hub.example:444"));
        assert_ne!(origin("https://hub.example"), origin("https://cdn.hub.example"));
        assert!(origin("http://127.0.0.1:9").is_private() && origin("http://[::1]:9").is_private());
        assert!(!origin("http://mirror.example").is_private());
    }
}
