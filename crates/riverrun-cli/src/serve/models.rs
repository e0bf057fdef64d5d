//! Which models are served, at which routes, in which versions.

use std::sync::Arc;
use std::time::Instant;

use indicatif::DecimalBytes;
use riverrun::inference::AnyRunnerOptions;
use riverrun::model::{Model, ModelStore, TagRef};
use riverrun::runner::Batching;
use riverrun::runner::wire::Map;
use riverrun::service::{Follow, FollowEvent, Following, ServedModel, Shadow};

use super::arguments::ServeArguments;
use super::store_source::{Loading, StoreSource};
use crate::apply::{parameters, right_command};
use crate::failure::{Failure, Result, say};

/// The models, found in the store and not loaded yet.
pub(super) struct Plan {
    store: ModelStore,
    loading: Loading,
    models: Vec<Planned>,
}

/// One name, in one or several versions.
struct Planned {
    name: String,
    routes: Vec<String>,
    versions: Vec<(Model, u32)>,
    /// Whether it moves on with `latest`.
    follows: bool,
    shadow: Option<(Model, f64)>,
}

/// The models, loaded.
pub(super) struct Models {
    store: ModelStore,
    loading: Loading,
    served: Vec<(Planned, Arc<ServedModel>)>,
}

/// Finds everything that the arguments name.
pub(super) fn plan(arguments: &ServeArguments) -> Result<Plan> {
    let store = ModelStore::open_default()?;
    let mut models: Vec<Planned> = Vec::new();
    for weighted in &arguments.tags {
        let model = store.get(&weighted.tag)?;
        let (name, follows) = (weighted.tag.name(), weighted.tag.exact().is_none());
        match models.iter_mut().find(|planned| planned.name == name) {
            None => models.push(Planned {
                name: name.to_owned(),
                routes: Vec::new(),
                versions: vec![(model, weighted.weight.unwrap_or(1))],
                follows,
                shadow: None,
            }),
            Some(planned) if follows || planned.follows => {
                let problem = format!(
                    "`{name}` is served in its latest version and in another; give all versions, such as `{name}:1.0=90 {name}:1.1=10`"
                );
                return Err(Failure::Usage(problem));
            }
            Some(planned) if planned.versions.iter().any(|(known, _)| known.tag() == model.tag()) => {
                return Err(Failure::Usage(format!("`{}` was given twice; give it once", model.tag())));
            }
            Some(planned) => planned.versions.push((model, weighted.weight.unwrap_or(1))),
        }
    }
    give_routes(&mut models, arguments)?;
    for shadow in &arguments.shadow {
        let planned = models.iter_mut().find(|planned| planned.name == shadow.tag.name());
        let planned = planned.ok_or_else(|| {
            Failure::Usage(format!(
                "`{}` is a shadow of nothing; serve a version of `{}`",
                shadow.tag,
                shadow.tag.name()
            ))
        })?;
        planned.shadow = Some((store.get(&TagRef::from(&shadow.tag))?, shadow.share));
    }
    let loading = Loading {
        options: arguments.task.into_iter().fold(
            AnyRunnerOptions::new()
                .parameters(options(arguments))
                .batching(batching(arguments))
                .cached(arguments.cache.unwrap_or_default()),
            AnyRunnerOptions::task,
        ),
    };
    Ok(Plan { store, loading, models })
}

fn give_routes(models: &mut [Planned], arguments: &ServeArguments) -> Result {
    let several = models.len() > 1;
    for routed in &arguments.route {
        let planned = match &routed.model {
            Some(name) => models.iter_mut().find(|planned| planned.name == *name).ok_or_else(|| {
                Failure::Usage(format!(
                    "`--route {name}={}`: `{name}` is not among the models that are served",
                    routed.path
                ))
            })?,
            None if several => {
                let problem =
                    format!("`--route {}` does not say of which model; write `--route NAME={0}`", routed.path);
                return Err(Failure::Usage(problem));
            }
            None => &mut models[0],
        };
        planned.routes.push(routed.path.clone());
    }
    for planned in models.iter_mut().filter(|planned| planned.routes.is_empty()) {
        let own = planned.versions.first().map_or("predict", |(model, _)| right_command(model));
        let route = if several { &planned.name } else { own };
        let route = format!("/{route}");
        planned.routes.push(route);
    }
    Ok(())
}

