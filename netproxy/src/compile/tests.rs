//! Each behaviour of kube-proxy as a row: services and endpoints in, rules out.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use steersman_core::network::{Action, Address, RuleTable};
use steersman_core::tree::{Value, from_value, json};

use super::{NodeTopology, compile};

/// Endpoints are written `1.1.1.1@here`, followed by what is special: `!ready`, `!serving`, `terminating`,
/// `zone=z`, `node=n`.
fn slice(service: &str, endpoints: &[&str]) -> Value {
    json!({
        "metadata": {"name": format!("{service}-x"), "namespace": "d", "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": endpoints.iter().map(|text| endpoint(text)).collect::<Vec<_>>(),
    })
}

fn endpoint(text: &str) -> Value {
    let mut words = text.split(' ');
    let (address, node) = words.next().unwrap().split_once('@').unwrap();
    let mut endpoint = json!({"addresses": [address], "nodeName": node, "conditions": {}, "hints": {}});
    for word in words {
        match word.split_once('=') {
            Some(("zone", zone)) => endpoint["hints"]["forZones"] = json!([{"name": zone}]),
            Some((_, node)) => endpoint["hints"]["forNodes"] = json!([{"name": node}]),
            None => endpoint["conditions"][word.trim_start_matches('!')] = json!(!word.starts_with('!')),
        }
    }
    endpoint
}

/// A service at 10.0.0.1 with the given fields of its spec.
fn service(spec: Value) -> Value {
    let mut service = json!({
        "metadata": {"name": "web", "namespace": "d"},
        "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
    });
    merge(&mut service["spec"], spec);
    service
}

fn merge(into: &mut Value, from: Value) {
    for (key, value) in from.as_object().unwrap() {
        into[key] = value.clone();
    }
}

fn rules(services: &[Value], slices: &[Value]) -> Vec<String> {
    let services: Vec<Service> =
        services.iter().map(|service| from_value(service.clone()).unwrap()).collect();
    let slices: Vec<EndpointSlice> = slices.iter().map(|slice| from_value(slice.clone()).unwrap()).collect();
    let node = NodeTopology { name: "here".into(), zone: "z1".into() };
    let table = compile(&services, &slices, &node);
    let (services, slices) = (services.iter().rev(), slices.iter().rev());
    assert_eq!(compile(services, slices, &node), table, "the order of the input has an effect");
    show(&table)
}

fn show(table: &RuleTable) -> Vec<String> {
    let lines = table.rules.iter().map(|rule| {
        let address = match rule.frontend.address {
            Address::Cluster(ip) => format!("cluster {ip}"),
            Address::External(ip) => format!("external {ip}"),
            Address::LoadBalancer(ip) => format!("balancer {ip}"),
            Address::Node(family) => format!("node {family:?}"),
            _ => "?".to_owned(),
        };
        let (near, far) = (action(&rule.from_node), action(&rule.from_elsewhere));
        let actions = if near == far { near } else { format!("{near} | {far}") };
        let sources = rule.sources.as_ref().map(|sources| format!(" from {sources:?}")).unwrap_or_default();
        let affinity = rule.affinity.map(|affinity| format!(" for {affinity:?}")).unwrap_or_default();
        format!("{address} {} {:?}: {actions}{sources}{affinity}", rule.frontend.port, rule.frontend.protocol)
    });
    lines.collect()
}

fn action(action: &Action) -> String {
    match action {
        Action::Forward(backends) => {
            let backends: Vec<String> =
                backends.iter().map(|backend| format!("{}:{}", backend.address, backend.port)).collect();
            backends.join(" ")
        }
        other => format!("{other:?}").to_lowercase(),
    }
}

/// What happens at the cluster IP of a service with these fields and endpoints.
fn at_cluster_ip(spec: Value, endpoints: &[&str]) -> String {
    let rules = rules(&[service(spec)], &[slice("web", endpoints)]);
    rules[0].strip_prefix("cluster 10.0.0.1 80 Tcp: ").unwrap().to_owned()
}

#[test]
fn ready_endpoints_get_traffic_and_terminating_ones_in_need() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "reject"),
        (&["1.1.1.2@b", "1.1.1.1@a"], "1.1.1.1:8080 1.1.1.2:8080"),
        (&["1.1.1.1@a", "1.1.1.1@a"], "1.1.1.1:8080"),
        (&["1.1.1.1@a !ready"], "reject"),
        (&["1.1.1.1@a !ready", "1.1.1.2@a"], "1.1.1.2:8080"),
        (&["1.1.1.1@a !ready terminating", "1.1.1.2@a"], "1.1.1.2:8080"),
        (&["1.1.1.1@a !ready terminating"], "1.1.1.1:8080"),
        (&["1.1.1.1@a !ready !serving terminating"], "reject"),
        (&["1.1.1.1@a !ready", "1.1.1.2@a !ready terminating"], "1.1.1.2:8080"),
        // As published for a service with publishNotReadyAddresses.
        (&["1.1.1.1@a ready terminating"], "1.1.1.1:8080"),
        (&["x@a", "1.1.1.1@a"], "1.1.1.1:8080"),
        (&["fd00::1@a"], "reject"),
    ];
    for (endpoints, outcome) in cases {
        assert_eq!(at_cluster_ip(json!({}), endpoints), *outcome, "{endpoints:?}");
    }
}

