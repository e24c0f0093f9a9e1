//! What custom resources look like after admission and defaulting, and what is wrong with them, in cases.

use std::sync::Arc;

use proptest::prelude::*;
use steersman_core::api::FieldValidation;
use steersman_core::field::aggregate;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Value, json};

use super::{Document, Duplicates, Schema};

fn schema(of_spec: Value) -> Schema {
    let schema = json!({"type": "object", "properties": {"spec": of_spec}});
    Schema::custom(&Arc::new(Document::builtin()), &schema)
}

fn admit(schema: &Schema, object: &mut Value) -> Vec<String> {
    let kind = GroupVersionKind::new("example.com", "v1", "Widget");
    let warnings = schema.admit(object, &kind, &Duplicates::default(), FieldValidation::Warn).unwrap();
    schema.default(object);
    warnings
}

fn wrong(of_spec: Value, spec: Value) -> String {
    let schema = schema(of_spec);
    let mut object =
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "o"}, "spec": spec});
    admit(&schema, &mut object);
    aggregate(&schema.validate(&object))
}

#[test]
fn unknown_fields_are_pruned_where_the_schema_does_not_keep_them() {
    let schema = schema(json!({
        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
        "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}},
    }));
    let mut object = json!({
        "metadata": {"name": "o", "foo": 1}, "spec": {"zz": {"q": 1}, "a": {"b": "x", "c": "d"}}, "top": 1,
    });
    let warnings = admit(&schema, &mut object);
    assert_eq!(object, json!({"metadata": {"name": "o"}, "spec": {"zz": {"q": 1}, "a": {"b": "x"}}}));
    assert_eq!(
        warnings,
        [r#"unknown field "metadata.foo""#, r#"unknown field "spec.a.c""#, r#"unknown field "top""#]
    );
}

#[test]
fn metadata_of_the_wrong_type_is_told_as_go_tells_it() {
    let schema = schema(json!({"type": "object"}));
    let kind = GroupVersionKind::new("example.com", "v1", "Widget");
    let refused = |mut object: Value| {
        let outcome = schema.admit(&mut object, &kind, &Duplicates::default(), FieldValidation::Warn);
        outcome.unwrap_err().message().to_owned()
    };
    let prefix = "Widget in version \"v1\" cannot be handled as a Widget: json: cannot unmarshal";
    assert_eq!(
        refused(json!({"metadata": {"name": 5}})),
        format!("{prefix} number into Go struct field ObjectMeta.name of type string")
    );
    assert_eq!(
        refused(json!({"metadata": "x"})),
        format!("{prefix} string into Go value of type v1.ObjectMeta")
    );
}

#[test]
fn defaults_fill_in_and_nulls_without_a_place_go() {
    let schema = schema(json!({
        "type": "object", "default": {},
        "properties": {
            "a": {"type": "string", "default": "x"},
            "b": {"type": "string", "nullable": true, "default": "y"},
            "c": {"type": "string"},
            "l": {"type": "array", "items": {"type": "object", "properties": {"p": {"type": "string", "default": "TCP"}}}},
            "m": {"type": "object", "additionalProperties": {"type": "object", "properties": {"n": {"type": "integer", "default": 5}}}},
        },
    }));
    let defaulted = |mut object: Value| {
        admit(&schema, &mut object);
        object["spec"].take()
    };
    assert_eq!(defaulted(json!({})), json!({"a": "x", "b": "y"}));
    assert_eq!(
        defaulted(json!({"spec": {"a": null, "b": null, "c": null, "l": [{}], "m": {"k": {}}}})),
        json!({"a": "x", "b": null, "l": [{"p": "TCP"}], "m": {"k": {"n": 5}}})
    );
}

#[test]
fn numbers_come_back_as_go_writes_them() {
    let schema = schema(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    let mut object = json!({"spec": {"a": 1.0, "b": -0.0, "c": 9_007_199_254_740_993_i64, "d": 0.5, "e": 9_223_372_036_854_775_808_u64}});
    admit(&schema, &mut object);
    assert_eq!(
        object["spec"].to_string(),
        r#"{"a":1,"b":0,"c":9007199254740993,"d":0.5,"e":9223372036854776000}"#
    );
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

#[test]
fn scalars_are_validated_in_upstreams_words() {
    let cases = [
        (
            object(json!({"a": {"type": "string"}})),
            json!({"a": 1}),
            "spec.a: Invalid value: \"integer\": spec.a in body must be of type string: \"integer\"",
        ),
        (
            object(json!({"i": {"type": "integer"}})),
            json!({"i": 1.5}),
            "[spec.i: Invalid value: \"number\": spec.i in body must be of type integer: \"number\", <nil>: Invalid \
             value: \"\": Checked value must be of type integer (default format) in spec.i]",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
            json!({}),
            "spec.a: Required value",
        ),
        (
            object(json!({"a": {"type": "string", "minLength": 2}})),
            json!({"a": "a"}),
            "spec.a: Invalid value: \"a\": spec.a in body should be at least 2 chars long",
        ),
        (
            object(json!({"a": {"type": "string", "maxLength": 4}})),
            json!({"a": "abcde"}),
            "spec.a: Too long: may not be more than 4 bytes",
        ),
        (
            object(json!({"a": {"type": "string", "enum": ["x", "y"]}})),
            json!({"a": "z"}),
            "spec.a: Unsupported value: \"z\": supported values: \"x\", \"y\"",
        ),
        (
            object(json!({"i": {"type": "integer", "maximum": 5}})),
            json!({"i": 6}),
            "spec.i: Invalid value: 6: spec.i in body should be less than or equal to 5",
        ),
    ];
    for (schema, spec, message) in cases {
        assert_eq!(wrong(schema, spec), message);
    }
}

#[test]
fn lists_and_junctors_are_validated_in_upstreams_words() {
    let cases = [
        (
            json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}),
            json!(["a", "b", "a"]),
            "spec[2]: Duplicate value: \"a\"",
        ),
        (
            json!({
                "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {"name": {"type": "string"}, "v": {"type": "integer"}}},
            }),
            json!([{"name": "a"}, {"name": "a", "v": 1}]),
            "spec[1]: Duplicate value: {\"name\":\"a\"}",
        ),
        (
            json!({
                "type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
            }),
            json!({}),
            "[<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found none valid, \
             spec.a: Required value]",
        ),
        (
            object(json!({"p": {"x-kubernetes-int-or-string": true}})),
            json!({"p": true}),
            "spec.p: Invalid value: \"boolean\": spec.p in body must be of type integer,string: \"boolean\"",
        ),
    ];
    for (schema, spec, message) in cases {
        assert_eq!(wrong(schema, spec), message);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string", "default": "x"})),
        Just(json!({"type": "integer", "nullable": true})),
        Just(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})),
        Just(json!({"x-kubernetes-int-or-string": true})),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            inner.clone().prop_map(|values| json!({"type": "object", "additionalProperties": values})),
            prop::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| json!({"type": "object", "properties": Value::from_iter(map)})),
        ]
    })
}

proptest! {
    #[test]
    fn admitting_and_defaulting_again_changes_nothing(of_spec in any_schema(), spec in any_value()) {
        let schema = schema(of_spec);
        let mut once = json!({"spec": spec});
        admit(&schema, &mut once);
        let mut twice = once.clone();
        prop_assert_eq!(admit(&schema, &mut twice), Vec::<String>::new());
        prop_assert_eq!(once, twice);
    }
}
