//! As much of curl as the examples use, so that the tests need no other program.

use std::path::Path;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, Url};

/// What a command line asks for.
#[derive(Debug, Default)]
struct Asked {
    url: String,
    method: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    /// Of `--data-urlencode`.
    pairs: Vec<(String, String)>,
    shows_head: bool,
    output: Option<String>,
}

/// Sends what `words`, which come after `curl`, ask for, and gives what curl would write.
pub(crate) fn run(words: &[String], folder: &Path) -> String {
    let asked = parse(words, folder);
    let (head, body) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(send(&asked));
    let told = if asked.shows_head {
        format!("{head}\n{body}")
    } else {
        body
    };
    match asked.output {
        None => told,
        Some(file) => {
            std::fs::write(folder.join(file), told).unwrap();
            String::new()
        }
    }
}

fn parse(words: &[String], folder: &Path) -> Asked {
    let mut asked = Asked::default();
    let mut words = words.iter();
    let mut pairs_are_asked = false;
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap().as_str();
        match word.as_str() {
            "-i" => asked.shows_head = true,
            "-G" => pairs_are_asked = true,
            "-X" => asked.method = Some(value().to_owned()),
            "-o" => asked.output = Some(value().to_owned()),
            "-H" => {
                let (name, value) = value().split_once(": ").unwrap();
                asked.headers.push((name.to_owned(), value.to_owned()));
            }
            "-d" | "--data-binary" => {
                let value = value();
                asked.body = Some(match value.strip_prefix('@') {
                    Some(file) => std::fs::read(folder.join(file)).unwrap(),
                    None => value.as_bytes().to_vec(),
                });
            }
            "--data-urlencode" => {
                let (name, value) = value().split_once('=').unwrap();
                asked.pairs.push((name.to_owned(), value.to_owned()));
            }
            url if url.starts_with("http://") => asked.url = url.to_owned(),
            other => panic!("{other} is not understood"),
        }
    }
    assert_eq!(pairs_are_asked, !asked.pairs.is_empty(), "{asked:?}");
    asked
}

async fn send(asked: &Asked) -> (String, String) {
    let response = request(asked).send().await.unwrap();
    let mut head = format!("HTTP/1.1 {}\n", response.status());
    for (name, value) in response.headers() {
        head.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    (head, response.text().await.unwrap())
}

fn request(asked: &Asked) -> RequestBuilder {
    let mut url = Url::parse(&asked.url).unwrap();
    if !asked.pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(&asked.pairs);
    }
    let method = match (&asked.method, &asked.body) {
        (Some(method), _) => method.parse().unwrap(),
        (None, Some(_)) => Method::POST,
        (None, None) => Method::GET,
    };
    let mut request = Client::new().request(method, url);
    for (name, value) in &asked.headers {
        request = request.header(name, value);
    }
    if let Some(body) = &asked.body {
        let has_type = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
        if !asked.headers.iter().any(has_type) {
            // As curl does; the examples have to send the right one.
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        request = request.body(body.clone());
    }
    request
}
