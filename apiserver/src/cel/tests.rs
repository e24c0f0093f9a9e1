//! What expressions come to, what is wrong with them, and what they cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use steersman_core::tree::json;

use super::*;

fn root() -> Declared {
    let field = |name: &str, declared: Declared| {
        (name.to_owned(), Field { name: name.to_owned(), declared: Arc::new(declared) })
    };
    let text = || Declared { max_elements: 3_145_726, ..Declared::simple(Type::String, 2) };
    let int = || Declared::simple(Type::Int, 1);
    let list = |of: Declared| Declared {
        max_elements: 1_048_575,
        element: Some(Arc::new(of.clone())),
        ..Declared::simple(Type::list(of.kind), 2)
    };
    let fields = [
        field("a", text()),
        field("n", int()),
        field("l", list(int())),
        field("s", list(text())),
        field("any", Declared::any()),
    ];
    Declared::simple(
        Type::Object(Arc::new(ObjectType { name: "selfType".into(), fields: fields.into_iter().collect() })),
        2,
    )
}

fn compiled(source: &str) -> Result<Program, String> {
    let root = root();
    let variables = BTreeMap::from([("self".to_owned(), root.kind.clone())]);
    compile(&Library::new(), source, &variables, &root)
}

fn run(source: &str) -> String {
    let root = root();
    let program = match compiled(source) {
        Ok(program) => program,
        Err(why) => return why,
    };
    let object = json!({"a": "hello", "n": 3, "l": [3, 1, 2], "s": ["b", "a"], "any": "50%"});
    let (outcome, _) = program.is_true(&[("self", Binding::Json(&object, &root))]);
    match outcome {
        Ok(value) => value.to_string(),
        Err(failure) => format!("{failure:?}"),
    }
}

#[test]
fn expressions_are_true_as_upstream_has_it() {
    let sources = [
        "self.a == 'hello' && self.n == 3",
        "self.a.startsWith('he') && self.a.matches('^h.*o$')",
        "self.l.all(x, x > 0) && self.l.exists(x, x == 1) && self.l.exists_one(x, x == 2)",
        "self.l.map(x, x * 2) == [6, 2, 4] && self.l.filter(x, x > 1) == [3, 2]",
        "self.l.map(x, x > 1, x + 1) == [4, 3]",
        "self.l.sum() == 6 && self.l.max() == 3 && !self.l.isSorted() && self.l.sort() == [1, 2, 3]",
        "self.s.join(',') == 'b,a' && self.a.split('l').size() == 3",
        "isQuantity('1Gi') && quantity('1Gi').isLessThan(quantity('2Gi'))",
        "quantity('1').add(1).compareTo(quantity('2')) == 0",
        "isIP('10.0.0.1') && ip('10.0.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.1.1.1')",
        "isURL('https://x.y/z') && url('https://x.y/z').getScheme() == 'https'",
        "type(self.any) == string && self.any.endsWith('%')",
        "self.?a.orValue('z') == 'hello' && !self.?any.hasValue() == false",
        "self.?a.optMap(v, v + '!').value() == 'hello!'",
        "!!true && - -1 == 1 && 7 % 4 == 3 && 1.5 + 1.5 == 3.0 && dyn(1) == 1u",
        "duration('1h30m') > duration('1h') && timestamp('2020-01-01T00:00:00Z').getFullYear() == 2020",
        "{'a': 1}.all(k, k == 'a') && 'a' in {'a': 1} && 2 in [1, 2]",
        "[1, 2].all(i, v, i < v) && {'a': 1}.transformMap(k, v, v + 1) == {'a': 2}",
        "[1, 2, 3].transformList(i, v, i > 0, v) == [2, 3]",
        "sets.contains([1, 2], [2]) && 'a-b'.replace('-', '_') == 'a_b' && 'abc'.substring(1) == 'bc'",
        "'%s is %d'.format([dyn('x'), dyn(2)]) == 'x is 2' && 'abc'.charAt(1) == 'b' && ' a '.trim() == 'a'",
        "[1, 0].exists(x, 1 / x == 1) && [0, 1].exists(x, 1 / x == 1)",
        "semver('1.2.3').major() == 1 && !format.dns1123Label().validate('a').hasValue()",
        "string(3) == '3' && int('3') == 3 && double('1.5') == 1.5 && self.n > 1 ? true : false",
        "r'\\d' == '\\\\d' && b'a' == bytes('a') && '\\u00e9'.size() == 1",
        "has(self.a) && self.l.indexOf(2) == 2 && self.l.slice(0, 1) == [3] && [3, 1].sortBy(x, x) == [1, 3]",
    ];
    let wrong: Vec<(&str, String)> = sources
        .into_iter()
        .map(|source| (source, run(source)))
        .filter(|(_, outcome)| outcome != "true")
        .collect();
    assert_eq!(wrong, []);
}

