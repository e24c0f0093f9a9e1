//! Finds and runs the programs of others.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A program with a kubeconfig of its own.
pub(crate) struct Tool {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
    variables: Vec<(&'static str, &'static str)>,
}

/// Where `tests/wire/install` puts the clients.
fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/clients")
}

impl Tool {
    /// A program, if it is installed; else says that it is not. `story` names the folder in which it keeps its files.
    #[expect(clippy::print_stdout, reason = "whoever runs the tests is told what was left out")]
    pub(crate) fn find(name: &str, story: &str, kubeconfig: &str) -> Option<Self> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&paths).map(|place| place.join(name));
        let own = clients().join("bin").join(name);
        let Some(program) =
            Some(own).filter(|own| own.is_file()).or_else(|| places.find(|place| place.is_file()))
        else {
            println!("{name} is not installed: {story} is left out");
            return None;
        };
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{story}-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        let file = home.join("kubeconfig");
        fs::write(&file, kubeconfig).unwrap();
        Some(Tool { program, kubeconfig: file, home, variables: Vec::new() })
    }

    /// From now on, it runs with this variable.
    pub(crate) fn set(&mut self, name: &'static str, value: &'static str) {
        self.variables.push((name, value));
    }

    /// Runs it with these words and this input.
    pub(crate) fn run(&self, words: &[&str], input: &str) -> Output {
        let mut child = self.start(words);
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

impl Tool {
    /// Starts it with these words.
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        Command::new(&self.program)
            .args(words)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", &self.home)
            .env("PYTHONPATH", clients())
            .envs(self.variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // What is left over lies below `target`, and harms nobody.
        let _ = fs::remove_dir_all(&self.home);
    }
}
