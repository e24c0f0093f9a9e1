//! What a configuration says, and how one that is wrong is refused.

use steersman_core::tree::json;

use super::*;

fn read(more: Value) -> Result<Configuration, InvalidConfiguration> {
    let mut file = json!({"apiVersion": API_VERSION, "kind": KIND});
    file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Configuration::from_value(file, &Registry::default())
}

fn fault(more: Value) -> String {
    read(more).map(drop).unwrap_err().to_string()
}

fn filters(profile: &Profile) -> Vec<&'static str> {
    profile.at(crate::points::Point::Filter).map(|plugin| plugin.name()).collect()
}

#[test]
fn an_empty_file_is_the_default_profile() {
    let configuration = read(json!({})).unwrap();
    let [profile] = configuration.profiles.iter().collect::<Vec<_>>()[..] else { panic!("one profile") };
    let default = Profile::default();
    assert_eq!(profile.name(), "default-scheduler");
    assert_eq!(filters(profile), filters(&default));
    let weights = |profile: &Profile| -> Vec<(&'static str, i64)> {
        profile.scoring().map(|(plugin, weight)| (plugin.name(), weight)).collect()
    };
    assert_eq!(weights(profile), weights(&default));
    assert_eq!(configuration.backoff, Backoff::default());
}

#[test]
fn fields_out_of_range_are_told_with_upstreams_words() {
    let profile = |more: Value| json!({"profiles": [more]});
    let args = |name: &str, args: Value| profile(json!({"pluginConfig": [{"name": name, "args": args}]}));
    let cases = [
        (
            json!({"parallelism": 0}),
            "parallelism: Invalid value: 0: should be an integer value greater than zero",
        ),
        (
            json!({"percentageOfNodesToScore": 101}),
            "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]",
        ),
        (
            json!({"podInitialBackoffSeconds": 0, "podMaxBackoffSeconds": -1}),
            "[podInitialBackoffSeconds: Invalid value: 0: must be greater than 0, podMaxBackoffSeconds: Invalid \
             value: -1: must be greater than or equal to PodInitialBackoffSeconds]",
        ),
        (
            json!({"profiles": [{"schedulerName": "a"}, {"schedulerName": "a"}, {}]}),
            "[profiles[1].schedulerName: Duplicate value: \"profiles[0].schedulerName\", \
             profiles[2].schedulerName: Required value]",
        ),
        (
            args("InterPodAffinity", json!({"hardPodAffinityWeight": 101})),
            "profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range \
             [0, 100]",
        ),
        (
            args("NodeResourcesFit", json!({"scoringStrategy": {"type": "Random"}})),
            "initializing profiles: creating profile for scheduler name default-scheduler: initializing plugin \
             \"NodeResourcesFit\": scoringStrategy.type: Unsupported value: \"Random\": supported values: \
             \"LeastAllocated\", \"MostAllocated\", \"RequestedToCapacityRatio\"",
        ),
        (
            args("PodTopologySpread", json!({"defaultConstraints": [], "defaultingType": "Every"})),
            "profiles[0].pluginConfig[0].args.defaultingType: Unsupported value: \"Every\": supported values: \
             \"System\", \"List\"",
        ),
        (
            args("VolumeBinding", json!({"bindTimeoutSeconds": -1})),
            "profiles[0].pluginConfig[0].args.bindTimeoutSeconds: Invalid value: -1: invalid \
             BindTimeoutSeconds, should not be a negative value",
        ),
        (
            profile(json!({"plugins": {"score": {"enabled": [{"name": "NodeAffinity", "weight": -1}]}}})),
            "profiles[0].plugins.score.enabled[0].weight: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            json!({"extenders": [
                {"urlPrefix": "http://a", "prioritizeVerb": "p", "bindVerb": "b"},
                {"urlPrefix": "http://b", "bindVerb": "b", "managedResources": [{"name": "cpu"}]},
            ]}),
            "[extenders[0].weight: Invalid value: 0: must have a positive weight applied to it, \
             extenders[1].managedResources[0].name: Invalid value: \"cpu\": is an invalid extended resource name, \
             extenders: Invalid value: \"found 2 extenders implementing bind\": only one extender can implement bind]",
        ),
    ];
    for (file, told) in cases {
        assert_eq!(fault(file), told);
    }
}

#[test]
fn unknown_fields_and_plugins_are_errors() {
    let unknown = json!({"profiles": [{"plugin": {}}], "extender": []});
    assert_eq!(
        fault(unknown),
        "strict decoding error: unknown field \"extender\", unknown field \"profiles[0].plugin\""
    );
    let missing = json!({"profiles": [{"plugins": {"filter": {"enabled": [{"name": "Mine"}]}}}]});
    assert_eq!(
        fault(missing),
        "initializing profiles: creating profile for scheduler name default-scheduler: FilterPlugin \"Mine\" does \
         not exist"
    );
    let args = json!({"kind": "OtherArgs"});
    assert_eq!(
        fault(json!({"profiles": [{"pluginConfig": [{"name": "NodeAffinity", "args": args}]}]})),
        "decoding .profiles[0].pluginConfig[0]: decoding args for plugin NodeAffinity: args for plugin \
         NodeAffinity were not of type NodeAffinityArgs.kubescheduler.config.k8s.io, got \
         OtherArgs.kubescheduler.config.k8s.io"
    );
}

#[test]
fn plugins_of_a_point_come_first_and_disabled_ones_are_not_asked() {
    let plugins = json!({
        "preFilter": {"enabled": [{"name": "NodePorts"}], "disabled": [{"name": "NodeAffinity"}]},
        "filter": {"enabled": [{"name": "NodePorts"}], "disabled": [{"name": "NodeAffinity"}]},
        "multiPoint": {"disabled": [{"name": "VolumeZone"}]},
    });
    let configuration = read(json!({"profiles": [{"plugins": plugins}]})).unwrap();
    let profile = configuration.profiles.iter().next().unwrap();
    let asked = filters(profile);
    assert_eq!(asked[0], "NodePorts");
    assert_eq!(asked.iter().filter(|name| **name == "NodePorts").count(), 1);
    assert!(!asked.contains(&"NodeAffinity") && !asked.contains(&"VolumeZone"));
    assert!(profile.scoring().any(|(plugin, _)| plugin.name() == "NodeAffinity"));
}

#[test]
fn only_what_is_enabled_is_asked_where_all_is_disabled() {
    let everything = json!([{"name": "*"}]);
    let enabled = json!([{"name": "PrioritySort"}, {"name": "NodeResourcesFit", "weight": 7}, {"name": "DefaultBinder"}]);
    let plugins = json!({"multiPoint": {"enabled": enabled, "disabled": everything}});
    let configuration = read(json!({"profiles": [{"plugins": plugins}]})).unwrap();
    let profile = configuration.profiles.iter().next().unwrap();
    assert_eq!(filters(profile), ["NodeResourcesFit"]);
    assert_eq!(profile.scoring().map(|(_, weight)| weight).collect::<Vec<_>>(), [7]);
    let nobody_binds = json!({"bind": {"disabled": everything}});
    assert!(
        fault(json!({"profiles": [{"plugins": nobody_binds}]}))
            .contains("at least one bind plugin is needed")
    );
}

#[test]
fn a_filter_without_its_pre_filter_is_refused() {
    let plugins = json!({"preFilter": {"disabled": [{"name": "NodePorts"}]}});
    assert!(fault(json!({"profiles": [{"plugins": plugins}]})).ends_with("enabled or disabled together"));
}