#[test]
fn a_malformed_pattern_that_stands_in_an_expression_is_found_before_it_is_evaluated() {
    let unready = |source: &str| compiled(source).unwrap().unready();
    let why = "error parsing regexp: missing closing ]: `[`";
    assert_eq!(unready("self.a.find('[') == ''").as_deref(), Some(why));
    assert_eq!(unready("self.a.findAll('[', 1).size() == 0").as_deref(), Some(why));
    assert_eq!(unready("self.a.find('[a]') == ''"), None);
    // Whose pattern is only known later is told then.
    assert_eq!(unready("self.a.find(self.a) == ''"), None);
}

#[test]
fn what_goes_wrong_is_told_in_upstreams_words() {
    for (source, wanted) in [
        ("self.l[5] == 1", "index out of bounds: 5"),
        ("{'a': 1}['b'] == 1", "no such key: b"),
        ("1 / (self.n - 3) == 1", "division by zero"),
        ("self.n + 9223372036854775807 == 1", "integer overflow"),
        ("self.any > 1", "no such overload"),
        ("optional.none().value() == 1", "optional.none() dereference"),
        ("[0].all(x, 1 / x == 1)", "division by zero"),
        ("cidr('10.0.0.0/8').containsIP(self.a)", "no such overload"),
    ] {
        assert_eq!(run(source), format!("Error({wanted:?})"), "{source}");
    }
}

#[test]
fn wrong_types_are_found_before_anything_is_evaluated() {
    for (source, wanted) in [
        ("self.zz == 1", "ERROR: <input>:1:5: undefined field 'zz'\n | self.zz == 1\n | ....^"),
        (
            "foo == 1",
            "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^",
        ),
        (
            "self.a == 1",
            "ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(string, int)'\n | self.a == 1\n | .......^",
        ),
        (
            "self.a.nope()",
            "ERROR: <input>:1:12: undeclared reference to 'nope' (in container '')\n | self.a.nope()\n | ...........^",
        ),
        (
            "self.a.startsWith(1)",
            "ERROR: <input>:1:18: found no matching overload for 'startsWith' applied to 'string.(int)'\n | \
             self.a.startsWith(1)\n | .................^",
        ),
        (
            "self.n.all(x, true)",
            "ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or \
             dynamic)\n | self.n.all(x, true)\n | ....^",
        ),
        (
            "[1, 'a'] == [1]",
            "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, 'a'] == [1]\n | ....^",
        ),
        (
            "self.n && true",
            "ERROR: <input>:1:5: expected type 'bool' but found 'int'\n | self.n && true\n | ....^",
        ),
        (
            "self.a.b == 1",
            "ERROR: <input>:1:7: type 'string' does not support field selection\n | self.a.b == 1\n | ......^",
        ),
        (
            "'a'.matches('[')",
            "ERROR: <input>:1:13: invalid matches argument\n | 'a'.matches('[')\n | ............^",
        ),
        (
            "1 +",
            "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', \
             'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | 1 +\n | ...^",
        ),
        (
            "self.",
            "ERROR: <input>:1:6: Syntax error: no viable alternative at input '.'\n | self.\n | .....^",
        ),
    ] {
        assert_eq!(compiled(source).unwrap_err(), wanted, "{source}");
    }
}

#[test]
fn costs_are_estimated_in_upstreams_units() {
    for (source, wanted) in [
        ("true", 0),
        ("self.n == 3", 2),
        ("self.a == 'x'", 3),
        ("self.l.all(x, x > 0)", 5_242_878),
        ("self.a.contains(self.a)", 98_956_172_333),
        ("self.n in [1, 2]", 14),
    ] {
        assert_eq!(compiled(source).unwrap().max_cost, wanted, "{source}");
    }
}

#[test]
fn an_evaluation_stops_at_its_limit() {
    let root = root();
    let program = compiled("self.l.all(x, self.l.all(y, self.l.all(z, x + y + z >= 0)))").unwrap();
    let object = json!({"l": vec![1; 1000]});
    let (outcome, cost) = program.is_true(&[("self", Binding::Json(&object, &root))]);
    assert_eq!(outcome, Err(Failure::TooCostly));
    assert!(cost <= CALL_LIMIT + 10);
}

#[test]
fn expressions_that_nest_without_end_are_refused() {
    let deep = "(".repeat(50_000);
    assert!(compiled(&deep).unwrap_err().contains("expression recursion limit exceeded: 250"));
    let chain = format!("self{}", ".a".repeat(40_000));
    assert!(compiled(&chain).unwrap_err().contains("recursion limit"));
    let doubled = format!("optional.of(1){}.hasValue()", ".optMap(x, x)".repeat(60));
    assert!(compiled(&doubled).unwrap_err().contains("recursion limit"));
    assert!(compiled(&"a".repeat(200_000)).unwrap_err().contains("exceeds limit"));
}