#[test]
fn an_internal_policy_of_local_keeps_traffic_on_the_node() {
    let local = json!({"internalTrafficPolicy": "Local"});
    let cases: &[(&[&str], &str)] = &[
        (&["1.1.1.1@here", "1.1.1.2@b"], "1.1.1.1:8080"),
        (&["1.1.1.2@b"], "drop"),
        (&[], "reject"),
        (&["1.1.1.1@here !ready terminating", "1.1.1.2@b"], "1.1.1.1:8080"),
        (&["1.1.1.1@here zone=z2", "1.1.1.2@b zone=z1"], "1.1.1.1:8080"),
    ];
    for (endpoints, outcome) in cases {
        assert_eq!(at_cluster_ip(local.clone(), endpoints), *outcome, "{endpoints:?}");
    }
}

#[test]
fn hints_keep_traffic_near_if_all_endpoints_have_them() {
    let cases: &[(&[&str], &str)] = &[
        (&["1.1.1.1@a zone=z1", "1.1.1.2@b zone=z2"], "1.1.1.1:8080"),
        (&["1.1.1.1@a zone=z1", "1.1.1.2@b"], "1.1.1.1:8080 1.1.1.2:8080"),
        (&["1.1.1.1@a zone=z2", "1.1.1.2@b zone=z3"], "1.1.1.1:8080 1.1.1.2:8080"),
        (&["1.1.1.1@a zone=z1 !ready", "1.1.1.2@b zone=z2"], "1.1.1.2:8080"),
        (&["1.1.1.1@a zone=z1", "1.1.1.2@b !ready"], "1.1.1.1:8080"),
        (
            &["1.1.1.1@a zone=z1 !ready terminating", "1.1.1.2@b zone=z2 !ready terminating"],
            "1.1.1.1:8080 1.1.1.2:8080",
        ),
        (&["1.1.1.1@here node=here zone=z1", "1.1.1.2@b node=b zone=z1"], "1.1.1.1:8080"),
        (&["1.1.1.1@a node=a zone=z1", "1.1.1.2@b node=b zone=z2"], "1.1.1.1:8080"),
        (&["1.1.1.1@here node=here", "1.1.1.2@b"], "1.1.1.1:8080 1.1.1.2:8080"),
    ];
    for (endpoints, outcome) in cases {
        assert_eq!(
            at_cluster_ip(json!({"trafficDistribution": "PreferClose"}), endpoints),
            *outcome,
            "{endpoints:?}"
        );
    }
}

#[test]
fn external_traffic_of_a_local_policy_stays_on_the_node_unless_it_starts_there() {
    let external = |policy: &str, endpoints: &[&str]| {
        let spec = json!({
            "type": "NodePort", "externalTrafficPolicy": policy,
            "ports": [{"name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP"}]
        });
        let rules = rules(&[service(spec)], &[slice("web", endpoints)]);
        rules[1].strip_prefix("node V4 30080 Tcp: ").unwrap().to_owned()
    };
    let cases: &[(&str, &[&str], &str)] = &[
        ("Cluster", &["1.1.1.1@here", "1.1.1.2@b"], "1.1.1.1:8080 1.1.1.2:8080"),
        ("Cluster", &[], "reject"),
        ("Local", &["1.1.1.1@here", "1.1.1.2@b"], "1.1.1.1:8080 1.1.1.2:8080 | 1.1.1.1:8080"),
        ("Local", &["1.1.1.2@b"], "1.1.1.2:8080 | drop"),
        ("Local", &[], "reject"),
        ("Local", &["1.1.1.1@here !ready terminating", "1.1.1.2@b"], "1.1.1.2:8080 | 1.1.1.1:8080"),
    ];
    for (policy, endpoints, outcome) in cases {
        assert_eq!(external(policy, endpoints), *outcome, "{policy} {endpoints:?}");
    }
}

