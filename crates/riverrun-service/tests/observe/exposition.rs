//! Reads Prometheus' text form, and finds fault with what is not of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use riverrun_service::Running;

use crate::http_client::{Answer, address, request, send};

/// One scrape: the families with their kinds, and every sample.
#[derive(Debug, Default)]
pub(crate) struct Scraped {
    pub(crate) kinds: BTreeMap<String, String>,
    pub(crate) samples: HashMap<String, f64>,
}

impl Scraped {
    /// The value of a sample, written as it is in the text.
    pub(crate) fn get(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("{sample} is not among {:#?}", self.names()))
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.samples.keys().any(|sample| sample.contains(part))
    }

    fn names(&self) -> Vec<&String> {
        let mut names: Vec<_> = self.samples.keys().collect();
        names.sort();
        names
    }

    /// Reads the text form and checks what a server that scrapes it relies on.
    pub(crate) fn read(text: &str) -> Self {
        let mut scraped = Self::default();
        let (mut family, mut helped) = (String::new(), String::new());
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(!help.is_empty());
                helped = name.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(helped, name, "help and type go together");
                let new = scraped.kinds.insert(name.to_owned(), kind.to_owned()).is_none();
                assert!(new, "{name} is there twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
                family = name.to_owned();
            } else {
                scraped.sample(line, &family);
            }
        }
        scraped.check_histograms();
        scraped
    }

    fn sample(&mut self, line: &str, family: &str) {
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let name = sample.split('{').next().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{name} is in the family {family}"));
        let suffixes: &[&str] = if self.kinds[family] == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(suffixes.contains(&suffix), "{line}");
        if let Some(labels) = sample.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let labels = labels.strip_prefix('{').unwrap().strip_suffix("\"}").unwrap();
            let names: Vec<_> = labels.split("\",").map(|label| label.split_once("=\"").unwrap().0).collect();
            assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{line}");
        }
        let value: f64 = value.parse().unwrap();
        assert!(self.samples.insert(sample.to_owned(), value).is_none(), "{sample} is there twice");
    }

    fn check_histograms(&self) {
        let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (sample, value) in &self.samples {
            let Some((name, labels)) = sample.split_once("_bucket{") else { continue };
            let (before, bound) = labels.split_once("le=\"").unwrap();
            let (bound, after) = bound.split_once('"').unwrap();
            let labels = format!("{before}{after}").trim_start_matches(',').to_owned();
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
            buckets.entry(format!("{name}_count{{{labels}")).or_default().push((bound, *value));
        }
        for (count, mut buckets) in buckets {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{count}: {buckets:?}");
            assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, self.get(&count)), "{count}");
        }
    }
}

pub(crate) async fn scrape(running: &Running, accept: &str) -> Answer {
    send(address(running), request("GET", "/metrics", &[("accept", accept)], "")).await
}

pub(crate) async fn metrics(running: &Running) -> Scraped {
    Scraped::read(&scrape(running, "*/*").await.text())
}

/// The metrics as they are once this is so; at the end of ten seconds, whatever they are.
pub(crate) async fn metrics_when(running: &Running, sample: &str, value: f64) -> Scraped {
    for _ in 0..1000 {
        let scraped = metrics(running).await;
        if scraped.samples.get(sample) == Some(&value) {
            return scraped;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let scraped = metrics(running).await;
    panic!("{sample} is {} and not {value}", scraped.get(sample))
}
