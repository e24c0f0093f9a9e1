//! Chooses the form of a discovery document by the `Accept` header.

use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT;
use steersman_core::error::Reason;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use crate::tables::Tables;
use crate::tree::Read;
use crate::wire::{self, Encoder};

/// The parameters by which a client asks for everything at once.
pub(super) const AGGREGATED: &str = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

const FORMS: &str = "only the following media types are accepted: application/json, application/yaml, \
                     application/vnd.kubernetes.protobuf";

/// More choices than this in one header are not looked at.
const MAX_CHOICES: usize = 64;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Json,
    Yaml,
    Protobuf,
}

/// The form that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) syntax: Syntax,
    /// Everything at once, rather than one level.
    pub(crate) aggregated: bool,
}

impl Syntax {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Syntax::Json => "application/json",
            Syntax::Yaml => "application/yaml",
            Syntax::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }

    /// A document in this syntax.
    pub(crate) fn write(self, tables: &Tables, document: &Value) -> Result<Bytes> {
        match self {
            Syntax::Protobuf => protobuf(tables, document),
            Syntax::Json => serde_json::to_vec(document).map(Bytes::from).map_err(Error::internal),
            Syntax::Yaml => serde_saphyr::to_string(document).map(Bytes::from).map_err(Error::internal),
        }
    }
}

/// A document as a message in its envelope.
fn protobuf(tables: &Tables, document: &Value) -> Result<Bytes> {
    let (api_version, kind) = (document.text("apiVersion"), document.text("kind"));
    let schema = tables.schema(&GroupVersionKind::from_api_version(api_version, kind));
    let schema = schema.ok_or_else(|| Error::new(Reason::NotAcceptable, FORMS))?;
    let json = serde_json::to_vec(document).map_err(Error::internal)?;
    let mut encoder = Encoder::default();
    let message = encoder.encode(&schema, &json).map_err(Error::internal)?;
    let (before, behind) = wire::around(api_version, kind, message.len());
    Ok([before.as_slice(), message, behind].concat().into())
}

/// The form that the client likes best of those that there are.
///
/// # Errors
/// 406 if it takes none of them.
pub(crate) fn negotiate(headers: &HeaderMap, may_aggregate: bool) -> Result<Form> {
    let text: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if text.is_empty() {
        return Ok(Form { syntax: Syntax::Json, aggregated: false });
    }
    let choices: Vec<Choice> =
        text.iter().flat_map(|text| text.split(',')).take(MAX_CHOICES).filter_map(Choice::parse).collect();
    let forms = choices.iter().filter_map(|choice| Some((choice.form(may_aggregate)?, choice)));
    // Of equally liked forms the more specific one is taken, of equally specific ones the first.
    let best = forms.reduce(|best, next| if next.1.rank() > best.1.rank() { next } else { best });
    best.map(|(form, _)| form).ok_or_else(|| Error::new(Reason::NotAcceptable, FORMS))
}

/// One of the media types that a client takes.
struct Choice<'a> {
    media: &'a str,
    quality: u16,
    /// `g`, `v` and `as`, where any is given.
    wanted: Option<[&'a str; 3]>,
}

impl<'a> Choice<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let mut choice = Choice { media: parts.next()?, quality: 1000, wanted: None };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let slot = match name {
                "q" => {
                    choice.quality = (value.parse::<f32>().unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16;
                    continue;
                }
                "g" => 0,
                "v" => 1,
                "as" => 2,
                _ => continue,
            };
            choice.wanted.get_or_insert_default()[slot] = value;
        }
        Some(choice)
    }

    fn form(&self, may_aggregate: bool) -> Option<Form> {
        let syntax = match self.media {
            "application/json" | "*/*" | "application/*" => Syntax::Json,
            "application/yaml" => Syntax::Yaml,
            "application/vnd.kubernetes.protobuf" => Syntax::Protobuf,
            _ => return None,
        };
        let aggregated = match self.wanted {
            None => false,
            Some(["apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList"]) if may_aggregate => true,
            Some(_) => return None,
        };
        Some(Form { syntax, aggregated })
    }

    fn rank(&self) -> (u16, u8, bool) {
        let specific = match self.media {
            "*/*" => 0,
            media if media.ends_with("/*") => 1,
            _ => 2,
        };
        (self.quality, specific, self.wanted.is_some())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use steersman_core::tree::json;

    use super::*;

    fn chosen(accept: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        match negotiate(&headers, true) {
            Ok(form) => {
                let extent = if form.aggregated { "all" } else { "one" };
                format!("{} {extent}", form.syntax.media_type())
            }
            Err(error) => error.code().to_string(),
        }
    }

    #[test]
    fn the_form_that_a_client_likes_best_is_chosen() {
        let all = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let older = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
        let cases = [
            ("application/json", "application/json one"),
            ("*/*", "application/json one"),
            (all, "application/json all"),
            (&format!("{all},{older},application/json"), "application/json all"),
            (&format!("application/json,{all}"), "application/json all"),
            (&format!("{older},application/json"), "application/json one"),
            (older, "406"),
            ("application/yaml;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", "application/yaml all"),
            ("application/json;g=apidiscovery.k8s.io;v=v2;as=Foo", "406"),
            ("application/vnd.kubernetes.protobuf, */*", "application/vnd.kubernetes.protobuf one"),
            ("text/html", "406"),
        ];
        for (accept, expected) in cases {
            assert_eq!(chosen(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_document_is_a_message_of_its_kind() {
        let document = json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []});
        let written = Syntax::Protobuf.write(&Tables::load(), &document).unwrap();
        let envelope = wire::Envelope::open(&written).unwrap();
        assert_eq!((envelope.kind, envelope.message), ("APIVersions", &b"\n\x02v1"[..]));
        let unknown = json!({"kind": "Nothing"});
        assert_eq!(Syntax::Protobuf.write(&Tables::load(), &unknown).unwrap_err().code(), 406);
    }
}
