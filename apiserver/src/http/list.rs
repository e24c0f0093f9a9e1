//! Writes lists piece by piece, so that a large one is never in memory as a whole.

use bytes::Bytes;
use futures::{StreamExt, stream};
use steersman_core::api::ObjectList;
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Object, Result};

use super::Body;
use super::accept::{Media, Shape};
use super::indent::Indent;
use super::show::{self, Show};
use crate::encode;
use crate::table::Columns;
use crate::wire::{self, Encoder};

/// A piece of a list is sent once it is this large, in bytes; shorter lists are sent whole.
const PIECE: usize = 64 * 1024;

/// The body of an answer that is a list.
pub(super) fn body(show: &Show, list: ObjectList) -> Result<Body> {
    let pieces = pieces(show, list)?;
    if show.form.media == Media::Yaml {
        // YAML orders all keys, so nothing can be written before everything is known; upstream's too.
        let json: Vec<u8> = pieces.flat_map(|piece| piece.to_vec()).collect();
        return Ok(Body::Full(show::yaml(&json)?));
    }
    if show.form.pretty {
        let mut indent = Indent::default();
        return Ok(sent(pieces.map(move |piece| indent.piece(&piece).into())));
    }
    Ok(sent(pieces))
}

/// Whole, if there is one piece only.
fn sent(mut pieces: impl Iterator<Item = Bytes> + Send + 'static) -> Body {
    let first = pieces.next().unwrap_or_default();
    match pieces.next() {
        None => Body::Full(first),
        Some(second) => Body::Chunks(stream::iter([first, second].into_iter().chain(pieces)).boxed()),
    }
}

fn pieces(show: &Show, mut list: ObjectList) -> Result<Pieces> {
    let head = metadata(show, &list);
    match (show.form.shape, show.form.media) {
        (Shape::Whole, Media::Protobuf) => protobuf(show, list, &head),
        (Shape::MetadataList(version), Media::Protobuf) => partial_protobuf(show, list, &head, version),
        (Shape::Whole, _) => {
            let head = json!({"kind": show.row.list_kind, "apiVersion": show.row.kind.api_version(), "metadata": head});
            Ok(Pieces::json(
                opened(&head, "items"),
                list.items,
                Item::Whole { repeats_kind: show.row.custom },
            ))
        }
        (Shape::Table(version), _) => {
            let columns = show.columns(&show.row.kind.kind);
            columns.order(&mut list.items)?;
            let head = show::table_head(version, &head, &columns.definitions());
            Ok(Pieces::json(head, list.items, Item::Row { show: show.clone(), columns, version }))
        }
        (Shape::MetadataList(version), _) => {
            let api_version = format!("meta.k8s.io/{version}");
            let mut head =
                json!({"kind": "PartialObjectMetadataList", "apiVersion": api_version, "metadata": head});
            if list.items.is_empty() {
                // Upstream never makes the list that it would have put items into.
                head["items"] = Value::Null;
                return Ok(Pieces::whole(head.to_string().into_bytes()));
            }
            Ok(Pieces::json(opened(&head, "items"), list.items, Item::Metadata { version }))
        }
        (Shape::Metadata(_), _) => {
            Err(show.not_acceptable("PartialObjectMetadata", "a list", &show.row.list_kind))
        }
    }
}

fn metadata(show: &Show, list: &ObjectList) -> Value {
    let mut metadata = json!({"resourceVersion": list.resource_version});
    if !list.continue_token.is_empty() || show.row.custom && show.form.shape == Shape::Whole {
        metadata["continue"] = list.continue_token.as_str().into();
    }
    if let Some(remaining) = list.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    metadata
}

/// An object up to the first item of a list that it ends with.
fn opened(head: &Value, field: &str) -> Vec<u8> {
    let mut head = head.to_string().into_bytes();
    head.pop();
    head.extend_from_slice(format!(",\"{field}\":[").as_bytes());
    head
}

/// A list of messages tells its length first, so every object is encoded before anything is sent. The objects keep
/// what they are in protobuf, and the next list has it.
fn protobuf(show: &Show, list: ObjectList, metadata: &Value) -> Result<Pieces> {
    let mut encoder = Encoder::default();
    let schema = &show.row.schema;
    let mut encode = |object: &Object| {
        object
            .encoded(|json| encoder.encode(schema, json).map(Bytes::copy_from_slice))
            .map_err(Error::internal)
    };
    let messages: Result<Vec<Bytes>> = list.items.iter().map(&mut encode).collect();
    let list_kind = steersman_core::resource::GroupVersionKind {
        kind: show.row.list_kind.clone().into(),
        ..show.row.kind.clone()
    };
    let head =
        show::message(&show.schema(&list_kind)?, json!({ "metadata": metadata }).to_string().as_bytes())?;
    Ok(Pieces::protobuf(&show.row.kind.api_version(), &show.row.list_kind, &head, messages?))
}