/// Options of the task by their names.
fn options(arguments: &ServeArguments) -> Map {
    let top_k = arguments.top_k.map(|top_k| ("top_k".to_owned(), serde_json::json!(top_k)));
    parameters(arguments.options.iter().cloned().chain(top_k), arguments.precision)
}

fn batching(arguments: &ServeArguments) -> Batching {
    let mut batching = Batching::default();
    if let Some(items) = arguments.max_batch_size {
        batching = batching.max_batch_size(items);
    }
    if let Some(cost) = arguments.max_batch_cost {
        batching = batching.max_batch_cost(cost);
    }
    if let Some(millis) = arguments.max_latency_ms {
        batching = batching.max_latency(std::time::Duration::from_millis(millis));
    }
    if let Some(requests) = arguments.max_queue {
        batching = batching.max_queue(requests);
    }
    batching
}

impl Plan {
    /// What the service is called.
    pub(super) fn name(&self) -> String {
        let names: Vec<&str> = self.models.iter().map(|planned| &*planned.name).collect();
        names.join(", ")
    }

    /// Loads and warms up every version.
    pub(super) fn load(self) -> Result<Models> {
        let Self { store, loading, models } = self;
        let served = models.into_iter().map(|planned| {
            let model = planned.load(&loading)?;
            Ok((planned, model))
        });
        Ok(Models { served: served.collect::<Result<_>>()?, store, loading })
    }
}

impl Planned {
    fn load(&self, loading: &Loading) -> Result<Arc<ServedModel>> {
        let start = Instant::now();
        let mut runners = Vec::new();
        for (model, weight) in &self.versions {
            let began = Instant::now();
            let runner = loading.load(model)?;
            runner.warm_up().map_err(|error| Failure::Failed(format!("{} does not work: {error}", model.tag())))?;
            let size = DecimalBytes(model.metadata().size());
            let follows = if self.follows { ", follows latest" } else { "" };
            say(format_args!("{} ({size}{follows}) loaded in {} ms", model.tag(), began.elapsed().as_millis()));
            runners.push((model.tag().version(), runner, *weight));
        }
        let served = ServedModel::unloaded(&self.name);
        served.serve(runners).map_err(Failure::failed)?;
        served.loaded_in(start.elapsed());
        if let Some((model, share)) = &self.shadow {
            let shadow = Shadow::new(model.tag().version(), loading.load(model)?).share(*share);
            served.set_shadow(Some(shadow));
            say(format_args!("{} gets copies of {:.0} % of the requests", model.tag(), share * 100.0));
        }
        Ok(served)
    }
}

impl Models {
    /// Every route and its model.
    pub(super) fn routes(&self) -> impl Iterator<Item = (&str, &Arc<ServedModel>)> {
        self.served.iter().flat_map(|(planned, served)| planned.routes.iter().map(move |route| (&**route, served)))
    }

    /// Has those that were asked for without a version move on with `latest`.
    pub(super) fn follow(&self) -> Result<Vec<Following>> {
        let follows = self.served.iter().filter(|(planned, _)| planned.follows);
        follows
            .map(|(planned, served)| {
                let source = StoreSource {
                    store: self.store.clone(),
                    name: TagRef::latest(&planned.name)?,
                    loading: self.loading.clone(),
                };
                // The log has the failures.
                let tell = |event: &FollowEvent| {
                    if matches!(event, FollowEvent::Changed { .. }) {
                        say(event);
                    }
                };
                Follow::new(source).on_event(tell).start(served).map_err(Failure::failed)
            })
            .collect()
    }
}
