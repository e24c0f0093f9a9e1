//! What the house does with itself: `cargo xtask tables FACTS GO` and `cargo xtask docs K8S_OPENAPI GO` rebuild what is
//! checked in under `apiserver/data`; `cargo xtask dist` builds the executable as it is given to others, and `cargo xtask learned
//! EXAMPLE` an example as fast as it can be.

mod dist;
mod docs;
mod enums;
mod go;
mod tables;
mod unpublished;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tables", facts, go] => tables::write(Path::new(facts), Path::new(go), &data_dir()),
        ["docs", openapi, go] => docs::write(Path::new(openapi), Path::new(go), &data_dir()),
        ["dist"] => {
            tell(&format!("built in {}", dist::build(&target_dir()?)?.display()));
            Ok(())
        }
        ["learned", example] => {
            tell(&format!("built {}", dist::example(example, &target_dir()?)?.display()));
            Ok(())
        }
        _ => Err("usage: cargo xtask tables FACTS GO\n       cargo xtask docs K8S_OPENAPI GO\n       cargo xtask dist\n       cargo xtask learned EXAMPLE\n  \
                  K8S_OPENAPI is the folder of one version in k8s-openapi's sources\n  FACTS holds types.json, resources.json, columns.json\n  \
                  GO holds the sources of k8s.io/api, apimachinery, apiextensions-apiserver and kube-aggregator"
            .into()),
    }
}

fn data_dir() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../apiserver/data")
}

fn target_dir() -> std::io::Result<std::path::PathBuf> {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(Into::into);
    let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    std::path::absolute(chosen.unwrap_or_else(ours))
}

#[expect(clippy::print_stderr, reason = "a command-line tool speaks to its user")]
fn tell(text: &str) {
    eprintln!("{text}");
}
