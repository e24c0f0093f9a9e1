//! What a process runtime gives its containers: addresses, command lines, variables.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use steersman_core::runtime::{ContainerConfig, RuntimeError, Stdin};

use super::Program;
use super::launch::Input;
use super::state::Within;
use crate::addresses::Subnet;
use crate::privileges::SERVICE_ACCOUNT;

/// Options of the process runtime.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProcessOptions {
    /// The addresses of pods. Default: 127.10.0.0/16. Nodes on one machine need one each.
    pub subnet: Subnet,
    /// The command lines that images stand for. An image that is not here needs a container with `command`.
    pub images: BTreeMap<String, Vec<String>>,
    /// Variables that every container has, unless its pod sets them.
    pub env: Vec<(String, String)>,
    /// The working directory of containers that name none.
    pub working_dir: PathBuf,
}

impl Default for ProcessOptions {
    /// As said at each field; `env` is the `PATH` of this program, `working_dir` its own.
    fn default() -> Self {
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
        ProcessOptions {
            subnet: Subnet::new(Ipv4Addr::new(127, 10, 0, 0), 16),
            images: BTreeMap::new(),
            env: vec![("PATH".to_owned(), path)],
            working_dir: PathBuf::from("."),
        }
    }
}

impl ProcessOptions {
    /// The same, with pods' addresses of `subnet`.
    #[must_use]
    pub fn subnet(mut self, subnet: Subnet) -> Self {
        self.subnet = subnet;
        self
    }

    /// The same, with an image that stands for a command line.
    #[must_use]
    pub fn image<S: Into<String>>(mut self, name: &str, command: impl IntoIterator<Item = S>) -> Self {
        self.images.insert(name.to_owned(), command.into_iter().map(Into::into).collect());
        self
    }

    /// The process that a container is.
    pub(super) fn program(&self, within: &Within, config: &ContainerConfig) -> Result<Program, RuntimeError> {
        let refuse = |why: String| Err(RuntimeError::CreateContainer(why));
        // Every pod has the mount of its service account, whether it wants it or not: the kubelet warns of it.
        let mut mounts = config.mounts.iter();
        if let Some(mount) = mounts.find(|mount| !mount.container_path.starts_with(SERVICE_ACCOUNT)) {
            let path = mount.container_path.display();
            return refuse(format!("the process runtime cannot mount volume {:?} at {path}", mount.volume));
        }
        let command = self.command(config);
        if command.is_empty() {
            let image = &config.image;
            return refuse(format!(
                "no command specified: the process runtime has no image {image:?}, and the container no command"
            ));
        }
        let ip = within.ip.map(|ip| ("POD_IP".to_owned(), ip.to_string()));
        let given = [("HOSTNAME".to_owned(), within.hostname.clone())].into_iter().chain(ip);
        let env = self.env.iter().cloned().chain(given).chain(config.env.iter().cloned()).collect();
        let working_dir = self.working_dir.join(&config.working_dir);
        let (user, group) = (id(config.run_as_user)?, id(config.run_as_group)?);
        let input = if config.stdin == Stdin::Empty { Input::Empty } else { Input::Piped };
        let program = Program { command, env, working_dir, user, group, input };
        Ok(if config.tty { program.at_terminal() } else { program })
    }

    /// `command` replaces the image's, `args` follow.
    fn command(&self, config: &ContainerConfig) -> Vec<String> {
        let image = self.images.get(&config.image);
        let mut command = match (config.command.is_empty(), image) {
            (true, Some(image)) => image.clone(),
            (true, None) => return Vec::new(),
            (false, _) => config.command.clone(),
        };
        command.extend(config.args.iter().cloned());
        command
    }
}

/// A user or group as the machine counts them.
fn id(wanted: Option<i64>) -> Result<Option<u32>, RuntimeError> {
    let out_of_range = |id| RuntimeError::CreateContainer(format!("this machine has no user or group {id}"));
    wanted.map(|id| u32::try_from(id).map_err(|_| out_of_range(id))).transpose()
}

#[cfg(test)]
mod tests {
    use steersman_core::runtime::Mount;

    use super::*;

    fn program(config: &ContainerConfig) -> Result<Program, RuntimeError> {
        let within = Within { ip: Some(Ipv4Addr::new(127, 10, 0, 1)), hostname: "p".to_owned() };
        ProcessOptions::default().image("web", ["/bin/web", "serve"]).program(&within, config)
    }

    fn config(image: &str, command: &[&str], args: &[&str]) -> ContainerConfig {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (command, args) = (texts(command), texts(args));
        ContainerConfig { image: image.to_owned(), command, args, ..ContainerConfig::default() }
    }

    #[test]
    fn a_command_replaces_the_images_and_arguments_follow() {
        let command = |config| program(&config).unwrap().command;
        assert_eq!(command(config("web", &[], &[])), ["/bin/web", "serve"]);
        assert_eq!(command(config("web", &[], &["x"])), ["/bin/web", "serve", "x"]);
        assert_eq!(command(config("web", &["sh"], &["x"])), ["sh", "x"]);
        let error = program(&config("nginx", &[], &["x"])).unwrap_err();
        assert!(error.to_string().starts_with("no command specified"), "{error}");
    }

    #[test]
    fn a_container_knows_its_address() {
        let env = program(&config("web", &[], &[])).unwrap().env;
        assert!(env.contains(&("POD_IP".to_owned(), "127.10.0.1".to_owned())));
    }

    #[test]
    fn volumes_are_refused_but_for_the_service_account() {
        let mount =
            |path: &str| Mount { volume: "v".to_owned(), container_path: path.into(), read_only: true };
        let mut config = config("web", &[], &[]);
        config.mounts = vec![mount(SERVICE_ACCOUNT)];
        assert!(program(&config).is_ok());
        config.mounts.push(mount("/data"));
        let error = program(&config).unwrap_err();
        assert_eq!(error.to_string(), "the process runtime cannot mount volume \"v\" at /data");
    }
}
