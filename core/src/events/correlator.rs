//! Decides what becomes of an event: a new object, a higher count of an old one, or nothing.
//!
//! The rules and numbers are those of upstream's `record.EventCorrelator`.

use std::time::Duration;

use jiff::Timestamp;

use super::recent::{Key, Recent};
use super::saying::Saying;
use super::stamp;
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
    Create(Saying),
    /// It is known: the object of that name gets this count, time and message.
    Count(Saying),
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

#[derive(Default)]
struct Similar {
    /// In the order of their keys, each once.
    messages: Vec<Key>,
    last: Timestamp,
}

struct Known {
    stamp: i128,
    first: Timestamp,
    count: i32,
}

struct Allowance {
    tokens: f64,
    at: Timestamp,
}

impl Correlator {
    pub(super) fn judge(&mut self, env: &Env, mut event: Saying) -> Verdict {
        let about = object_key(&event);
        let key = self.combine(env, &mut event, about);
        let counted = self.count(key, &mut event);
        match (self.allows(env.now(), about), counted) {
            (false, _) => Verdict::Drop,
            (true, false) => Verdict::Create(event),
            (true, true) => Verdict::Count(event),
        }
    }

    /// What tells equal events. One of many similar ones becomes the one that stands for all of them.
    fn combine(&mut self, env: &Env, event: &mut Saying, about: Key) -> Key {
        let now = env.now();
        let key = similar_key(event, about);
        let similar = self.similar.used(key, Similar::default);
        if now.duration_since(similar.last) > SIMILAR_WITHIN.try_into().unwrap_or_default() {
            similar.messages.clear();
        }
        similar.last = now;
        let message = Key::of(&event.message);
        if let Err(place) = similar.messages.binary_search(&message) {
            similar.messages.insert(place, message);
        }
        if similar.messages.len() < SIMILAR {
            return equal_key(event, about);
        }
        // It stays at the limit, so that it takes no more room, and a new message is again one too many.
        similar.messages.remove(0);
        event.stamp = stamp(env);
        event.message.insert_str(0, COMBINED);
        key
    }

    /// Counts an event; whether an equal one is known, whose stamp it then has.
    fn count(&mut self, key: Key, event: &mut Saying) -> bool {
        let new = || Known { stamp: event.stamp, first: event.first, count: 0 };
        let known = self.known.used(key, new);
        let counted = known.count > 0;
        if counted {
            event.stamp = known.stamp;
            event.first = known.first;
            event.count = known.count.saturating_add(1);
        }
        known.count = event.count;
        counted
    }

    /// Whether the source still has something to say about the object; uses up one of its tokens.
    fn allows(&mut self, now: Timestamp, key: Key) -> bool {
        let allowance = self.allowance.used(key, || Allowance { tokens: BURST, at: now });
        let earned = now.duration_since(allowance.at).as_secs_f64() / EARN_ONE.as_secs_f64();
        let tokens = (allowance.tokens + earned.max(0.0)).min(BURST);
        let allowed = tokens >= 1.0;
        *allowance = Allowance { tokens: if allowed { tokens - 1.0 } else { tokens }, at: now };
        allowed
    }
}

/// What a source says about an object.
fn object_key(event: &Saying) -> Key {
    let (source, object) = (&event.source, event.regarding.reference());
    Key::of((
        &source.component,
        &source.host,
        &object.kind,
        &object.namespace,
        &object.name,
        &object.uid,
        &object.api_version,
    ))
}

/// The same, for one reason.
fn similar_key(event: &Saying, about: Key) -> Key {
    Key::of((about, event.kind, &event.reason))
}

/// The same, with one message.
fn equal_key(event: &Saying, about: Key) -> Key {
    Key::of((about, event.kind, &event.reason, event.regarding.field_path(), &event.message))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::events::{About, EventType};
    use crate::testing::Lab;

    fn event(message: &str) -> Saying {
        Saying {
            stamp: 0,
            source: Arc::default(),
            regarding: About::default(),
            kind: EventType::Normal,
            reason: "Failed".into(),
            message: message.to_owned(),
            first: Timestamp::default(),
            last: Timestamp::default(),
            count: 1,
        }
    }

    fn outcome(verdict: Verdict) -> String {
        match verdict {
            Verdict::Create(event) => format!("new {}", event.message),
            Verdict::Count(event) => format!("{} {}", event.count, event.message),
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