fn partial_protobuf(show: &Show, list: ObjectList, metadata: &Value, version: &str) -> Result<Pieces> {
    let kind = |kind: &'static str| steersman_core::resource::GroupVersionKind::new("meta", "v1", kind);
    let (one, many) =
        (show.schema(&kind("PartialObjectMetadata"))?, show.schema(&kind("PartialObjectMetadataList"))?);
    let mut encoder = Encoder::default();
    let mut encode = |object: &Object| {
        let json = show::partial(object, version)?;
        encoder.encode(&one, &json).map(Bytes::copy_from_slice).map_err(Error::internal)
    };
    let messages: Result<Vec<Bytes>> = list.items.iter().map(&mut encode).collect();
    let head = show::message(&many, json!({ "metadata": metadata }).to_string().as_bytes())?;
    Ok(Pieces::protobuf(&format!("meta.k8s.io/{version}"), "PartialObjectMetadataList", &head, messages?))
}

/// A list, piece by piece.
struct Pieces {
    /// What was written and not yet sent.
    buffer: Vec<u8>,
    items: Items,
    /// What ends the list; `None` once it was written.
    tail: Option<&'static [u8]>,
}

enum Items {
    Json { objects: std::vec::IntoIter<Object>, item: Item, is_first: bool },
    Protobuf(std::vec::IntoIter<Bytes>),
}

/// How the items of a JSON list are written.
enum Item {
    /// Items of built-in kinds do not repeat their kind, those of custom resources do.
    Whole {
        repeats_kind: bool,
    },
    Row {
        show: Show,
        columns: Columns,
        version: &'static str,
    },
    Metadata {
        version: &'static str,
    },
}

impl Pieces {
    fn json(head: Vec<u8>, objects: Vec<Object>, item: Item) -> Self {
        let items = Items::Json { objects: objects.into_iter(), item, is_first: true };
        Pieces { buffer: head, items, tail: Some(b"]}") }
    }

    /// What is written already.
    fn whole(json: Vec<u8>) -> Self {
        Pieces { buffer: json, items: Items::Protobuf(Vec::new().into_iter()), tail: Some(b"") }
    }

    fn protobuf(api_version: &str, kind: &str, head: &[u8], messages: Vec<Bytes>) -> Self {
        let items: usize = messages.iter().map(|message| wire::item_length(message.len())).sum();
        let (mut buffer, tail) = wire::around(api_version, kind, head.len() + items);
        buffer.extend_from_slice(head);
        Pieces { buffer, items: Items::Protobuf(messages.into_iter()), tail: Some(tail) }
    }

    /// Writes one more item; whether there was one.
    fn step(&mut self) -> Result<bool> {
        match &mut self.items {
            Items::Protobuf(messages) => {
                let Some(message) = messages.next() else { return Ok(false) };
                wire::put_item(&mut self.buffer, &message);
            }
            Items::Json { objects, item, is_first } => {
                let Some(object) = objects.next() else { return Ok(false) };
                if !std::mem::replace(is_first, false) {
                    self.buffer.push(b',');
                }
                item.put(&mut self.buffer, &object)?;
            }
        }
        Ok(true)
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.tail?;
        while self.buffer.len() < PIECE {
            match self.step() {
                Ok(true) => {}
                Ok(false) => {
                    self.buffer.extend_from_slice(self.tail.take().unwrap_or_default());
                    break;
                }
                Err(error) => {
                    // It is too late for a status: the client sees a list that does not end.
                    tracing::error!(%error, "an object of a list cannot be shown");
                    self.tail = None;
                    break;
                }
            }
        }
        Some(std::mem::take(&mut self.buffer).into())
    }
}

impl Item {
    fn put(&self, out: &mut Vec<u8>, object: &Object) -> Result<()> {
        match self {
            Item::Whole { repeats_kind: true } => {
                object.pieces().iter().for_each(|piece| out.extend_from_slice(piece))
            }
            Item::Whole { repeats_kind: false } => put_headless(out, object)?,
            Item::Row { show, columns, version } => show.put_row(out, columns, object, version)?,
            Item::Metadata { version } => out.extend_from_slice(&show::partial(object, version)?),
        }
        Ok(())
    }
}

fn put_headless(out: &mut Vec<u8>, object: &Object) -> Result<()> {
    let [start, rest @ ..] = object.pieces();
    if let Some(start) = encode::headless(start) {
        out.push(b'{');
        out.extend_from_slice(start);
        rest.iter().for_each(|piece| out.extend_from_slice(piece));
        return Ok(());
    }
    let mut tree: Value = object.to_value()?;
    if let Some(fields) = tree.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    serde_json::to_writer(out, &tree).map_err(Error::internal)
}
