//! What `cvctl` prints for answers of a server that are stored under `tests/data`, compared with what kubectl printed for them.
//!
//! A file holds the words of the command line, the answers by path, and kubectl's output (1.32, `TZ=UTC`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;

type Answers = BTreeMap<String, Value>;

/// One stored case.
struct Case {
    args: Vec<String>,
    answers: Answers,
    stdout: String,
}

#[test]
fn output_is_kubectls() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let discovery: Answers = read(&data.join("discovery.json"));
    let mut cases = 0;
    for entry in std::fs::read_dir(data.join("cases")).unwrap() {
        let path = entry.unwrap().path();
        let stored: Value = read(&path);
        let case = Case {
            args: serde_json::from_value(stored["args"].clone()).unwrap(),
            answers: serde_json::from_value(stored["answers"].clone()).unwrap(),
            stdout: stored["stdout"].as_str().unwrap().to_owned(),
        };
        check(&path, case, &discovery);
        cases += 1;
    }
    assert!(cases > 10, "the cases are there");
}

fn check(path: &Path, case: Case, discovery: &Answers) {
    let mut answers = case.answers;
    answers.extend(discovery.clone());
    let server = serve(answers);
    let output = Command::new(env!("CARGO_BIN_EXE_cvctl"))
        .args(&case.args)
        .args(["--server", &server])
        .env("KUBECONFIG", "/dev/null/none")
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), case.stdout, "{}\n{errors}", path.display());
    assert!(output.status.success(), "{}", path.display());
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Serves the answers until the process ends; its address.
fn serve(answers: Answers) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers = Arc::new(answers);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answers = Arc::clone(&answers);
            std::thread::spawn(move || answer(stream, &answers));
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, answers: &Answers) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    lines.map_while(Result::ok).find(String::is_empty)?;
    let path = request.split(' ').nth(1)?;
    let (status, body) = match answers.get(path) {
        Some(answer) => ("200 OK", answer.to_string()),
        None => {
            let mut parts = path.rsplit('/');
            let (name, resource) = (parts.next()?, parts.next()?);
            let message = format!("{resource} \"{name}\" not found");
            let status = serde_json::json!({ "kind": "Status", "code": 404, "reason": "NotFound", "message": message });
            ("404 Not Found", status.to_string())
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()
}