#[test]
fn a_service_is_served_at_each_of_its_addresses() {
    let mut service = service(json!({
        "type": "LoadBalancer", "externalIPs": ["9.9.9.9", "fd00::9"],
        "loadBalancerSourceRanges": [" 1.0.0.0/8", "fd00::/8"],
        "sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        "ports": [{"name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP"}]
    }));
    service["status"] = json!({"loadBalancer": {"ingress": [
        {"ip": "8.8.8.8"}, {"ip": "8.8.4.4", "ipMode": "Proxy"}, {"ip": "fd00::8"}, {"hostname": "x"}
    ]}});
    let range = "from [Cidr { address: 1.0.0.0, prefix: 8 }] ";
    assert_eq!(
        rules(&[service], &[slice("web", &["1.1.1.1@a"])]),
        [
            "cluster 10.0.0.1 80 Tcp: 1.1.1.1:8080 for 60s".to_owned(),
            "external 9.9.9.9 80 Tcp: 1.1.1.1:8080 for 60s".to_owned(),
            format!("balancer 8.8.8.8 80 Tcp: 1.1.1.1:8080 {range}for 60s"),
            "node V4 30080 Tcp: 1.1.1.1:8080 for 60s".to_owned(),
        ]
    );
}

#[test]
fn each_family_has_endpoints_of_its_own() {
    let dual = service(json!({
        "type": "NodePort", "clusterIPs": ["10.0.0.1", "fd00::1"],
        "ports": [{"name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP"}]
    }));
    let six = slice("web", &["fd00::b@here"]);
    assert_eq!(
        rules(&[dual], &[slice("web", &["1.1.1.1@a"]), six]),
        [
            "cluster 10.0.0.1 80 Tcp: 1.1.1.1:8080",
            "cluster fd00::1 80 Tcp: fd00::b:8080",
            "node V4 30080 Tcp: 1.1.1.1:8080",
            "node V6 30080 Tcp: fd00::b:8080",
        ]
    );
}

#[test]
fn ports_are_matched_by_name_and_protocol() {
    let ports = json!([
        {"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"},
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        {"name": "other", "port": 81, "protocol": "TCP"},
    ]);
    let mut slice = slice("web", &["1.1.1.1@a"]);
    slice["ports"] = json!([
        {"name": "http", "port": 8080}, {"name": "dns", "port": 1053, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 1053, "protocol": "UDP"}, {"name": "none"},
    ]);
    let mut other = self::slice("web", &["1.1.1.2@a"]);
    other["ports"] = json!([{"name": "http", "port": 9090}]);
    assert_eq!(
        rules(&[service(json!({"ports": ports}))], &[slice, other]),
        [
            "cluster 10.0.0.1 53 Tcp: reject",
            "cluster 10.0.0.1 53 Udp: 1.1.1.1:1053",
            "cluster 10.0.0.1 80 Tcp: 1.1.1.1:8080 1.1.1.2:9090",
            "cluster 10.0.0.1 81 Tcp: reject",
        ]
    );
}

#[test]
fn some_services_are_not_served() {
    let labelled = |label: &str| {
        let mut service = service(json!({}));
        service["metadata"]["labels"] = json!({label: "x"});
        service
    };
    let cases = [
        service(json!({"clusterIP": "None", "clusterIPs": ["None"]})),
        service(json!({"clusterIP": "", "clusterIPs": []})),
        service(json!({"type": "ExternalName", "externalName": "x"})),
        labelled("service.kubernetes.io/service-proxy-name"),
        labelled("service.kubernetes.io/headless"),
    ];
    for case in cases {
        assert_eq!(
            rules(std::slice::from_ref(&case), &[slice("web", &["1.1.1.1@a"])]),
            Vec::<String>::new(),
            "{case}"
        );
    }
}

#[test]
fn slices_of_other_proxies_are_not_used() {
    let mut foreign = slice("web", &["1.1.1.1@a"]);
    foreign["metadata"]["labels"]["service.kubernetes.io/service-proxy-name"] = json!("x");
    assert_eq!(
        rules(&[service(json!({}))], &[foreign, slice("web", &["1.1.1.2@a"])]),
        ["cluster 10.0.0.1 80 Tcp: 1.1.1.2:8080"]
    );
}

#[test]
fn one_address_serves_one_service() {
    let mut later =
        service(json!({"clusterIP": "10.0.0.2", "clusterIPs": ["10.0.0.2"], "externalIPs": ["9.9.9.9"]}));
    later["metadata"]["name"] = json!("xeb");
    let first = service(json!({"externalIPs": ["9.9.9.9"]}));
    let rules = rules(&[later, first], &[slice("web", &["1.1.1.1@a"]), slice("xeb", &["1.1.1.2@a"])]);
    assert_eq!(rules.last().unwrap(), "external 9.9.9.9 80 Tcp: 1.1.1.1:8080");
    assert_eq!(rules.len(), 3);
}
