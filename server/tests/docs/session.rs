//! A folder, and at most one server that works in it.

use std::io::{BufRead, BufReader, PipeReader, Read};
use std::process::{Child, Command};

use tempfile::TempDir;

use crate::curl;
use crate::examples::{Example, words};

/// The address that the examples name.
const ADDRESS: &str = "127.0.0.1:7480";
/// In an example's output: the server is told to stop here.
const STOP: &str = "^C";

#[derive(Debug)]
pub(crate) struct Session {
    folder: TempDir,
    server: Option<Server>,
}

#[derive(Debug)]
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            server: None,
        }
    }

    /// Runs an example, and gives what it told, with the address that the examples name.
    pub(crate) fn run(&mut self, example: &Example, place: &str) -> String {
        let address = self.server.as_ref().map(|server| server.address.clone());
        let here = address.as_deref().unwrap_or(ADDRESS);
        let words = words(&example.command.replace(ADDRESS, here)).unwrap();
        let (program, arguments) = words.split_first().unwrap();
        match (program.as_str(), arguments.first().map(String::as_str)) {
            ("tagdb", Some("serve" | "quickstart")) => self.serve(arguments, &example.output),
            ("tagdb", _) => {
                let fails = example
                    .output
                    .lines()
                    .any(|line| line.starts_with("error:"));
                let (told, succeeded) = self.tagdb(arguments);
                assert_eq!(succeeded, !fails, "{place}\ntold\n{told}");
                told.replace(here, ADDRESS)
            }
            ("curl", _) => curl::run(arguments, self.folder.path()).replace(here, ADDRESS),
            _ => panic!("{place}\nonly tagdb and curl are run"),
        }
    }

    /// A command of the program whose outputs go to one pipe.
    fn command(&self, arguments: &[String]) -> (Command, PipeReader) {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagdb"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        (command, reader)
    }

    fn tagdb(&self, arguments: &[String]) -> (String, bool) {
        let (mut command, mut reader) = self.command(arguments);
        if let Some(server) = &self.server {
            command.env("TAGDB_URL", format!("http://{}", server.address));
        }
        let mut child = command.spawn().unwrap();
        // The command holds the pipe's other end.
        drop(command);
        let mut told = String::new();
        reader.read_to_string(&mut told).unwrap();
        (told, child.wait().unwrap().success())
    }

    /// Starts a server, and stops it again if the example says so.
    fn serve(&mut self, arguments: &[String], output: &str) -> String {
        self.server = None;
        let (mut command, reader) = self.command(arguments);
        let child = command.args(["--listen", "127.0.0.1:0"]).spawn().unwrap();
        drop(command);
        let mut server = Server {
            child,
            address: String::new(),
        };
        let mut lines = BufReader::new(reader);
        let mut told = String::new();
        while server.address.is_empty() {
            let mut line = String::new();
            let bytes = lines.read_line(&mut line).unwrap();
            assert_ne!(bytes, 0, "the server did not start: {told}");
            told.push_str(&line);
            if let Some((_, address)) = line.split_once("http://") {
                address
                    .split_whitespace()
                    .next()
                    .unwrap()
                    .clone_into(&mut server.address);
            }
        }
        let told = told.replace(&server.address, ADDRESS);
        // What it tells later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        if output.lines().last() == Some(STOP) {
            stop(server);
            return told + STOP;
        }
        self.server = Some(server);
        told
    }
}

fn stop(mut server: Server) {
    let id = server.child.id().to_string();
    let asked = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(asked.success());
    assert!(server.child.wait().unwrap().success());
}
