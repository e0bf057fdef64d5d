//! How single arguments of `riverrun serve` are read.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use riverrun::model::{Tag, TagRef};

/// `name`, `name:version` or `name:version=WEIGHT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weighted {
    pub(super) tag: TagRef,
    pub(super) weight: Option<u32>,
}

impl FromStr for Weighted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tag, weight) = match text.split_once('=') {
            Some((tag, weight)) => (tag, Some(weight.parse().map_err(|_| "WEIGHT is a number from 0 on")?)),
            None => (text, None),
        };
        let tag: TagRef = tag.parse().map_err(|error: riverrun::model::Error| error.to_string())?;
        if weight.is_some() && tag.exact().is_none() {
            return Err(format!("a weight is for one version; write `{}:VERSION=WEIGHT`", tag.name()));
        }
        Ok(Self { tag, weight })
    }
}

/// `/path` or `name=/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Routed {
    pub(super) model: Option<String>,
    pub(super) path: String,
}

impl FromStr for Routed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (model, path) = match text.split_once('=') {
            Some((model, path)) if !model.starts_with('/') => (Some(model.to_owned()), path),
            _ => (None, text),
        };
        if !path.starts_with('/') {
            return Err("a route begins with `/`, such as /classify".into());
        }
        Ok(Self { model, path: path.to_owned() })
    }
}

/// `name:version` or `name:version=SHARE`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shadowed {
    pub(super) tag: Tag,
    pub(super) share: f64,
}

impl FromStr for Shadowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tag, share) = match text.split_once('=') {
            Some((tag, text)) => (tag, share(text)?),
            None => (text, 1.0),
        };
        let tag = Tag::parse(tag).map_err(|error| error.to_string())?;
        Ok(Self { tag, share })
    }
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "give a share from 0 to 1".into())
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "give seconds, such as 30 or 0.5".into())
}

pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        _ => {
            text.parse().map_err(|_| "give an IP address of this machine, such as 127.0.0.1, or 0.0.0.0 for all".into())
        }
    }
}

pub(super) fn size(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match &text[digits..] {
        "" | "B" => 1_usize,
        "k" | "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => 0,
    };
    let number: Option<usize> = text[..digits].parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "give a size such as 10MiB".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_may_have_a_weight_if_it_is_exact() {
        let weighted: Weighted = "sentiment:1.0=90".parse().unwrap();
        assert_eq!((weighted.tag.to_string().as_str(), weighted.weight), ("sentiment:1.0", Some(90)));
        assert_eq!("sentiment".parse::<Weighted>().unwrap().weight, None);
        assert!("sentiment=90".parse::<Weighted>().unwrap_err().contains("`sentiment:VERSION=WEIGHT`"));
        assert!("sentiment:1.0=x".parse::<Weighted>().is_err());
    }

    #[test]
    fn a_route_may_name_its_model() {
        let of = |text: &str| text.parse::<Routed>().map(|routed| (routed.model, routed.path));
        assert_eq!(of("/classify"), Ok((None, "/classify".into())));
        assert_eq!(of("spam=/spam"), Ok((Some("spam".into()), "/spam".into())));
        assert_eq!(of("/a=b"), Ok((None, "/a=b".into())));
        assert!(of("classify").is_err() && of("spam=classify").is_err());
    }

    #[test]
    fn sizes_and_times_are_read_or_refused() {
        assert_eq!((size("10MiB"), size("7"), size("2K")), (Ok(10 << 20), Ok(7), Ok(2048)));
        for wrong in ["", "MiB", "10MB", "-1", "0", "99999999999999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!((seconds("0.5"), seconds("30s")), (Ok(Duration::from_millis(500)), Ok(Duration::from_secs(30))));
        for wrong in ["", "0", "-1", "NaN", "1e300", "soon"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        assert!(share("1.01").is_err() && share("NaN").is_err() && share("0.1").is_ok());
    }
}
