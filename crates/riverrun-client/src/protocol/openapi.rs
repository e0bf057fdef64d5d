//! What a service's OpenAPI document says of its routes.

use serde_json::Value;

/// An OpenAPI document, read leniently: what is missing is as if it were empty.
pub(crate) struct OpenApi(Value);

impl OpenApi {
    /// The document, if it is one.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let document: Value = serde_json::from_slice(body).ok()?;
        (document.get("openapi").is_some() && document.get("paths").is_some()).then_some(Self(document))
    }

    /// The routes that take a POST, with the operation and its request's content.
    pub(crate) fn posts(&self) -> impl Iterator<Item = Post<'_>> {
        let paths = self.0["paths"].as_object();
        paths.into_iter().flatten().filter_map(|(route, item)| {
            let operation = item.get("post")?;
            Some(Post { document: self, route, operation })
        })
    }

    pub(crate) fn post(&self, route: &str) -> Option<Post<'_>> {
        self.posts().find(|post| post.route == route)
    }

    /// Whether BentoML wrote it.
    pub(crate) fn is_bentoml(&self) -> bool {
        self.0["info"]["contact"]["name"].as_str().is_some_and(|name| name.contains("BentoML"))
            || self.posts().any(|post| post.operation.get("x-bentoml-name").is_some())
    }

    /// A schema with a reference replaced by what it refers to.
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|reference| self.0.pointer(reference.strip_prefix('#')?));
        target.unwrap_or(schema)
    }
}

pub(crate) struct Post<'a> {
    document: &'a OpenApi,
    pub(crate) route: &'a str,
    pub(crate) operation: &'a Value,
}

impl<'a> Post<'a> {
    pub(crate) fn takes(&self, media_type: &str) -> bool {
        self.content(media_type).is_some()
    }

    fn content(&self, media_type: &str) -> Option<&'a Value> {
        let request = self.document.resolve(&self.operation["requestBody"]);
        let content = request.get("content")?.as_object()?;
        content.iter().find(|(name, _)| name.split(';').next() == Some(media_type)).map(|(_, content)| content)
    }

    /// The schema of what it takes as `media_type`.
    pub(crate) fn schema(&self, media_type: &str) -> Option<&'a Value> {
        Some(self.document.resolve(self.content(media_type)?.get("schema")?))
    }

    /// The schema of a property of `schema`.
    pub(crate) fn property(&self, schema: &'a Value, name: &str) -> Option<&'a Value> {
        Some(self.document.resolve(schema.get("properties")?.get(name)?))
    }
}
