//! XGBoost's JSON and UBJSON, which have the same fields; versions 1.x to 3.x.

use serde::Deserialize;

use super::ubjson;
use super::{Library, Refused, Source};
use crate::forest::{CategorySet, MOST_FEATURES, Negative, Rule, SourceNode, SourceTree};
use crate::objective::Transform;

#[derive(Deserialize)]
struct Model {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    feature_names: Vec<String>,
    gradient_booster: Booster,
    learner_model_param: Parameters,
    objective: Objective,
}

#[derive(Deserialize)]
struct Objective {
    name: String,
}

/// Numbers are strings here, in both forms.
#[derive(Deserialize)]
struct Parameters {
    base_score: String,
    num_class: String,
    num_feature: String,
    #[serde(default = "one")]
    num_target: String,
}

fn one() -> String {
    "1".to_owned()
}

#[derive(Deserialize)]
struct Booster {
    name: String,
    model: Option<Trees>,
    /// Of `dart`: the trees, and what each is multiplied by.
    gbtree: Option<Box<Booster>>,
    #[serde(default)]
    weight_drop: Vec<f32>,
}

/// The most trees that a round of a model without trees may have.
const MOST_PER_ROUND: usize = 1 << 24;

/// All may be missing, as with `gblinear`, which has weights here.
#[derive(Deserialize)]
struct Trees {
    #[serde(default)]
    gbtree_model_param: BoosterParameters,
    #[serde(default)]
    tree_info: Vec<i64>,
    #[serde(default)]
    trees: Vec<Tree>,
}

impl Default for BoosterParameters {
    fn default() -> Self {
        Self { num_parallel_tree: one() }
    }
}

#[derive(Deserialize)]
struct BoosterParameters {
    #[serde(default = "one")]
    num_parallel_tree: String,
}

#[derive(Deserialize)]
struct Tree {
    tree_param: TreeParameters,
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<i64>,
    split_conditions: Vec<f32>,
    default_left: Vec<Flag>,
    #[serde(default)]
    split_type: Vec<i64>,
    #[serde(default)]
    categories: Vec<i64>,
    #[serde(default)]
    categories_nodes: Vec<i64>,
    #[serde(default)]
    categories_segments: Vec<i64>,
    #[serde(default)]
    categories_sizes: Vec<i64>,
}

#[derive(Deserialize)]
struct TreeParameters {
    #[serde(default = "one")]
    size_leaf_vector: String,
}

/// 1.x wrote booleans, later versions write numbers.
#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(i64),
}

impl Flag {
    fn is_set(self) -> bool {
        matches!(self, Self::Bool(true) | Self::Number(1..))
    }
}

pub(crate) fn from_json(text: &[u8]) -> Result<Source, Refused> {
    let model = serde_json::from_slice(text);
    read(model.map_err(|error| Refused::Damaged(format!("as a JSON model of XGBoost, {error}")))?)
}

pub(crate) fn from_ubjson(bytes: &[u8]) -> Result<Source, Refused> {
    let model = ubjson::from_slice(bytes);
    read(model.map_err(|error| Refused::Damaged(format!("as a UBJSON model of XGBoost, {error}")))?)
}

