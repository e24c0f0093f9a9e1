//! Chooses the form of an answer by the `Accept` header, as upstream does: first its router, which knows nothing but
//! media types, then the handler, which also knows what an object may be shown as.

use http::HeaderMap;
use http::header::{ACCEPT, USER_AGENT};
use steersman_core::error::Reason;
use steersman_core::{Error, Result};

use super::query::Query;

/// More choices than this in one header are not looked at.
const CHOICES: usize = 64;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Yaml,
    Protobuf,
}

/// What an object is shown as; with the version of `meta.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// What it is.
    Whole,
    /// A table with a row for it.
    Table(&'static str),
    /// Its metadata.
    Metadata(&'static str),
    /// The metadata of the objects of a list.
    MetadataList(&'static str),
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) media: Media,
    pub(super) shape: Shape,
    /// Whether JSON is indented.
    pub(super) pretty: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Object,
    Collection,
    /// The events of a collection; YAML cannot be cut into events.
    Watch,
}

/// The media types that there are, the preferred one first.
pub(super) fn offered(is_custom: bool) -> &'static [Media] {
    if is_custom { &[Media::Json, Media::Yaml] } else { &[Media::Json, Media::Yaml, Media::Protobuf] }
}

impl Media {
    /// The media type.
    pub(super) fn name(self) -> &'static str {
        match self {
            Media::Json => "application/json",
            Media::Yaml => "application/yaml",
            Media::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }
}

impl Form {
    /// JSON as it is.
    pub(super) const JSON: Form = Form { media: Media::Json, shape: Shape::Whole, pretty: false };

    /// The form that a request wants.
    ///
    /// # Errors
    /// 406 if it takes none that there is.
    pub(super) fn of(headers: &HeaderMap, query: &Query, place: Place, is_custom: bool) -> Result<Self> {
        let header = headers.get(ACCEPT).map_or(Ok(""), |value| value.to_str()).unwrap_or("!");
        // Custom resources are served without a router in front.
        if !is_custom && !header.is_empty() {
            route(header, place)?;
        }
        let offered = offered(is_custom);
        let mut form = choose(header, offered).ok_or_else(|| refused(offered, ""))?;
        if place == Place::Watch && form.media == Media::Yaml {
            let streams: Vec<Media> = offered.iter().copied().filter(|media| *media != Media::Yaml).collect();
            return Err(refused(&streams, ";stream=watch"));
        }
        // An event of a watch is a line.
        form.pretty =
            place != Place::Watch && form.media == Media::Json && (form.pretty || is_pretty(headers, query));
        Ok(form)
    }

    /// The form of an error: what the request wants as far as it can be had.
    pub(super) fn of_error(headers: &HeaderMap, query: &Query) -> Self {
        let header = headers.get(ACCEPT).map_or(Ok(""), |value| value.to_str()).unwrap_or_default();
        let form = choose(header, offered(false)).unwrap_or(Form::JSON);
        let pretty = form.media == Media::Json && (form.pretty || is_pretty(headers, query));
        Form { shape: Shape::Whole, pretty, ..form }
    }
}

/// What upstream's router refuses: it looks at media types only, and knows no other wildcard than `*/*`.
fn route(header: &str, place: Place) -> Result<()> {
    let types =
        header.split(',').take(CHOICES).map(|choice| choice.split(';').next().unwrap_or_default().trim());
    let mut known =
        types.filter(|name| *name == "*/*" || offered(false).iter().any(|media| media.name() == *name));
    if known.next().is_some() {
        return Ok(());
    }
    let mut names: Vec<String> = offered(false).iter().map(|media| media.name().to_owned()).collect();
    if place != Place::Object {
        names.extend([Media::Json, Media::Protobuf].map(|media| format!("{};stream=watch", media.name())));
    }
    let why = format!("406: Not Acceptable\n\nAvailable representations: {}", names.join(", "));
    Err(Error::new(Reason::NotAcceptable, why).about("", "", ""))
}

fn refused(offered: &[Media], suffix: &str) -> Error {
    let names: Vec<String> = offered.iter().map(|media| format!("{}{suffix}", media.name())).collect();
    let why = format!("only the following media types are accepted: {}", names.join(", "));
    Error::new(Reason::NotAcceptable, why)
}

/// The first choice that can be had, the best liked and the most particular ones first.
fn choose(header: &str, offered: &[Media]) -> Option<Form> {
    if header.is_empty() {
        return Some(Form::JSON);
    }
    let mut choices: Vec<Choice<'_>> = header.split(',').take(CHOICES).map(Choice::parse).collect();
    choices.sort_by_key(|choice| (u32::MAX - choice.quality, choice.media.ends_with('*')));
    choices.iter().find_map(|choice| {
        let media = offered.iter().find(|media| choice.takes(**media))?;
        Some(Form { media: *media, shape: choice.shape(*media)?, pretty: choice.pretty })
    })
}

