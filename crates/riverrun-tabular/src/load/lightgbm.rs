//! LightGBM's text; versions 3 and 4 of the form.

use std::collections::HashMap;
use std::str::FromStr;

use super::{Library, Refused, Source};
use crate::forest::{CategorySet, MOST_FEATURES, Negative, Rule, SourceNode, SourceTree};
use crate::objective::Transform;

/// `decision_type` is made of these bits, and above them how a missing value looks.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

/// Lines `key=value` up to an empty one.
struct Section<'a> {
    name: String,
    fields: HashMap<&'a str, &'a str>,
}

pub(crate) fn from_text(text: &[u8]) -> Result<Source, Refused> {
    let text = std::str::from_utf8(text).map_err(|error| Refused::Damaged(format!("it is not UTF-8: {error}")))?;
    let mut lines = text.lines().map(str::trim_end);
    lines.next();
    let header = Section::read("its header".to_owned(), &mut lines);

    let groups: usize = header.one("num_tree_per_iteration")?;
    let classes: usize = header.one("num_class")?;
    let features = header.one::<usize>("max_feature_idx")?.saturating_add(1);
    if features > MOST_FEATURES {
        return Err(Refused::Damaged(format!("it has {features} features")));
    }
    let objective = header.fields.get("objective").copied().unwrap_or("custom");
    let transform = objective_of(objective)?;
    let names: Vec<String> = header.list("feature_names")?;
    if names.len() != features {
        return Err(Refused::Damaged(format!("it has {} names for {features} features", names.len())));
    }

    let mut trees = Vec::new();
    let mut ended = false;
    while let Some(line) = lines.next() {
        if line == "end of trees" {
            ended = true;
            break;
        }
        if let Some(number) = line.strip_prefix("Tree=") {
            let section = Section::read(format!("tree {number}"), &mut lines);
            if number.parse() != Ok(trees.len()) {
                return Err(Refused::Damaged(format!("tree {number} stands where tree {} should", trees.len())));
            }
            trees.push(section.tree(trees.len() % groups.max(1))?);
        } else if !line.is_empty() {
            return Err(Refused::Damaged(format!("it has the line `{}` between trees", shorten(line))));
        }
    }
    if !ended {
        return Err(Refused::damaged("it ends before `end of trees`"));
    }
    if groups == 0
        || (classes != groups && classes != 1)
        || !trees.len().is_multiple_of(groups)
        || groups > trees.len().max(1)
    {
        return Err(Refused::Damaged(format!(
            "it has {} trees, {groups} in each round, for {classes} classes",
            trees.len()
        )));
    }
    Ok(Source {
        library: Library::LightGbm,
        trees,
        features,
        names,
        base: vec![0.0; groups],
        trees_per_round: groups,
        average: header.fields.contains_key("average_output"),
        objective: objective.split(' ').next().unwrap_or_default().to_owned(),
        transform,
    })
}

fn objective_of(text: &str) -> Result<Transform, Refused> {
    let mut words = text.split(' ');
    let name = words.next().unwrap_or_default();
    let options: HashMap<&str, &str> = words.filter_map(|word| word.split_once(':')).collect();
    let sigmoid = || {
        let text = options.get("sigmoid").copied().unwrap_or("1");
        let factor: f64 = text
            .parse()
            .ok()
            .filter(|factor: &f64| factor.is_finite() && *factor > 0.0)
            .ok_or_else(|| Refused::Damaged(format!("its objective has `sigmoid:{text}`, no positive number")))?;
        Ok(Transform::Sigmoid(factor))
    };
    Ok(match name {
        // Those that inherit it from `regression`; the others say that they pass over `reg_sqrt`.
        "regression" | "regression_l1" | "fair" | "quantile" | "mape" if text.split(' ').any(|word| word == "sqrt") => {
            Transform::SignedSquare
        }
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank" | "rank_xendcg"
        | "custom" => Transform::Identity,
        "binary" | "multiclassova" => sigmoid()?,
        "cross_entropy" => Transform::Sigmoid(1.0),
        "cross_entropy_lambda" => Transform::Log1pExp,
        "multiclass" => Transform::Softmax,
        "poisson" | "gamma" | "tweedie" => Transform::Exp,
        other => {
            return Err(Refused::Unsupported(
                format!("the objective `{other}`"),
                "train it with one of LightGBM's own objectives",
            ));
        }
    })
}

fn shorten(line: &str) -> String {
    line.chars().take(40).collect()
}

impl<'a> Section<'a> {
    fn read(name: String, lines: &mut impl Iterator<Item = &'a str>) -> Self {
        let fields =
            lines.take_while(|line| !line.is_empty()).map(|line| line.split_once('=').unwrap_or((line, ""))).collect();
        Self { name, fields }
    }