fn read(model: Model) -> Result<Source, Refused> {
    let Learner { feature_names: names, gradient_booster: booster, learner_model_param, objective } = model.learner;
    let features = count("num_feature", &learner_model_param.num_feature)?;
    if !(1..=MOST_FEATURES).contains(&features) {
        return Err(Refused::Damaged(format!("it has {features} features")));
    }
    let classes = count("num_class", &learner_model_param.num_class)?.max(1);
    let targets = count("num_target", &learner_model_param.num_target)?.max(1);
    let groups = classes.max(targets);
    let (transform, to_sum) = objective_of(&objective.name)?;

    let (trees, weights) = match (booster.name.as_str(), booster.model, booster.gbtree) {
        ("gbtree", Some(trees), _) => (trees, Vec::new()),
        ("dart", _, Some(inner)) => match inner.model {
            Some(trees) if trees.trees.len() == booster.weight_drop.len() => (trees, booster.weight_drop),
            Some(trees) => {
                let (trees, weights) = (trees.trees.len(), booster.weight_drop.len());
                return Err(Refused::Damaged(format!("it has {trees} trees and {weights} weights of them")));
            }
            None => return Err(Refused::damaged("its booster `dart` has no trees")),
        },
        ("gblinear", ..) => {
            return Err(Refused::Unsupported(
                "the booster `gblinear`".to_owned(),
                "train it with `gbtree` or `dart`, or convert it to ONNX",
            ));
        }
        ("gbtree" | "dart", ..) => return Err(Refused::damaged("its booster has no trees")),
        (other, ..) => {
            return Err(Refused::Unsupported(format!("the booster `{other}`"), "train it with `gbtree` or `dart`"));
        }
    };
    let per_round = count("num_parallel_tree", &trees.gbtree_model_param.num_parallel_tree)?.max(1);
    // Classes and trees both come from the file: neither may be far from the other.
    if groups > 1 && groups > trees.trees.len().max(1) * 64 + 1024 {
        return Err(Refused::Damaged(format!("it has {groups} outputs and {} trees", trees.trees.len())));
    }
    if trees.tree_info.len() != trees.trees.len() {
        let (trees, groups) = (trees.trees.len(), trees.tree_info.len());
        return Err(Refused::Damaged(format!("it has {trees} trees and {groups} entries of `tree_info`")));
    }
    // Trees there are for whole rounds alone; where there are none at all, their number in a round is only said.
    let most = if trees.trees.is_empty() { MOST_PER_ROUND } else { trees.trees.len() };
    let trees_per_round = per_round.checked_mul(groups).filter(|&each| each <= most).ok_or_else(|| {
        let trees = trees.trees.len();
        Refused::Damaged(format!("it has {trees} trees, and in each round {per_round} for each of {groups} outputs"))
    })?;
    let mut sources = Vec::with_capacity(trees.trees.len());
    for (index, (tree, &group)) in trees.trees.iter().zip(&trees.tree_info).enumerate() {
        let group = usize::try_from(group).ok().filter(|&group| group < groups);
        let group =
            group.ok_or_else(|| Refused::Damaged(format!("tree {index} is of none of its {groups} outputs")))?;
        let weight = weights.get(index).copied().unwrap_or(1.0);
        sources.push(tree.read(index, group, weight)?);
    }
    if !names.is_empty() && names.len() != features {
        return Err(Refused::Damaged(format!("it has {} names for {features} features", names.len())));
    }
    let base = base_of(&learner_model_param.base_score, groups)?;
    Ok(Source {
        library: Library::XgBoost,
        trees: sources,
        features,
        names,
        base: base.into_iter().map(to_sum).collect(),
        trees_per_round,
        average: false,
        objective: objective.name,
        transform,
    })
}

/// What `base_score`, which is a prediction, is as a sum.
type ToSum = fn(f64) -> f64;

/// What becomes of sums, and what `base_score` is as a sum.
fn objective_of(name: &str) -> Result<(Transform, ToSum), Refused> {
    fn same(base: f64) -> f64 {
        base
    }
    // In f32, as the library does.
    #[allow(clippy::cast_possible_truncation, reason = "see above")]
    fn logit(base: f64) -> f64 {
        f64::from(-(1.0 / base as f32 - 1.0).ln())
    }
    #[allow(clippy::cast_possible_truncation, reason = "see above")]
    fn ln(base: f64) -> f64 {
        f64::from((base as f32).ln())
    }
    Ok(match name {
        "reg:squarederror"
        | "reg:linear"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "reg:expectileerror"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map"
        | "binary:logitraw" => (Transform::Identity, same),
        "binary:logistic" | "reg:logistic" => (Transform::Sigmoid(1.0), logit),
        "binary:hinge" => (Transform::Step, same),
        "multi:softprob" => (Transform::Softmax, same),
        "multi:softmax" => (Transform::ArgMax, same),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => (Transform::Exp, ln),
        other => {
            return Err(Refused::Unsupported(
                format!("the objective `{other}`"),
                "ask for raw scores, or set another objective in it with `booster.set_param` before it is saved",
            ));
        }
    })
}

fn count(name: &str, text: &str) -> Result<usize, Refused> {
    text.trim().parse().map_err(|_| Refused::Damaged(format!("`{name}` is `{text}`, no count")))
}