/// One of the media types that a client takes.
struct Choice<'a> {
    media: &'a str,
    /// In thousandths.
    quality: u32,
    /// Group, version and kind of what the client wants to be shown; any of them may be missing.
    wanted: Option<[&'a str; 3]>,
    stream: &'a str,
    pretty: bool,
}

impl<'a> Choice<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let mut choice = Choice { media, quality: 1000, wanted: None, stream: "", pretty: false };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match (name.trim(), value.trim()) {
                ("q", value) => choice.quality = quality(value),
                ("g", value) => choice.wanted.get_or_insert_default()[0] = value,
                ("v", value) => choice.wanted.get_or_insert_default()[1] = value,
                ("as", value) => choice.wanted.get_or_insert_default()[2] = value,
                ("stream", value) => choice.stream = value,
                ("pretty", value) => choice.pretty = value == "1",
                _ => {}
            }
        }
        choice
    }

    fn takes(&self, media: Media) -> bool {
        self.media == media.name() || self.media == "application/*" || self.media == "*/*"
    }

    /// What is to be shown; `None` if that cannot be had.
    fn shape(&self, media: Media) -> Option<Shape> {
        if !matches!(self.stream, "" | "watch") {
            return None;
        }
        let Some([group, version, kind]) = self.wanted else { return Some(Shape::Whole) };
        let version = match (group, version) {
            ("meta.k8s.io", "v1") => "v1",
            ("meta.k8s.io", "v1beta1") => "v1beta1",
            _ => return None,
        };
        match kind {
            "Table" if media != Media::Protobuf => Some(Shape::Table(version)),
            "PartialObjectMetadata" => Some(Shape::Metadata(version)),
            "PartialObjectMetadataList" => Some(Shape::MetadataList(version)),
            _ => None,
        }
    }
}

/// A liking from 0 to 1 in thousandths; what is no number is 1. Zero is no refusal to upstream.
fn quality(text: &str) -> u32 {
    (text.parse::<f32>().unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u32
}

/// Whether JSON is to be indented: if the client says so, or is one that shows answers to people.
fn is_pretty(headers: &HeaderMap, query: &Query) -> bool {
    match query.text("pretty") {
        "" => {
            let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
            ["curl", "Wget", "Mozilla/5.0"].iter().any(|prefix| agent.starts_with(prefix))
        }
        text => matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True"),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn chosen(accept: &str, place: Place, is_custom: bool) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        match Form::of(&headers, &Query::parse(None), place, is_custom) {
            Ok(form) => {
                format!("{:?} {:?}{}", form.media, form.shape, if form.pretty { " pretty" } else { "" })
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_best_form_that_can_be_had_is_chosen() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        let cases = [
            ("", "Json Whole"),
            ("*/*", "Json Whole"),
            ("application/json;q=0", "Json Whole"),
            ("text/plain;q=0.9, application/json;q=0.5", "Json Whole"),
            ("application/json;q=0.5, application/yaml", "Yaml Whole"),
            ("*/*,application/yaml", "Yaml Whole"),
            ("application/vnd.kubernetes.protobuf,application/json", "Protobuf Whole"),
            ("application/json;pretty=1", "Json Whole pretty"),
            (&format!("{table},application/json"), "Json Table(\"v1\")"),
            (
                "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json",
                "Json Whole",
            ),
            (
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
                "Protobuf Metadata(\"v1\")",
            ),
        ];
        for (accept, expected) in cases {
            assert_eq!(chosen(accept, Place::Object, false), expected, "{accept}");
        }
    }

    #[test]
    fn what_cannot_be_had_is_refused_in_upstreams_words() {
        let none = "only the following media types are accepted: application/json, application/yaml";
        assert_eq!(chosen("application/json;as=Foo;v=v1;g=meta.k8s.io", Place::Object, true), none);
        assert_eq!(chosen("application/json;as=Table;g=meta.k8s.io", Place::Object, true), none);
        assert_eq!(chosen("application/*", Place::Object, true), "Json Whole");
        let router = chosen("application/*", Place::Object, false);
        assert!(
            router.starts_with("406: Not Acceptable\n\nAvailable representations: application/json, "),
            "{router}"
        );
        assert!(
            chosen("!!", Place::Watch, false).ends_with("application/vnd.kubernetes.protobuf;stream=watch")
        );
        assert!(chosen("application/yaml", Place::Watch, false).ends_with(
            "application/json;stream=watch, \
            application/vnd.kubernetes.protobuf;stream=watch"
        ));
    }
}
