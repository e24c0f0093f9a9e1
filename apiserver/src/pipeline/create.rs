//! Creates objects.

use steersman_core::api::{Target, WriteOptions};
use steersman_core::error::Reason;
use steersman_core::object::Metadata;
use steersman_core::resource::GroupVersionResource;
use steersman_core::tree::Value;
use steersman_core::{Error, Object, Result};

use super::commit::{Current, Draft, Outcome};
use super::request::Request;
use super::{Body, Caller, Core, Written, metadata};
use crate::admission::{Operation, Options};
use crate::ownership::Owners;
use crate::schema::Extent;
use crate::{encode, fault};

/// How many generated names are tried before giving up; upstream's `maxNameGenerationCreateAttempts`.
const NAMES: usize = 8;

impl Core {
    /// Creates an object, or posts to a subresource of one.
    pub(crate) async fn create(
        &self,
        caller: &Caller,
        target: &Target,
        body: Body,
        options: &WriteOptions,
    ) -> Result<Written> {
        let mut request = self.open(caller, target, "create")?;
        (request.dry_run, request.options) = (options.dry_run, Options::Create(options));
        if !target.subresource.is_empty() {
            return request.post(body, options).await;
        }
        if request.row.is("", "bindings") {
            return request.bind(body, options).await;
        }
        let mut tree = request.read_object(body, None, options.field_validation).await?;
        if request.row.collection.is_none() {
            return request.review(tree, options).await;
        }
        let given = Owners::take(&mut tree);
        metadata::wipe(&mut tree);
        let owners = match request.owns() {
            true => {
                let owner = request.owner(&options.field_manager);
                self.converting(&request.row, || owner.track(None, &tree, &given)).await?
            }
            false => given,
        };
        let object = request.create(tree, owners).await?;
        request.settle(false).await?;
        request.written(object, true).await
    }
}

impl Request<'_> {
    /// The answer to a write.
    pub(super) async fn written(&self, object: Object, created: bool) -> Result<Written> {
        Ok(Written { object: self.core.shown(&self.row, object).await?, created })
    }

    /// The older way to bind a pod, in which the body alone says which one. To admission it is a write of `bindings`.
    async fn bind(mut self, body: Body, options: &WriteOptions) -> Result<Written> {
        let pods = GroupVersionResource::new("", "v1", "pods");
        let name = metadata::text(&body.tree, "name").to_owned();
        let pod = Target::all(pods.clone()).in_namespace(&self.target.namespace).named(name);
        let pod = pod.subresource("binding");
        let mut request = self.core.reopen(self.caller, &pod, &pods)?;
        (request.dry_run, request.options) = (self.dry_run, self.options);
        let mut posted = request.read_post(body, options)?;
        self.admit_post(&mut posted).await?;
        request.call(posted, options).await
    }

    /// Creates an object from a tree that has passed the schema and holds nothing that only the server sets, and the owners of
    /// its fields.
    pub(super) async fn create(&mut self, mut tree: Value, mut owners: Owners) -> Result<Object> {
        metadata::place(&mut tree, &self.row, &self.target.namespace)?;
        self.warnings.extend(metadata::dedup_owners(&mut tree));
        self.row.settle(&mut tree, None);
        let version = metadata::take_version(&mut tree);
        if self.row.custom && self.is_ending() {
            let why = "create not allowed while custom resource definition is terminating";
            return Err(Error::forbidden(&self.resource(), metadata::text(&tree, "name"), why));
        }
        self.mutate(Operation::Create, &mut tree, &mut owners, None, &version).await?;
        metadata::place(&mut tree, &self.row, &self.target.namespace)?;
        self.check_grants(&tree, None).await?;
        let row = self.row.clone();
        self.warn_of(|| row.strategy.creation_warnings(&tree));
        if !metadata::is_name_wanted(&tree) {
            metadata::found(&mut tree, &self.row, &self.core.env, self.now);
            return self.create_named(tree, owners, &version).await;
        }
        for _ in 0..NAMES {
            let mut named = tree.clone();
            metadata::found(&mut named, &self.row, &self.core.env, self.now);
            match self.create_named(named, owners.clone(), &version).await {
                Err(error) if error.is_already_exists() => {}
                outcome => return outcome,
            }
        }
        Err(self.no_name(metadata::text(&tree, "generateName")))
    }

    async fn create_named(&mut self, mut tree: Value, mut owners: Owners, version: &str) -> Result<Object> {
        let (core, row) = (self.core, self.row.clone());
        let reservation = row.strategy.reserve(&mut tree, None, &self.context())?;
        self.prepare_create(&mut tree);
        let mut metadata = Box::new(encode::metadata_of(&tree)?);
        core.converting(&row, || self.validate_create(&tree, &metadata)).await?;
        self.check(Operation::Create, &mut tree, &mut owners, None).await?;
        if !version.is_empty() && version != "0" {
            return Err(fault::bare("resourceVersion should not be set on objects to be created"));
        }
        if row.strategy.read_back(&mut tree) {
            *metadata = encode::metadata_of(&tree)?;
        }
        let collection = row.stored("create")?;
        let key = row.key(&self.target.namespace, &metadata.name);
        if self.dry_run {
            return match self.core.newest(collection, &key).await? {
                Some(there) => Err(self.exists(&metadata.name, Some(&there))),
                None => encode::unstored(&tree, &owners),
            };
        }
        let draft = Draft { tree, owners, metadata };
        match self.core.put_new(&row, collection, &key, draft).await? {
            Outcome::Stored(object) => {
                reservation.keep();
                Ok(object)
            }
            Outcome::Lost(there) => {
                let name = key.rsplit('/').next().unwrap_or_default();
                Err(self.exists(name, there.as_ref()))
            }
        }
    }

    fn prepare_create(&self, tree: &mut Value) {
        let (row, fields) = (&self.row, tree.as_object_mut());
        if let Some(fields) = fields
            && row.separates_status()
        {
            match row.blank_status() {
                Some(blank) => fields.insert("status", blank.clone()),
                None => fields.remove("status"),
            };
        }
        row.strategy.prepare_create(tree, &self.context());
    }

    fn validate_create(&mut self, tree: &Value, metadata: &Metadata) -> Result<()> {
        let row = self.row.clone();
        let found = row.judge(tree, None, Extent::Whole)?.errors;
        let own = [found, row.strategy.validate(tree)].concat();
        let mut errors = row.strategy.validate_in_cluster(tree, &self.context());
        // Rules that do not look at the metadata come first: only what obeys them is looked at by everybody's.
        if row.strategy.repeats_metadata() || own.is_empty() {
            errors.extend(row.validate_metadata(metadata));
        }
        errors.extend(own);
        if !errors.is_empty() {
            return Err(Error::invalid(&row.error_kind(), &metadata.name, &errors));
        }
        self.warn_of(|| row.strategy.warnings(tree, None));
        Ok(())
    }

    fn exists(&self, name: &str, there: Option<&Current>) -> Error {
        let error = Error::already_exists(&self.resource(), name);
        match there {
            Some(there) if there.object.metadata().is_terminating() => {
                let mut status = error.status().clone();
                status.message = status.message.map(|text| format!("object is being deleted: {text}"));
                Error::from_status(status)
            }
            _ => error,
        }
    }

    fn no_name(&self, prefix: &str) -> Error {
        let resource = self.resource();
        let message = format!(
            "{resource} {prefix:?} already exists, the server was not able to generate a unique name for the object"
        );
        let error = Error::new(Reason::AlreadyExists, message);
        fault::retry_after(error.about(&resource.group, &resource.resource, prefix), 1)
    }
}
