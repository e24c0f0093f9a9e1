//! What definitions may be, and what they become, in cases recorded from upstream.

use jiff::Timestamp;
use steersman_core::field::aggregate;
use steersman_core::tree::{Value, json};

use super::{CustomResourceDefinitions, compile, establish, set_terminating};
use crate::Tables;
use crate::strategy::Strategy;

fn definition(schema: Value) -> Value {
    let mut object = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    CustomResourceDefinitions.default(&mut object);
    object
}

fn of_spec(schema: Value) -> Value {
    definition(json!({"type": "object", "properties": {"spec": schema}}))
}

fn wrong(object: &Value) -> String {
    aggregate(&CustomResourceDefinitions.validate(object))
}

fn established(mut object: Value) -> Value {
    if let Some(status) = establish(&object, std::iter::empty(), Timestamp::UNIX_EPOCH) {
        object["status"] = status;
    }
    object
}

#[test]
fn names_and_conversion_are_defaulted() {
    let object = of_spec(json!({"type": "object"}));
    assert_eq!(
        object["spec"]["names"],
        json!({"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"})
    );
    assert_eq!(object["spec"]["conversion"], json!({"strategy": "None"}));
    assert_eq!(object["status"]["storedVersions"], json!(["v1"]));
}

#[test]
fn definitions_that_are_not_structural_are_refused_in_upstreams_words() {
    let at = "spec.validation.openAPIV3Schema.properties[spec]";
    let cases = [
        (json!({}), ".type: Required value: must not be empty for specified object fields"),
        (
            json!({"type": "foo"}),
            ".type: Unsupported value: \"foo\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \
             \"object\", \"string\"",
        ),
        (json!({"type": "array"}), ".items: Required value: must be specified"),
        (
            json!({"type": "array", "items": [{"type": "string"}]}),
            ".items: Forbidden: items must be a schema object and not an array",
        ),
        (json!({"$ref": "#/x"}), ".$ref: Forbidden: $ref is not supported"),
        (
            json!({"type": "object", "anyOf": [{"properties": {"a": {"type": "string"}}}]}),
            ".anyOf[0].properties[a].type: Forbidden: must be empty to be structural",
        ),
        (
            json!({"type": "string", "pattern": "("}),
            ".pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: error parsing regexp: \
             missing closing ): `(`",
        ),
        (
            json!({"type": "string", "default": 5}),
            ".default: Invalid value: \"integer\":  in body must be of type string: \"integer\"",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "default": {"b": "c"}}),
            ".default: Invalid value: {\"b\":\"c\"}: must not have unknown fields",
        ),
        (
            json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}),
            ".x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
        ),
    ];
    for (schema, message) in cases {
        let found = wrong(&of_spec(schema.clone()));
        let junctor_adds = schema.get("anyOf").is_some();
        if junctor_adds {
            assert!(found.contains(&format!("{at}{message}")), "{found}");
        } else {
            assert_eq!(found, format!("{at}{message}"));
        }
    }
}

#[test]
fn validation_rules_are_checked_as_far_as_they_can_be_without_being_evaluated() {
    let cases = [
        (json!({"rule": " "}), "rule: Required value: rule is not specified"),
        (
            json!({"rule": "true", "message": "a\nb"}),
            "message: Invalid value: \"a\\nb\": must not contain line breaks",
        ),
        (
            json!({"rule": "true", "reason": "X"}),
            "reason: Unsupported value: \"X\": supported values: \"FieldValueDuplicate\", \"FieldValueForbidden\", \
             \"FieldValueInvalid\", \"FieldValueRequired\"",
        ),
        (
            json!({"rule": "true", "fieldPath": ".zz"}),
            "fieldPath: Invalid value: \".zz\": must be a valid path",
        ),
    ];
    for (rule, message) in cases {
        let schema = json!({
            "type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-validations": [rule],
        });
        let at = "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0]";
        assert_eq!(wrong(&of_spec(schema)), format!("{at}.{message}"));
    }
}

