//! The variables that expressions of admission policies, webhooks and device selectors may name.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression>

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kind::{Declared, Field, ObjectType, Type};
use super::library::Library;
use super::{Program, compile};

/// The type of the variables of a policy together.
const COMPOSED: &str = "kubernetes.variables";

/// The most attributes and capacities of a device.
const MOST_ATTRIBUTES: u64 = 32;

/// The most characters of the name of a driver, and of an attribute with its domain.
const MOST_DRIVER_CHARS: u64 = 63;
const MOST_NAME_CHARS: u64 = 32 + 63 + 1;

/// A library, and the variables that there are.
#[derive(Debug)]
pub(crate) struct Environment {
    library: Library,
    variables: BTreeMap<String, Type>,
    /// What is known of the variables' sizes.
    root: Declared,
}

impl Environment {
    /// What a request tells: the expressions of webhooks, and of policies without parameters.
    pub(crate) fn admission() -> Self {
        let variables = [
            ("object", Type::Dyn),
            ("oldObject", Type::Dyn),
            ("request", request()),
            ("namespaceObject", namespace()),
            ("authorizer", authorizer()),
        ];
        Environment::over(Library::new(), variables)
    }

    /// The same for policies that change objects, which make messages.
    pub(crate) fn mutation() -> Self {
        let mut environment = Environment::admission();
        environment.library.allow_messages();
        environment
    }

    /// What is known of a device.
    pub(crate) fn device() -> Self {
        let text = |max| Declared { max_elements: max, ..Declared::simple(Type::String, 2) };
        let map = |value: Declared| Declared {
            max_elements: MOST_ATTRIBUTES,
            key: Some(Arc::new(text(MOST_NAME_CHARS))),
            element: Some(Arc::new(value.clone())),
            ..Declared::simple(Type::map(Type::String, value.kind), 2)
        };
        let quantity = Declared::simple(Type::Opaque("kubernetes.Quantity"), 2);
        let device = message(
            "kubernetes.DRADevice",
            [
                ("driver", text(MOST_DRIVER_CHARS)),
                ("attributes", map(map(Declared::any()))),
                ("capacity", map(map(quantity))),
                ("allowMultipleAllocations", Declared::simple(Type::Bool, 4)),
            ],
        );
        let root = message("", [("device", device.clone())]);
        Environment { root, ..Environment::over(Library::new(), [("device", device.kind)]) }
    }

    fn over<const N: usize>(library: Library, variables: [(&str, Type); N]) -> Self {
        let variables = variables.map(|(name, kind)| (name.to_owned(), kind));
        Environment { library, variables: variables.into(), root: Declared::any() }
    }

    /// One more variable.
    pub(crate) fn add(&mut self, name: &str, kind: Type) {
        self.variables.insert(name.to_owned(), kind);
    }

    /// From now on expressions may ask for what stands below `variables`: nothing yet.
    pub(crate) fn declare_variables(&mut self) {
        let none = ObjectType { name: COMPOSED.to_owned(), fields: BTreeMap::new() };
        self.variables.entry("variables".to_owned()).or_insert_with(|| Type::Object(Arc::new(none)));
    }

    /// Makes a variable one that expressions compiled from now on find below `variables`.
    pub(crate) fn compose(&mut self, name: &str, kind: Type) {
        let declared = Arc::new(Declared::simple(kind, 1));
        let mut fields = match self.variables.get("variables") {
            Some(Type::Object(composed)) => composed.fields.clone(),
            _ => BTreeMap::new(),
        };
        fields.insert(name.to_owned(), Field { name: name.to_owned(), declared });
        let composed = Type::Object(Arc::new(ObjectType { name: COMPOSED.to_owned(), fields }));
        self.variables.insert("variables".to_owned(), composed);
    }

    /// Compiles an expression that makes a message, which is not for the authoriser to decide.
    ///
    /// # Errors
    /// What is wrong with it, in upstream's words.
    pub(crate) fn compile_message(&self, source: &str) -> Result<Program, String> {
        let mut variables = self.variables.clone();
        variables.remove("authorizer");
        compile(&self.library, source, &variables, &self.root)
    }

    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it, in upstream's words.
    pub(crate) fn compile(&self, source: &str) -> Result<Program, String> {
        compile(&self.library, source, &self.variables, &self.root)
    }
}

/// An object with these fields.
pub(super) fn message<const N: usize>(name: &str, fields: [(&str, Declared); N]) -> Declared {
    let fields = fields.map(|(name, declared)| {
        (name.to_owned(), Field { name: name.to_owned(), declared: Arc::new(declared) })
    });
    let kind = Type::Object(Arc::new(ObjectType { name: name.to_owned(), fields: fields.into() }));
    Declared::simple(kind, 2)
}

fn typed<const N: usize>(name: &str, fields: [(&str, Type); N]) -> Type {
    message(name, fields.map(|(name, kind)| (name, Declared::simple(kind, 1)))).kind
}

