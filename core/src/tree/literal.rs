//! JSON as a literal.

/// Makes a [`Value`](crate::tree::Value) from JSON, in which Rust expressions may stand for values and for names of fields.
///
/// ```
/// use steersman_core::tree::json;
///
/// let replicas = 3;
/// let scale = json!({"spec": {"replicas": replicas}});
/// assert_eq!(scale["spec"]["replicas"], 3);
/// ```
///
/// # Panics
/// An expression is a value that JSON has no form for.
#[doc(hidden)]
#[macro_export]
macro_rules! __json {
    // The fields of an object, one after the other; then the items of a list.
    (@fields $map:ident) => {};
    (@fields $map:ident ,) => {};
    (@fields $map:ident $name:tt : null $(, $($rest:tt)*)?) => {
        $map.insert($name, $crate::tree::Value::Null);
        $crate::__json!(@fields $map $($($rest)*)?);
    };
    (@fields $map:ident $name:tt : { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        $map.insert($name, $crate::__json!({ $($inner)* }));
        $crate::__json!(@fields $map $($($rest)*)?);
    };
    (@fields $map:ident $name:tt : [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        $map.insert($name, $crate::__json!([ $($inner)* ]));
        $crate::__json!(@fields $map $($($rest)*)?);
    };
    (@fields $map:ident $name:tt : $value:expr $(, $($rest:tt)*)?) => {
        $map.insert($name, $crate::__json!($value));
        $crate::__json!(@fields $map $($($rest)*)?);
    };
    // A name of several tokens is taken one by one, up to the colon.
    (@fields $map:ident $($rest:tt)+) => {
        $crate::__json!(@name $map () $($rest)+);
    };
    (@name $map:ident ($($name:tt)+) : $($rest:tt)+) => {
        let name = $($name)+;
        $crate::__json!(@fields $map name : $($rest)+);
    };
    (@name $map:ident ($($name:tt)*) $next:tt $($rest:tt)*) => {
        $crate::__json!(@name $map ($($name)* $next) $($rest)*);
    };
    (@items $list:ident) => {};
    (@items $list:ident null $(, $($rest:tt)*)?) => {
        $list.push($crate::tree::Value::Null);
        $crate::__json!(@items $list $($($rest)*)?);
    };
    (@items $list:ident { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        $list.push($crate::__json!({ $($inner)* }));
        $crate::__json!(@items $list $($($rest)*)?);
    };
    (@items $list:ident [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        $list.push($crate::__json!([ $($inner)* ]));
        $crate::__json!(@items $list $($($rest)*)?);
    };
    (@items $list:ident $value:expr $(, $($rest:tt)*)?) => {
        $list.push($crate::__json!($value));
        $crate::__json!(@items $list $($($rest)*)?);
    };
    (null) => {
        $crate::tree::Value::Null
    };
    ({}) => {
        $crate::tree::Value::Object($crate::tree::Map::new())
    };
    ({ $($fields:tt)+ }) => {{
        let mut map = $crate::tree::Map::new();
        $crate::__json!(@fields map $($fields)+);
        $crate::tree::Value::Object(map)
    }};
    ([]) => {
        $crate::tree::Value::Array($crate::tree::List::new())
    };
    ([ $($items:tt)+ ]) => {{
        let mut list = $crate::tree::List::new();
        $crate::__json!(@items list $($items)+);
        $crate::tree::Value::Array(list)
    }};
    ($value:expr) => {
        $crate::tree::to_value(&$value).expect("a value that JSON has a form for")
    };
}