#[test]
fn exactly_one_version_is_stored() {
    let mut object = of_spec(json!({"type": "object"}));
    object["spec"]["versions"][0]["storage"] = false.into();
    object["status"] = Value::Null;
    assert_eq!(
        wrong(&object),
        "[spec.versions: Invalid value: [{\"Name\":\"v1\",\"Served\":true,\"Storage\":false,\"Deprecated\":false,\
         \"DeprecationWarning\":null,\"Schema\":null,\"Subresources\":null,\"AdditionalPrinterColumns\":null,\
         \"SelectableFields\":null}]: must have exactly one version marked as storage version, \
         status.storedVersions: Invalid value: null: must have at least one stored version]"
    );
}

#[test]
fn a_version_that_objects_are_stored_in_cannot_be_dropped() {
    let old = established(of_spec(json!({"type": "object"})));
    let mut object = old.clone();
    object["spec"]["versions"][0]["name"] = "v2".into();
    object["status"]["storedVersions"] = json!(["v1", "v2"]);
    let message = aggregate(&CustomResourceDefinitions.validate_update(&object, &old));
    assert!(
        message.starts_with(
            "status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions; v1 was"
        )
    );
}

#[test]
fn scope_and_names_stay_once_established() {
    let old = established(of_spec(json!({"type": "object"})));
    let mut object = old.clone();
    object["spec"]["scope"] = "Cluster".into();
    object["spec"]["names"]["kind"] = "Zidget".into();
    assert_eq!(
        aggregate(&CustomResourceDefinitions.validate_update(&object, &old)),
        "[spec.scope: Invalid value: \"Cluster\": field is immutable, \
         spec.names.kind: Invalid value: \"Zidget\": field is immutable]"
    );
}

