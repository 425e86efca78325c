//! Objects a description needs beside the one described.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::request::{Accept, Requests};
use crate::value::list;

/// A request for an object or a list.
#[derive(Debug, Clone)]
pub struct Need {
    key: String,
    path: String,
}

impl Need {
    /// Asks for what is at `path`; found again by `key`.
    pub fn new(key: impl Into<String>, path: impl Into<String>) -> Self {
        Self { key: key.into(), path: path.into() }
    }
}

/// What the server answered, and the time of the description.
#[derive(Debug)]
pub struct Related {
    /// Ages are counted up to here.
    pub now: Timestamp,
    answers: BTreeMap<String, Result<Value, String>>,
}

impl Related {
    /// Nothing, at a time.
    pub fn at(now: Timestamp) -> Self {
        Self { now, answers: BTreeMap::new() }
    }

    /// Adds an answer.
    pub fn insert(&mut self, key: impl Into<String>, answer: Result<Value, String>) {
        self.answers.insert(key.into(), answer);
    }

    /// Asks the server. An answer that is an error is kept as its message.
    pub async fn fetch(requests: &Requests, needs: Vec<Need>) -> Self {
        let mut related = Self::at(Timestamp::now());
        for need in needs {
            let answer = requests.get(&need.path, Accept::Object).await;
            related.insert(need.key, answer.map_err(|error| crate::error::message(&error)));
        }
        related
    }

    /// The answer for a key, or why there is none.
    pub fn get(&self, key: &str) -> Result<&Value, &str> {
        match self.answers.get(key) {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(error),
            None => Err("not asked for"),
        }
    }

    /// The items of a list.
    pub fn items(&self, key: &str) -> Result<&[Value], &str> {
        self.get(key).map(|found| list(found, "/items"))
    }
}
