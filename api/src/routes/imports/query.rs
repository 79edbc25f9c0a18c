//! What an import may be asked for, at once or as a job.

use std::sync::Arc;

use portolan_domain::conflict::{Conflict, Forced};
use portolan_storage::{Actor, JobRequest};
use serde::Deserialize;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    extract::given,
    import::{ImportOptions, Importer, OnSame},
    problem::Problem,
};

/// The query of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Conflicts to force, repeated. `true` is `MANIFEST_OLD` and `false` nothing, as old clients send.
    #[serde(default)]
    #[param(required = false, value_type = Vec<ForceWord>, inline)]
    force: Vec<String>,
    /// The CDN's base URL, which counts over the manifest's.
    cdn_url: Option<String>,
    /// Does all the work and stores nothing.
    #[serde(default)]
    #[param(required = false, default = false)]
    dry_run: bool,
    /// What to do with the very bytes that were imported last: `conflict`, or `skip`, which answers
    /// with that import's record and `unchanged: true`.
    #[serde(default, deserialize_with = "given")]
    #[param(required = false, inline)]
    on_same: Option<OnSame>,
}

/// A word of `force`, for the document alone.
struct ForceWord;

impl PartialSchema for ForceWord {
    fn schema() -> RefOr<Schema> {
        let words = Conflict::ALL.map(Conflict::as_str).into_iter();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words.chain(["true", "false"])))
            .into()
    }
}

impl ToSchema for ForceWord {}

/// The upload as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the document alone")]
pub struct UploadForm {
    /// The manifest. The part may have any name.
    file: ManifestZip,
}

/// A manifest: a zip with `consumer_export.zip` and `signature`.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "read by the document alone")]
pub struct ManifestZip(Vec<u8>);

impl ImportQuery {
    /// What becomes of the very bytes that were imported last.
    pub fn on_same(&self) -> OnSame {
        self.on_same.unwrap_or_default()
    }

    /// What it asks for, checked.
    ///
    /// # Errors
    /// 400 where a value is none.
    pub fn options(self, importer: &Importer, by: Actor) -> Result<ImportOptions, Problem> {
        let forced = Forced::parse(self.force.iter().map(String::as_str));
        let forced =
            forced.map_err(|why| Problem::bad_request(format!("A value of force {why}.")))?;
        let cdn_url = self.cdn_url.map(|url| importer.cdn_url(&url)).transpose()?;
        Ok(ImportOptions {
            forced,
            cdn_url,
            dry_run: self.dry_run,
            by,
            kept: None,
            progress: Arc::default(),
        })
    }

    /// What it asks of a job, checked now: what is wrong is said before the upload is taken.
    ///
    /// # Errors
    /// 400 where a value is none.
    pub fn request(self, importer: &Importer, by: Actor) -> Result<JobRequest, Problem> {
        let request = JobRequest {
            force: self.force.clone(),
            cdn_url: self.cdn_url.clone(),
            dry_run: self.dry_run,
            skip_same: self.on_same() == OnSame::Skip,
        };
        self.options(importer, by)?;
        Ok(request)
    }
}