/// The type of the variable `request`.
pub(crate) fn request() -> Type {
    use Type::{Bool, Dyn, String};
    let kind =
        typed("kubernetes.GroupVersionKind", [("group", String), ("version", String), ("kind", String)]);
    let resource = [("group", String), ("version", String), ("resource", String)];
    let resource = typed("kubernetes.GroupVersionResource", resource);
    let texts = || Type::list(String);
    let user =
        [("username", String), ("uid", String), ("groups", texts()), ("extra", Type::map(String, texts()))];
    let fields = [
        ("kind", kind.clone()),
        ("resource", resource.clone()),
        ("subResource", String),
        ("requestKind", kind),
        ("requestResource", resource),
        ("requestSubResource", String),
        ("name", String),
        ("namespace", String),
        ("operation", String),
        ("userInfo", typed("kubernetes.UserInfo", user)),
        ("dryRun", Bool),
        ("options", Dyn),
    ];
    typed("kubernetes.AdmissionRequest", fields)
}

/// The type of the variable `namespaceObject`.
pub(crate) fn namespace() -> Type {
    use Type::{Int, String, Timestamp};
    let texts = || Type::list(String);
    let metadata = [
        ("name", String),
        ("generateName", String),
        ("namespace", String),
        ("labels", Type::map(String, String)),
        ("annotations", Type::map(String, String)),
        ("UID", String),
        ("creationTimestamp", Timestamp),
        ("deletionGracePeriodSeconds", Int),
        ("deletionTimestamp", Timestamp),
        ("generation", Int),
        ("resourceVersion", String),
        ("finalizers", texts()),
    ];
    let condition = [
        ("status", String),
        ("type", String),
        ("lastTransitionTime", Timestamp),
        ("message", String),
        ("reason", String),
    ];
    let conditions = Type::list(typed("kubernetes.NamespaceCondition", condition));
    let status = typed("kubernetes.NamespaceStatus", [("conditions", conditions), ("phase", String)]);
    let fields = [
        ("metadata", typed("kubernetes.NamespaceMetadata", metadata)),
        ("spec", typed("kubernetes.NamespaceSpec", [("finalizers", texts())])),
        ("status", status),
    ];
    typed("kubernetes.Namespace", fields)
}

/// Who answers whether the user may; with it comes the resource of the request.
fn authorizer() -> Type {
    let resource = Type::Opaque("kubernetes.authorization.ResourceCheck");
    typed("kubernetes.authorization.Authorizer", [("requestResource", resource)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_see_what_a_request_tells() {
        let environment = Environment::admission();
        for (source, kind) in [
            ("object.metadata.name", "dyn"),
            ("request.userInfo.groups.exists(g, g == 'a')", "bool"),
            ("namespaceObject.metadata.labels['a']", "string"),
            ("authorizer.group('apps').resource('deployments').check('get').allowed()", "bool"),
            ("authorizer.requestResource.check('get').reason()", "string"),
            ("authorizer.serviceAccount('a', 'b').path('/x').check('get').errored()", "bool"),
        ] {
            let compiled = environment.compile(source).map(|program| program.kind.to_string());
            assert_eq!(compiled.as_deref(), Ok(kind), "{source}");
        }
        let refused = environment.compile("request.nope").unwrap_err();
        assert!(refused.contains("undefined field 'nope'"), "{refused}");
        assert!(environment.compile("Object{}").unwrap_err().contains("undeclared reference to 'Object'"));
    }

    #[test]
    fn variables_are_found_once_they_are_composed() {
        let mut environment = Environment::admission();
        assert!(environment.compile("variables.a").is_err());
        environment.compose("a", Type::Int);
        environment.compose("b", Type::String);
        assert_eq!(environment.compile("variables.a").map(|program| program.kind), Ok(Type::Int));
        assert!(environment.compile("variables.c").unwrap_err().contains("undefined field 'c'"));
    }

    #[test]
    fn mutations_make_messages() {
        let environment = Environment::mutation();
        for (source, kind) in [
            ("Object{metadata: Object.metadata{labels: {'a': 'b'}}}", "Object"),
            ("[JSONPatch{op: 'add', path: '/x', value: 1}]", "list(JSONPatch)"),
        ] {
            let compiled = environment.compile(source).map(|program| program.kind.to_string());
            assert_eq!(compiled.as_deref(), Ok(kind), "{source}");
        }
        let refused = environment.compile("JSONPatch{nope: 1}").unwrap_err();
        assert!(refused.contains("undefined field 'nope'"), "{refused}");
    }

    #[test]
    fn devices_have_attributes_and_capacities() {
        let environment = Environment::device();
        let source = "device.driver == 'd' && device.capacity['d'].memory.isGreaterThan(quantity('1Gi'))";
        assert_eq!(environment.compile(source).map(|program| program.kind), Ok(Type::Bool));
    }
}
