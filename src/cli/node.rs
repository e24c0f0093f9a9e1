//! What a node of this machine is called, and what its images are.

use clap::Args;
use steersman::kubelet::{ProcessOptions, Subnet};

#[derive(Args)]
pub(crate) struct Containers {
    /// The name of the node.
    #[arg(long, value_name = "NAME", default_value = "steersman")]
    pub(crate) node: String,
    /// What an image is on this machine: a program and its arguments, divided by spaces. May be given many times.
    #[arg(long, value_name = "IMAGE=COMMAND", value_parser = image)]
    image: Vec<(String, Vec<String>)>,
}

impl Containers {
    /// How containers are run: as processes, with addresses within 127.10.0.0/16 for their pods.
    pub(crate) fn options(&self) -> ProcessOptions {
        let options = ProcessOptions::default().subnet(Subnet::new([127, 10, 0, 0].into(), 16));
        let add = |options: ProcessOptions, (name, command): &(String, Vec<String>)| {
            options.image(name, command.iter().cloned())
        };
        self.image.iter().fold(options, add)
    }
}

fn image(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, command) = text.split_once('=').ok_or("it has no `=`")?;
    let command: Vec<String> = command.split_whitespace().map(ToOwned::to_owned).collect();
    if name.is_empty() || command.is_empty() {
        return Err("it needs a name and a command".to_owned());
    }
    Ok((name.to_owned(), command))
}
