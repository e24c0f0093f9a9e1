//! What validation rules say of objects, in upstream's words.

use steersman_core::field::aggregate;
use steersman_core::tree::{Value, json};

use crate::Tables;
use crate::schema::{Extent, Schema};

/// The errors and warnings about an object whose `spec` has the schema.
fn judged(spec: &Value, object: &Value, old: Option<&Value>) -> (String, Vec<String>) {
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    let schema = Schema::custom(Tables::load().types(), &schema);
    let whole =
        |spec: &Value| json!({"apiVersion": "a.b/v1", "kind": "W", "metadata": {"name": "w"}, "spec": spec});
    let old = old.map(&whole);
    let found = schema.findings(&whole(object), old.as_ref(), Extent::Whole);
    (aggregate(&found.errors), found.warnings)
}

fn errors(spec: &Value, object: &Value, old: Option<&Value>) -> String {
    judged(spec, object, old).0
}

fn text_with(rule: &Value) -> Value {
    json!({"type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-validations": [rule]})
}

#[test]
fn a_broken_rule_says_what_it_was_told_to() {
    let object = json!({"a": "y"});
    for (rule, wanted) in [
        (json!({"rule": "self.a == 'x'"}), "spec: Invalid value: failed rule: self.a == 'x'"),
        (json!({"rule": "self.a == 'x'", "message": " no "}), "spec: Invalid value: no"),
        (
            json!({"rule": "self.a == 'x'", "messageExpression": "'not ' + self.a", "message": "no"}),
            "spec: Invalid value: not y",
        ),
        (
            json!({"rule": "self.a == 'x'", "messageExpression": "'a\\nb'", "message": "no"}),
            "spec: Invalid value: no",
        ),
        (
            json!({"rule": "self.a == 'x'", "reason": "FieldValueForbidden", "fieldPath": ".a", "message": "no"}),
            "spec.a: Forbidden: no",
        ),
        (json!({"rule": "self.a == 'x'", "reason": "FieldValueDuplicate"}), "spec: Duplicate value"),
        (
            json!({"rule": "[1][5] == 1"}),
            "spec: Invalid value: \"object\": index out of bounds: 5 evaluating rule: [1][5] == 1",
        ),
    ] {
        assert_eq!(errors(&text_with(&rule), &object, None), wanted);
    }
}

#[test]
fn rules_about_the_old_value_wait_for_one() {
    let schema = text_with(&json!({"rule": "self.a == oldSelf.a", "message": "stays"}));
    assert_eq!(errors(&schema, &json!({"a": "x"}), None), "[]");
    assert_eq!(errors(&schema, &json!({"a": "y"}), Some(&json!({"a": "x"}))), "spec: Invalid value: stays");
    let rule = json!({
        "rule": "oldSelf.hasValue() || self.a == 'first'", "optionalOldSelf": true, "message": "begins with first",
    });
    let schema = text_with(&rule);
    assert_eq!(errors(&schema, &json!({"a": "x"}), None), "spec: Invalid value: begins with first");
    assert_eq!(errors(&schema, &json!({"a": "x"}), Some(&json!({"a": "y"}))), "[]");
}

#[test]
fn what_was_wrong_before_and_stays_so_is_a_warning() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "string", "maxLength": 2, "x-kubernetes-validations": [{"rule": "self == 'x'"}]},
        "b": {"type": "string"},
    }});
    let (old, new) = (json!({"a": "y", "b": "1"}), json!({"a": "y", "b": "2"}));
    let (errors, warnings) = judged(&schema, &new, Some(&old));
    assert_eq!(errors, "[]");
    assert_eq!(warnings, ["spec.a: Invalid value: \"y\": failed rule: self == 'x'"]);
    let (old, new) = (json!({"a": "long", "b": "1"}), json!({"a": "long", "b": "2"}));
    assert_eq!(judged(&schema, &new, Some(&old)).0, "[]");
    assert_eq!(
        judged(&schema, &json!({"a": "wrong"}), Some(&old)).0,
        "[spec.a: Too long: may not be more than 2 bytes, <nil>: Invalid value: null: some validation rules were not \
         checked because the object was invalid; correct the existing errors to complete validation]"
    );
}

#[test]
fn elements_of_lists_with_keys_are_compared_by_their_keys() {
    let schema = json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
        "items": {
            "type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v", "message": "shrinks"}],
        },
    });
    let old = json!([{"k": "a", "v": 1}, {"k": "b", "v": 2}]);
    let new = json!([{"k": "b", "v": 2}, {"k": "a", "v": 0}, {"k": "c", "v": 0}]);
    assert_eq!(errors(&schema, &new, Some(&old)), "spec[1]: Invalid value: shrinks");
}

#[test]
fn all_rules_together_have_a_budget() {
    let rule = json!({"rule": "self.all(x, self.all(y, x + y >= 0))"});
    let schema =
        json!({"type": "array", "items": {"type": "integer"}, "x-kubernetes-validations": [rule, rule]});
    let found = errors(&schema, &json!(vec![1; 2_000]), None);
    assert_eq!(
        found,
        "spec: Invalid value: \"array\": 'operation cancelled: actual cost limit exceeded': no further validation rules \
         will be run due to call cost exceeds limit for rule: self.all(x, self.all(y, x + y >= 0))"
    );
}
