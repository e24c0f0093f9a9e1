//! Validation rules of custom resources: each is refused, or judges objects within its budget.

use http::Method;
use steersman_core::tree::json;

use crate::house::{JSON, in_house};

/// Defines a custom resource that `rule` validates, and creates one.
pub fn rules(rule: &str) {
    in_house(|house| {
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let spec = json!({
            "type": "object",
            "properties": {
                "n": {"type": "integer"}, "s": {"type": "string", "maxLength": 10},
                "l": {"type": "array", "maxItems": 5, "items": {"type": "integer"}},
                "m": {"type": "object", "maxProperties": 5, "additionalProperties": {"type": "string", "maxLength": 5}}
            },
            "x-kubernetes-validations": [{"rule": rule}]
        });
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "rules.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"plural": "rules", "kind": "Rule"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                    "openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}
                }}]
            }
        });
        let (status, _) = house.post(definitions, &definition);
        if status.is_success() {
            let rules = "/apis/example.com/v1/namespaces/default/rules";
            let object = json!({"apiVersion": "example.com/v1", "kind": "Rule", "metadata": {"name": "r"},
                                "spec": {"n": 3, "s": "abc", "l": [1, 2], "m": {"k": "v"}}});
            house.post(rules, &object);
            house.send(Method::DELETE, &format!("{rules}/r"), JSON, b"");
            house.send(Method::DELETE, &format!("{definitions}/rules.example.com"), JSON, b"");
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::mutated::hold;

    const RULES: &[&str] = &[
        "self.n > 0 && self.s.size() < 5 || !(1 in self.l)",
        "self.l.all(x, x < 9) && self.m.exists(k, self.m[k] == 'v') ? has(self.n) : self.n / 0 == 1",
        "self.l.map(x, x * 2).filter(x, x % 3 == 0).size() + 1 < self.n - -5",
        "self.s.matches('^a(b|c)*$') && self.s.split('b').join(',').lowerAscii() == 'a,c'",
        "quantity('5Ki').isGreaterThan(quantity('1k')) && url('https://a:1/').getPort() == '1'",
        "duration('1h') + duration('1m') > duration('61m') || timestamp('2026-01-01T00:00:00Z').getFullYear() == 2026",
        "self == oldSelf || dyn(self.n) == 3.0 || string(self.n) + self.s == \"3abc\" || ip('::1').family() == 6",
    ];

    #[test]
    fn a_rule_is_refused_or_judges_objects() {
        hold(RULES, |rule| super::rules(&String::from_utf8_lossy(rule)));
    }
}
