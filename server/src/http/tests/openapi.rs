use std::collections::BTreeSet;

use serde_json::Value as Json;
use tagdb_wire::codes;

use super::Server;
use crate::http::routes;

fn document() -> Json {
    serde_json::from_str(include_str!("../openapi.json")).unwrap()
}

#[test]
fn every_route_is_documented_and_the_other_way_round() {
    let document = document();
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| (path.clone(), method.clone()))
        })
        .collect();
    let routed: BTreeSet<(String, String)> = routes::all()
        .iter()
        .flat_map(|route| {
            let methods = route.documented.iter();
            methods.map(|method| (route.path.to_owned(), (*method).to_owned()))
        })
        .collect();
    assert_eq!(documented, routed);
}

#[test]
fn every_reference_is_defined() {
    fn references(value: &Json, found: &mut BTreeSet<String>) {
        match value {
            Json::Object(members) => {
                for (name, value) in members {
                    if name == "$ref" {
                        found.insert(value.as_str().unwrap().to_owned());
                    }
                    references(value, found);
                }
            }
            Json::Array(elements) => elements.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_methods_of_the_document_are_those_of_the_router() {
    let server = Server::new();
    for route in routes::all() {
        let path = route
            .path
            .replace("{table}", "users")
            .replace(['{', '}'], "");
        for method in ["get", "post", "patch", "delete", "put"] {
            let answered = server.call(&method.to_uppercase(), &path, &[], "").await;
            let refused = answered.status.as_u16() == 405;
            if route.documented.contains(&method) {
                assert!(!refused, "{method} {path}");
            } else if !route.documented.is_empty() {
                assert!(refused, "{method} {path}: {}", answered.text());
                assert!(answered.header("allow").is_some());
                answered.problem(405, "method_not_allowed");
            }
        }
    }
}

#[tokio::test]
async fn the_document_is_served() {
    let server = Server::new();
    assert_eq!(server.get("/openapi.json").await.ok(), document());
}

#[tokio::test]
async fn every_error_code_is_explained() {
    let server = Server::new();
    for entry in codes::ALL {
        let body = server.get(&format!("/errors/{}", entry.code)).await.ok();
        assert_eq!(body["status"], entry.status);
        assert_eq!(body["meaning"], entry.meaning);
    }
    server
        .get("/errors/nothing")
        .await
        .problem(404, "not_found");
}