    fn field(&self, key: &str) -> Result<&'a str, Refused> {
        let field = self.fields.get(key).copied();
        field.ok_or_else(|| Refused::Damaged(format!("{} has no `{key}`", self.name)))
    }

    fn one<T: FromStr>(&self, key: &str) -> Result<T, Refused> {
        let text = self.field(key)?;
        let wrong = |_| Refused::Damaged(format!("{} has `{key}={}`", self.name, shorten(text)));
        text.trim().parse().map_err(wrong)
    }

    fn list<T: FromStr>(&self, key: &str) -> Result<Vec<T>, Refused> {
        let texts = self.field(key)?.split(' ').filter(|text| !text.is_empty());
        let wrong = |text: &str| Refused::Damaged(format!("{} has `{}` among `{key}`", self.name, shorten(text)));
        texts.map(|text| text.parse().map_err(|_| wrong(text))).collect()
    }

    fn tree(&self, group: usize) -> Result<SourceTree, Refused> {
        let damaged = |problem: String| Refused::Damaged(format!("{} {problem}", self.name));
        if self.fields.get("is_linear").is_some_and(|linear| *linear == "1") {
            return Err(Refused::Unsupported(
                "linear trees (`linear_tree`)".to_owned(),
                "train it without `linear_tree`",
            ));
        }
        let leaves: usize = self.one("num_leaves")?;
        let values: Vec<f64> = self.list("leaf_value")?;
        if leaves == 0 || values.len() != leaves {
            return Err(damaged(format!("has {} values for {leaves} leaves", values.len())));
        }
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(damaged(format!("has {value} in a leaf")));
        }
        let splits = leaves - 1;
        if splits == 0 {
            return Ok(SourceTree { nodes: vec![SourceNode::Leaf(values[0])], group });
        }
        let features: Vec<usize> = self.list("split_feature")?;
        let thresholds: Vec<f64> = self.list("threshold")?;
        let decisions: Vec<u8> = self.list("decision_type")?;
        let (left, right): (Vec<i64>, Vec<i64>) = (self.list("left_child")?, self.list("right_child")?);
        if [features.len(), thresholds.len(), decisions.len(), left.len(), right.len()].iter().any(|&len| len != splits)
        {
            return Err(damaged(format!("has lists of different lengths for its {splits} splits")));
        }
        let sets = if self.one::<usize>("num_cat")? > 0 { self.category_sets()? } else { Vec::new() };
        // Splits come first and leaves after them; a leaf is `-1 - leaf` in the file.
        let place = |child: i64| {
            let place = if child < 0 { (!child).checked_add(i64::try_from(splits).ok()?) } else { Some(child) };
            place.and_then(|place| usize::try_from(place).ok())
        };
        let mut nodes = Vec::with_capacity(splits + leaves);
        for node in 0..splits {
            let children = place(left[node]).zip(place(right[node]));
            let (left, right) = children.ok_or_else(|| damaged(format!("has no children at split {node}")))?;
            let rule = rule(decisions[node], thresholds[node], &sets)
                .ok_or_else(|| damaged(format!("has no rule at split {node}")))?;
            nodes.push(SourceNode::Split { feature: features[node], rule, left, right });
        }
        nodes.extend(values.into_iter().map(SourceNode::Leaf));
        Ok(SourceTree { nodes, group })
    }

    fn category_sets(&self) -> Result<Vec<CategorySet>, Refused> {
        let bounds: Vec<usize> = self.list("cat_boundaries")?;
        let words: Vec<u32> = self.list("cat_threshold")?;
        // One behind the other, so that all sets together are no longer than the list.
        let whole = bounds.first() == Some(&0) && bounds.last() == Some(&words.len()) && bounds.is_sorted();
        if !whole {
            return Err(Refused::Damaged(format!(
                "{} has `cat_boundaries` that do not part its categories",
                self.name
            )));
        }
        Ok(bounds.windows(2).map(|bound| CategorySet::from_words(&words[bound[0]..bound[1]])).collect())
    }
}

/// Nothing where the fields are none of a rule.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index that the file keeps as a float")]
fn rule(decision: u8, threshold: f64, sets: &[CategorySet]) -> Option<Rule> {
    if decision & CATEGORICAL != 0 {
        let set = sets.get(threshold as usize)?.clone();
        return Some(Rule::Category { set, in_set_left: true, missing_left: false, negative: Negative::Cut });
    }
    if threshold.is_nan() {
        return None;
    }
    let default_left = decision & DEFAULT_LEFT != 0;
    let (missing_left, zero_is_missing) = match decision >> 2 & 3 {
        // Nothing was missing in training: NaN counts as zero.
        0 => (0.0 <= threshold, false),
        1 => (default_left, true),
        2 => (default_left, false),
        _ => return None,
    };
    Some(Rule::AtMost { limit: threshold, missing_left, zero_is_missing })
}
