//! The options of a connection as admission sees them: an object of a kind of their own, read from the parameters.

use std::num::IntErrorKind;

use steersman_core::tree::{Map, Value, json};
use steersman_core::{Error, Result};

use super::{Connect, Door};
use crate::http::query::Query;
use crate::tree::Fill;

/// The fields of the options at a door, without the kind.
///
/// # Errors
/// A parameter cannot be read: 400 in upstream's words.
pub(super) fn read(connect: &Connect<'_>, door: Door) -> Result<Map> {
    let mut options = Map::new();
    match door {
        Door::Exec | Door::Attach => put_streams(&mut options, connect.query, door),
        Door::PortForward => put_ports(&mut options, connect.query)?,
        Door::Proxy => put_path(&mut options, connect),
        Door::Log => {}
    }
    Ok(options)
}

fn put_streams(options: &mut Map, query: &Query, door: Door) {
    for stream in ["stdin", "stdout", "stderr", "tty"] {
        if query.flag(stream) {
            options.put(stream, true);
        }
    }
    let container = query.text("container");
    if !container.is_empty() {
        options.put("container", container);
    }
    if door == Door::Exec {
        let command: Vec<&str> = query.all("command").collect();
        options.put("command", if command.is_empty() { Value::Null } else { json!(command) });
    }
}

fn put_ports(options: &mut Map, query: &Query) -> Result<()> {
    let ports = query.all("ports").flat_map(|ports| ports.split(',')).map(port);
    let ports = ports.collect::<Result<Vec<u16>>>()?;
    if !ports.is_empty() {
        options.put("ports", json!(ports));
    }
    Ok(())
}

fn port(text: &str) -> Result<u16> {
    let is_signed = text.starts_with('+');
    match text.parse::<u16>() {
        Ok(port) if !is_signed => Ok(port),
        outcome => {
            let overflows = outcome.is_err_and(|error| *error.kind() == IntErrorKind::PosOverflow);
            let why = if overflows && !is_signed { "value out of range" } else { "invalid syntax" };
            let why = format!("cannot convert to []int32: strconv.ParseUint: parsing {text:?}: {why}");
            Err(Error::bad_request(why))
        }
    }
}

/// What stands behind `proxy`, with the slash at its start.
fn put_path(options: &mut Map, connect: &Connect<'_>) {
    let behind = connect.target.subresource.split_once('/').map_or("", |(_, behind)| behind);
    let ends_open = connect.parts.uri.path().ends_with('/');
    let mut path = if behind.is_empty() { String::new() } else { format!("/{behind}") };
    if ends_open && !path.ends_with('/') {
        path.push('/');
    }
    if !path.is_empty() {
        options.put("path", path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_become_fields_as_upstreams_options_have_them() {
        let of = |door, query| {
            let (query, mut options) = (Query::parse(Some(query)), Map::new());
            let outcome = match door {
                Door::PortForward => put_ports(&mut options, &query),
                _ => {
                    put_streams(&mut options, &query, door);
                    Ok(())
                }
            };
            outcome.map_or_else(|error| error.message().into(), |()| Value::Object(options))
        };
        let cases = [
            (Door::Exec, "", json!({"command": null})),
            (
                Door::Exec,
                "command=ls&command=-l&stdin=true&tty=0&container=c",
                json!({"stdin": true, "container": "c", "command": ["ls", "-l"]}),
            ),
            (Door::Attach, "stdout=1&command=ls", json!({"stdout": true})),
            (Door::PortForward, "ports=80,81&ports=82", json!({"ports": [80, 81, 82]})),
            (
                Door::PortForward,
                "ports=x",
                json!("cannot convert to []int32: strconv.ParseUint: parsing \"x\": invalid syntax"),
            ),
            (
                Door::PortForward,
                "ports=65536",
                json!("cannot convert to []int32: strconv.ParseUint: parsing \"65536\": value out of range"),
            ),
        ];
        for (door, query, expected) in cases {
            assert_eq!(of(door, query), expected, "{query}");
        }
    }
}
