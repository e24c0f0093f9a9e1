//! Shows one object in the form that a client wants: as it is, as a row of a table, or its metadata alone.

use std::sync::Arc;

use bytes::Bytes;
use steersman_core::error::Reason;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Object, Result};

use super::accept::{Form, Media, Shape};
use super::indent::Indent;
use crate::pipeline::Core;
use crate::registry::Served;
use crate::schema::Schema;
use crate::table::Columns;
use crate::wire::{self, Encoder};

/// What a row of a table carries of its object; upstream's `includeObject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Include {
    None,
    Metadata,
    Object,
}

/// How the objects of a row are shown to a client.
#[derive(Clone)]
pub(super) struct Show {
    pub(super) core: Arc<Core>,
    pub(super) row: Arc<Served>,
    pub(super) form: Form,
    pub(super) include: Include,
}

impl Show {
    /// An object, or what stands for it, in the media type that was chosen.
    pub(super) fn object(&self, object: &Object) -> Result<Bytes> {
        match self.form.shape {
            _ if object.kind() == "Status" => self.whole(object),
            Shape::Whole => self.whole(object),
            Shape::Table(version) => self.write(self.table(object, version)?.into()),
            Shape::Metadata(version) => self.metadata(object, version),
            Shape::MetadataList(_) => {
                Err(self.not_acceptable("PartialObjectMetadataList", "not a list", object.kind()))
            }
        }
    }

    fn whole(&self, object: &Object) -> Result<Bytes> {
        match self.form.media {
            Media::Protobuf => {
                let message = self.message(object)?;
                Ok(enveloped(object.api_version(), object.kind(), &message))
            }
            Media::Json | Media::Yaml => self.write(object.json().clone()),
        }
    }

    /// The protobuf of an object, without an envelope.
    pub(super) fn message(&self, object: &Object) -> Result<Bytes> {
        let schema = self.schema(&object.gvk())?;
        object.encoded(|json| message(&schema, json))
    }

    /// JSON in the media type that was chosen, which is not protobuf.
    pub(super) fn write(&self, json: Bytes) -> Result<Bytes> {
        match self.form.media {
            Media::Yaml => yaml(&json),
            Media::Json | Media::Protobuf if self.form.pretty => Ok(Indent::default().piece(&json).into()),
            Media::Json | Media::Protobuf => Ok(json),
        }
    }

    fn metadata(&self, object: &Object, version: &str) -> Result<Bytes> {
        let json = partial(object, version)?;
        if self.form.media != Media::Protobuf {
            return self.write(json.into());
        }
        let kind = GroupVersionKind::new("meta", "v1", "PartialObjectMetadata");
        let message = message(&self.schema(&kind)?, &json)?;
        Ok(enveloped(&format!("meta.k8s.io/{version}"), &kind.kind, &message))
    }

    /// A table with one row.
    fn table(&self, object: &Object, version: &str) -> Result<Vec<u8>> {
        let columns = self.columns(object.kind());
        let metadata = json!({"resourceVersion": object.resource_version()});
        let mut table = table_head(version, &metadata, &columns.definitions());
        self.put_row(&mut table, &columns, object, version)?;
        table.extend_from_slice(b"]}");
        Ok(table)
    }

    /// The columns of objects of a kind.
    pub(super) fn columns(&self, kind: &str) -> Columns {
        if self.row.custom && kind == self.row.kind.kind {
            Columns::custom(kind, &self.row.columns)
        } else {
            Columns::builtin(kind)
        }
    }

    /// A row of a table.
    pub(super) fn put_row(
        &self,
        out: &mut Vec<u8>,
        columns: &Columns,
        object: &Object,
        version: &str,
    ) -> Result<()> {
        let tree = object.to_value()?;
        // The columns of custom resources are those of the version that is shown, of built-in ones those of what is stored.
        let is_own = object.kind() == self.row.kind.kind && !self.row.custom;
        let tree = if is_own { self.row.to_stored(tree)? } else { tree };
        let row = columns.row(&tree, self.core.env.now());
        out.extend_from_slice(b"{\"cells\":");
        write_json(out, &row.cells)?;
        if let Some(conditions) = &row.conditions {
            out.extend_from_slice(b",\"conditions\":");
            write_json(out, conditions)?;
        }
        out.extend_from_slice(b",\"object\":");
        match self.include {
            Include::None => out.extend_from_slice(b"null"),
            Include::Metadata => out.extend_from_slice(&partial(object, version)?),
            Include::Object => object.pieces().iter().for_each(|piece| out.extend_from_slice(piece)),
        }
        out.push(b'}');
        Ok(())
    }

    /// The schema of a kind; what upstream knows no protobuf for has none.
    pub(super) fn schema(&self, kind: &GroupVersionKind) -> Result<Schema> {
        if *kind == self.row.kind {
            return Ok(self.row.schema.clone());
        }
        let known = self.core.tables.schema(kind);
        known.ok_or_else(|| Error::internal(format!("object {kind} has no form in protobuf")))
    }

    /// 406: a list was asked to be shown as an object, or the other way round. Upstream names its Go types.
    pub(super) fn not_acceptable(&self, wanted: &str, what: &str, kind: &str) -> Error {
        let group = self.row.kind.group.split('.').next().unwrap_or_default();
        let package = if group.is_empty() { "core" } else { group };
        let list = if what == "a list" { "List" } else { "" };
        let go = if self.row.custom {
            format!("*unstructured.Unstructured{list}")
        } else {
            format!("*{package}.{kind}")
        };
        let why = format!("you requested {wanted}, but the requested object is {what} ({go})");
        Error::new(Reason::NotAcceptable, why)
    }
}

/// A table up to its first row.
pub(super) fn table_head(version: &str, metadata: &Value, definitions: &Value) -> Vec<u8> {
    let head = json!({
        "kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"), "metadata": metadata,
        "columnDefinitions": definitions,
    });
    let mut head = head.to_string().into_bytes();
    head.pop();
    head.extend_from_slice(b",\"rows\":[");
    head
}

/// An object's metadata as an object of its own.
pub(super) fn partial(object: &Object, version: &str) -> Result<Vec<u8>> {
    let metadata = wire::member(object.json(), "metadata").map_err(Error::internal)?.unwrap_or(b"{}");
    let mut json = Vec::with_capacity(metadata.len() + 96);
    json.extend_from_slice(b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/");
    json.extend_from_slice(version.as_bytes());
    json.extend_from_slice(b"\",\"metadata\":");
    json.extend_from_slice(metadata);
    json.push(b'}');
    Ok(json)
}

/// The protobuf of JSON of that kind, without an envelope.
pub(super) fn message(schema: &Schema, json: &[u8]) -> Result<Bytes> {
    let mut encoder = Encoder::default();
    encoder.encode(schema, json).map(Bytes::copy_from_slice).map_err(Error::internal)
}

/// A message in its envelope.
pub(super) fn enveloped(api_version: &str, kind: &str, message: &[u8]) -> Bytes {
    let (before, behind) = wire::around(api_version, kind, message.len());
    [before.as_slice(), message, behind].concat().into()
}

/// JSON as YAML.
pub(super) fn yaml(json: &[u8]) -> Result<Bytes> {
    let value: Value = serde_json::from_slice(json).map_err(Error::internal)?;
    serde_saphyr::to_string(&value).map(Bytes::from).map_err(Error::internal)
}

fn write_json<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) -> Result<()> {
    serde_json::to_writer(out, value).map_err(Error::internal)
}