#[test]
fn a_definition_is_established_once_its_names_are_accepted() {
    let object = established(of_spec(json!({"type": "object"})));
    let reasons: Vec<&str> = object["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["NoConflicts", "InitialNamesAccepted"]);
    assert_eq!(object["status"]["acceptedNames"], object["spec"]["names"]);
    assert_eq!(establish(&object, std::iter::empty(), Timestamp::UNIX_EPOCH), None);
}

#[test]
fn a_name_that_another_definition_holds_is_not_accepted() {
    let first = established(of_spec(json!({"type": "object"})));
    let mut second = of_spec(json!({"type": "object"}));
    second["metadata"]["name"] = "widgetz.example.com".into();
    second["spec"]["names"]["plural"] = "widgetz".into();
    let status = establish(&second, [&first, &second].into_iter(), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(status["acceptedNames"]["plural"], "widgetz");
    assert_eq!(status["conditions"][0]["status"], "False");
    assert_eq!(status["conditions"][0]["reason"], "ListKindConflict");
    assert_eq!(status["conditions"][0]["message"], "\"WidgetList\" is already in use");
    assert_eq!(status["conditions"][1]["reason"], "NotAccepted");
    second["status"] = status;
    assert!(compile(&Tables::load(), &second).is_empty());
}

#[test]
fn every_served_version_gets_a_row_and_a_schema() {
    let mut object =
        of_spec(json!({"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}));
    let mut beta = object["spec"]["versions"][0].clone();
    beta["name"] = "v1beta1".into();
    beta["storage"] = false.into();
    beta["deprecated"] = true.into();
    beta["subresources"] = json!({
        "status": {},
        "scale": {"specReplicasPath": ".spec.a", "statusReplicasPath": ".status.b"},
    });
    object["spec"]["versions"].as_array_mut().unwrap().push(beta);
    let versions = compile(&Tables::load(), &established(object));
    let names: Vec<String> = versions.iter().map(|one| one.row.resource.resource.api_version()).collect();
    assert_eq!(names, ["example.com/v1", "example.com/v1beta1"]);
    assert!(versions.iter().all(|one| one.storage_version == "v1" && one.list_kind == "WidgetList"));
    assert_eq!(versions[0].scale, None);
    assert_eq!(versions[1].scale.as_ref().unwrap().spec_replicas, ".spec.a");
    let subresources: Vec<String> =
        versions[1].row.subresources.iter().map(|one| one.kind.to_string()).collect();
    assert_eq!(subresources, ["autoscaling/v1, Kind=Scale", "example.com/v1beta1, Kind=Widget"]);
    let warning = "example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget";
    assert_eq!(versions[1].deprecation.as_deref(), Some(warning));
}

#[test]
fn objects_go_before_their_definition() {
    let mut object = established(of_spec(json!({"type": "object"})));
    set_terminating(&mut object, Timestamp::UNIX_EPOCH);
    set_terminating(&mut object, Timestamp::UNIX_EPOCH);
    assert_eq!(object["metadata"]["finalizers"], json!(["customresourcecleanup.apiextensions.k8s.io"]));
    assert_eq!(object["status"]["conditions"][2]["reason"], "InstanceDeletionPending");
}

#[test]
fn rules_are_compiled_and_priced_with_their_definition() {
    let at = "spec.validation.openAPIV3Schema.properties[spec]";
    let text = json!({"a": {"type": "string"}, "n": {"type": "integer"}});
    let shown = |rule: &str| {
        format!(
            "{{\"Rule\":\"{rule}\",\"Message\":\"\",\"MessageExpression\":\"\",\"Reason\":null,\"FieldPath\":\"\",\
             \"OptionalOldSelf\":null}}"
        )
    };
    let cases = [
        (
            json!({"type": "object", "properties": text, "x-kubernetes-validations": [{"rule": "self.b == 1"}]}),
            format!(
                "{at}.x-kubernetes-validations[0].rule: Invalid value: {}: compilation failed: ERROR: <input>:1:5: \
                 undefined field 'b'\n | self.b == 1\n | ....^",
                shown("self.b == 1")
            ),
        ),
        (
            json!({"type": "object", "properties": text, "x-kubernetes-validations": [{"rule": "self.n"}]}),
            format!(
                "{at}.x-kubernetes-validations[0].rule: Invalid value: {}: cel expression must evaluate to a bool",
                shown("self.n")
            ),
        ),
        (
            json!({"type": "array", "maxItems": 5, "items": {
                "type": "string", "maxLength": 5, "x-kubernetes-validations": [{"rule": "self == oldSelf"}],
            }}),
            format!(
                "{at}.items.x-kubernetes-validations[0].rule: Invalid value: \"self == oldSelf\": oldSelf cannot be used \
                 on the uncorrelatable portion of the schema within {at}"
            ),
        ),
        (
            json!({"type": "array", "items": {
                "type": "string", "x-kubernetes-validations": [{"rule": "self.contains(self)"}],
            }}),
            format!(
                "[{at}.items.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of \
                 more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, \
                 maps, and strings are declared), {at}.items.x-kubernetes-validations[0].rule: Forbidden: contributed to \
                 estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema, \
                 spec.validation.openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire \
                 OpenAPIv3 schema exceeds budget by factor of more than 100x (try simplifying the rule, or adding \
                 maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)]"
            ),
        ),
    ];
    for (schema, message) in cases {
        assert_eq!(wrong(&of_spec(schema)), message);
    }
}

#[test]
fn webhook_conversion_needs_a_client_and_review_versions() {
    let mut object = of_spec(json!({"type": "object"}));
    object["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {
        "clientConfig": {"url": "https://a.b/c"}, "conversionReviewVersions": ["v1"],
    }});
    assert_eq!(wrong(&object), "[]");
    object["spec"]["conversion"] = json!({"strategy": "Webhook"});
    assert_eq!(
        wrong(&object),
        "[spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook, \
         spec.conversion.conversionReviewVersions: Required value]"
    );
}
