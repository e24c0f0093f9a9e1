//! Decides what becomes of an event: a new object, a higher count of an old one, or nothing.
//!
//! The rules and numbers are those of upstream's `record.EventCorrelator`.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::event_name;
use super::recent::Recent;
use crate::env::Env;

/// More different messages than this of one kind, and they are combined.
const SIMILAR: usize = 10;

/// Similar events further apart than this are not combined.
const SIMILAR_WITHIN: Duration = Duration::from_secs(600);

/// How much a source may say about one object at once, and how long it takes to earn one more.
const BURST: f64 = 25.0;
const EARN_ONE: Duration = Duration::from_secs(300);

const COMBINED: &str = "(combined from similar events): ";

/// What is to be done about an event.
pub(super) enum Verdict {
    /// It is new.
    Create(Event),
    /// It is known: the object of that name gets this count, time and message.
    Count(Event),
    /// Its source says too much.
    Drop,
}

/// What was said lately.
#[derive(Default)]
pub(super) struct Correlator {
    similar: Recent<Similar>,
    known: Recent<Known>,
    allowance: Recent<Allowance>,
}

#[derive(Clone, Default)]
struct Similar {
    messages: BTreeSet<String>,
    last: Timestamp,
}

#[derive(Clone)]
struct Known {
    name: Option<String>,
    first: Option<Time>,
    count: i32,
}

#[derive(Clone)]
struct Allowance {
    tokens: f64,
    at: Timestamp,
}

impl Correlator {
    pub(super) fn judge(&mut self, env: &Env, mut event: Event) -> Verdict {
        let about = object_key(&event);
        let key = self.combine(env, &mut event, &about);
        let known = self.known.get(&key).cloned();
        let counted = known.is_some();
        if let Some(known) = known {
            event.metadata.name = known.name;
            event.first_timestamp = known.first;
            event.count = Some(known.count.saturating_add(1));
        }
        let now_known = Known {
            name: event.metadata.name.clone(),
            first: event.first_timestamp.clone(),
            count: event.count.unwrap_or(1),
        };
        self.known.put(key, now_known);
        match (self.allows(env.now(), about), counted) {
            (false, _) => Verdict::Drop,
            (true, false) => Verdict::Create(event),
            (true, true) => Verdict::Count(event),
        }
    }

    /// What tells equal events. One of many similar ones becomes the one that stands for all of them.
    fn combine(&mut self, env: &Env, event: &mut Event, about: &str) -> String {
        let now = env.now();
        let key = similar_key(event, about);
        let mut similar = self.similar.get(&key).cloned().unwrap_or_default();
        if now.duration_since(similar.last) > SIMILAR_WITHIN.try_into().unwrap_or_default() {
            similar.messages.clear();
        }
        similar.last = now;
        let message = event.message.clone().unwrap_or_default();
        similar.messages.insert(message.clone());
        let many = similar.messages.len() >= SIMILAR;
        if many {
            // It stays at the limit, so that it takes no more room, and a new message is again one too many.
            similar.messages.pop_first();
        }
        self.similar.put(key.clone(), similar);
        if !many {
            return equal_key(event, about);
        }
        event.metadata.name = Some(event_name(env, &event.involved_object));
        event.message = Some(format!("{COMBINED}{message}"));
        key
    }

    /// Whether the source still has something to say about the object; uses up one of its tokens.
    fn allows(&mut self, now: Timestamp, key: String) -> bool {
        let before = self.allowance.get(&key).cloned().unwrap_or(Allowance { tokens: BURST, at: now });
        let earned = now.duration_since(before.at).as_secs_f64() / EARN_ONE.as_secs_f64();
        let tokens = (before.tokens + earned.max(0.0)).min(BURST);
        let allowed = tokens >= 1.0;
        self.allowance.put(key, Allowance { tokens: if allowed { tokens - 1.0 } else { tokens }, at: now });
        allowed
    }
}

/// What a source says about an object.
fn object_key(event: &Event) -> String {
    let source = event.source.as_ref();
    let object = &event.involved_object;
    join(&[
        source.and_then(|source| source.component.as_ref()),
        source.and_then(|source| source.host.as_ref()),
        object.kind.as_ref(),
        object.namespace.as_ref(),
        object.name.as_ref(),
        object.uid.as_ref(),
        object.api_version.as_ref(),
    ])
}

/// The same, for one reason.
fn similar_key(event: &Event, about: &str) -> String {
    let (component, instance) = (event.reporting_component.as_ref(), event.reporting_instance.as_ref());
    let rest = [event.type_.as_ref(), event.reason.as_ref(), component, instance];
    [about, &join(&rest)].join("\n")
}

/// The same, with one message.
fn equal_key(event: &Event, about: &str) -> String {
    let rest = [
        event.involved_object.field_path.as_ref(),
        event.type_.as_ref(),
        event.reason.as_ref(),
        event.message.as_ref(),
    ];
    ["equal", about, &join(&rest)].join("\n")
}

fn join(parts: &[Option<&String>]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.map_or("", String::as_str)).collect();
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    fn event(message: &str) -> Event {
        Event {
            message: Some(message.to_owned()),
            reason: Some("Failed".to_owned()),
            count: Some(1),
            ..Event::default()
        }
    }

    fn outcome(verdict: Verdict) -> String {
        match verdict {
            Verdict::Create(event) => format!("new {}", event.message.unwrap()),
            Verdict::Count(event) => format!("{} {}", event.count.unwrap(), event.message.unwrap()),
            Verdict::Drop => "dropped".to_owned(),
        }
    }

    #[test]
    fn the_tenth_similar_event_starts_a_combined_one() {
        let env = Lab::new().env();
        let mut correlator = Correlator::default();
        let said: Vec<_> = (1..=12).map(|n| outcome(correlator.judge(&env, event(&n.to_string())))).collect();
        assert_eq!(said[8], "new 9");
        assert_eq!(said[9], "new (combined from similar events): 10");
        assert_eq!(
            said[10..],
            ["2 (combined from similar events): 11", "3 (combined from similar events): 12"]
        );
    }

    #[test]
    fn similar_events_far_apart_are_not_combined() {
        let lab = Lab::new();
        let env = lab.env();
        let mut correlator = Correlator::default();
        for n in 0..20 {
            assert_eq!(outcome(correlator.judge(&env, event(&n.to_string()))), format!("new {n}"));
            lab.run(env.sleep(Duration::from_secs(601)));
        }
    }

    #[test]
    fn a_source_that_repeats_itself_is_silenced_until_it_has_earned_another_word() {
        let lab = Lab::new();
        let env = lab.env();
        let mut correlator = Correlator::default();
        let said: Vec<_> = (1..=26).map(|_| outcome(correlator.judge(&env, event("again")))).collect();
        assert_eq!(
            (said[0].as_str(), said[24].as_str(), said[25].as_str()),
            ("new again", "25 again", "dropped")
        );
        lab.run(env.sleep(EARN_ONE));
        assert_eq!(outcome(correlator.judge(&env, event("again"))), "27 again");
        assert_eq!(outcome(correlator.judge(&env, event("again"))), "dropped");
    }
}