/// One number, or since 3.1 a list of them in brackets: one for all outputs, or one each.
fn base_of(text: &str, groups: usize) -> Result<Vec<f64>, Refused> {
    let wrong =
        || Refused::Damaged(format!("`base_score` is `{text}`, which is not a number for each of {groups} outputs"));
    let list = text.trim().trim_start_matches('[').trim_end_matches(']');
    let numbers: Vec<f64> =
        list.split(',').map(|number| number.trim().parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    if numbers.iter().any(|number| !number.is_finite()) {
        return Err(wrong());
    }
    match numbers.len() {
        1 => Ok(vec![numbers[0]; groups]),
        count if count == groups => Ok(numbers),
        _ => Err(wrong()),
    }
}

impl Tree {
    fn read(&self, index: usize, group: usize, weight: f32) -> Result<SourceTree, Refused> {
        let damaged = |problem: String| Refused::Damaged(format!("tree {index} {problem}"));
        if count("size_leaf_vector", &self.tree_param.size_leaf_vector)? > 1 {
            return Err(Refused::Unsupported(
                "trees with several outputs each (`multi_strategy=multi_output_tree`)".to_owned(),
                "train it with `multi_strategy=one_output_per_tree`",
            ));
        }
        let nodes = self.left_children.len();
        let lengths =
            [self.right_children.len(), self.split_indices.len(), self.split_conditions.len(), self.default_left.len()];
        if lengths.iter().any(|&length| length != nodes) {
            return Err(damaged(format!("has lists of different lengths for its {nodes} nodes")));
        }
        let sets = self.category_sets().ok_or_else(|| damaged("has categories that are none".to_owned()))?;
        let mut sources = Vec::with_capacity(nodes);
        for node in 0..nodes {
            let condition = self.split_conditions[node];
            if self.left_children[node] < 0 {
                if !condition.is_finite() {
                    return Err(damaged(format!("has {condition} in leaf {node}")));
                }
                sources.push(SourceNode::Leaf(f64::from(condition * weight)));
                continue;
            }
            let at = |number: i64| usize::try_from(number).map_err(|_| damaged(format!("leads to node {number}")));
            let (left, right) = (at(self.left_children[node])?, at(self.right_children[node])?);
            let feature = at(self.split_indices[node])?;
            let missing_left = self.default_left[node].is_set();
            let rule = if self.split_type.get(node) == Some(&1) {
                let place = sets.binary_search_by_key(&node, |set| set.0);
                let place = place.map_err(|_| damaged(format!("has no categories for node {node}")))?;
                let set = sets[place].1.clone();
                Rule::Category { set, in_set_left: false, missing_left, negative: Negative::NoCategory }
            } else {
                if condition.is_nan() {
                    return Err(damaged(format!("has no number to compare with in node {node}")));
                }
                Rule::Less { than: f64::from(condition), missing_left }
            };
            sources.push(SourceNode::Split { feature, rule, left, right });
        }
        Ok(SourceTree { nodes: sources, group })
    }

    /// The categories of each node that parts by them, those that go right; by node.
    ///
    /// The library writes them node after node, each behind the one before. Nothing else is taken: where they overlapped, a short
    /// file would make many long sets.
    fn category_sets(&self) -> Option<Vec<(usize, CategorySet)>> {
        let nodes = self.categories_nodes.len();
        if self.categories_segments.len() != nodes || self.categories_sizes.len() != nodes {
            return None;
        }
        let mut sets: Vec<(usize, CategorySet)> = Vec::with_capacity(nodes);
        let mut at = 0;
        let segments = self.categories_segments.iter().zip(&self.categories_sizes);
        for (&node, (&begin, &size)) in self.categories_nodes.iter().zip(segments) {
            let node = usize::try_from(node).ok().filter(|&node| node < self.left_children.len())?;
            if sets.last().is_some_and(|before| before.0 >= node) || usize::try_from(begin) != Ok(at) {
                return None;
            }
            let end = at.checked_add(usize::try_from(size).ok()?)?;
            sets.push((node, CategorySet::from_categories(self.categories.get(at..end)?)?));
            at = end;
        }
        (at == self.categories.len()).then_some(sets)
    }
}
