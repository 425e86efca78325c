//! A list written out of its items' bytes: no item is parsed, and what is not sent yet is not written yet.

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderValue, Response, StatusCode, header};

use super::{negotiate::Media, reply};
use crate::{
    body::{self, Body},
    reader::Item,
    splice,
    tables::MetaVersion,
};

/// Lists above this many bytes are sent in chunks of about as many, and compressed for clients that accept it.
pub const CHUNK: usize = 64 * 1024;

/// How items are shown.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// All but their kind and version, which the list's say.
    Whole,
    /// Their metadata.
    Metadata(MetaVersion),
}

/// What is left to write of a list; gives out chunks of it.
pub struct Pieces {
    /// What comes before the next item.
    before: String,
    items: std::vec::IntoIter<Item>,
    shown: Shown,
    /// Bytes that are left to write at most.
    left: usize,
    ended: bool,
}

impl Pieces {
    /// Begins a list of a kind; `metadata` is the list's, in JSON.
    pub fn new(api_version: &str, kind: &str, metadata: &str, items: Vec<Item>, shown: Shown) -> Self {
        let before =
            format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":[");
        // Of each item also the comma; and metadata alone may have a longer kind than what they are cut from.
        let left = before.len() + items.iter().map(|item| item.json.len() + 64).sum::<usize>();
        Self { before, items: items.into_iter(), shown, left, ended: false }
    }

    /// Makes the answer, compressed if it is large and the client accepts that.
    pub fn into_response(mut self, gzip: bool) -> Response<Body> {
        let mut response = reply::encoded(StatusCode::OK, Media::Json, Bytes::new());
        let first = self.next().unwrap_or_default();
        if self.ended {
            *response.body_mut() = body::full(first);
            return response;
        }
        let all = std::iter::once(first).chain(self);
        if !gzip {
            *response.body_mut() = body::stream(futures::stream::iter(all.map(Ok)));
            return response;
        }
        let packed = Packed { plain: all, encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())) };
        *response.body_mut() = body::stream(futures::stream::iter(packed.map(|chunk| chunk.map_err(Into::into))));
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        response
    }

    fn put(&self, chunk: &mut BytesMut, item: &Item) {
        match self.shown {
            Shown::Metadata(version) if splice::put_partial(chunk, &item.json, version.api_version()) => {}
            _ => splice::put_untyped(chunk, &item.json),
        }
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut chunk = BytesMut::with_capacity(self.left.min(CHUNK + CHUNK / 4));
        while chunk.len() < CHUNK {
            chunk.put_slice(self.before.as_bytes());
            let Some(item) = self.items.next() else {
                chunk.put_slice(b"]}");
                self.ended = true;
                break;
            };
            self.put(&mut chunk, &item);
            self.before.clear();
            if self.items.len() > 0 {
                self.before.push(',');
            }
        }
        self.left = self.left.saturating_sub(chunk.len());
        Some(chunk.freeze())
    }
}

/// Compresses chunks.
struct Packed<I> {
    plain: I,
    /// `None` at the end.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<I: Iterator<Item = Bytes>> Packed<I> {
    fn pack(&mut self) -> std::io::Result<Option<Bytes>> {
        let Some(mut encoder) = self.encoder.take() else { return Ok(None) };
        for chunk in self.plain.by_ref() {
            encoder.write_all(&chunk)?;
            if !encoder.get_ref().is_empty() {
                let packed = std::mem::take(encoder.get_mut());
                self.encoder = Some(encoder);
                return Ok(Some(packed.into()));
            }
        }
        Ok(Some(encoder.finish()?.into()))
    }
}

impl<I: Iterator<Item = Bytes>> Iterator for Packed<I> {
    type Item = std::io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pack().transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;

    fn items(count: usize) -> Vec<Item> {
        let text = "x".repeat(1000);
        let json =
            |at| format!(r#"{{"apiVersion":"v1","kind":"X","metadata":{{"name":{at}}},"text":"{text}"}}"#).into();
        (0..count).map(|at| Item { key: "k".into(), json: json(at) }).collect()
    }

    async fn body(count: usize, shown: Shown, gzip: bool) -> (Vec<u8>, bool) {
        let response =
            Pieces::new("v1", "XList", r#"{"resourceVersion":"3"}"#, items(count), shown).into_response(gzip);
        let packed = response.headers().contains_key(header::CONTENT_ENCODING);
        (response.into_body().collect().await.unwrap().to_bytes().to_vec(), packed)
    }

    #[tokio::test]
    async fn lists_are_whole_however_they_are_sent() {
        for count in [0, 1, 50, 500] {
            for gzip in [false, true] {
                let (mut bytes, packed) = body(count, Shown::Whole, gzip).await;
                assert_eq!(packed, gzip && count == 500, "{count}");
                if packed {
                    let mut plain = Vec::new();
                    flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
                    bytes = plain;
                }
                let list: Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(list["metadata"]["resourceVersion"], "3");
                let names: Vec<u64> =
                    list["items"].as_array().unwrap().iter().map(|i| i["metadata"]["name"].as_u64().unwrap()).collect();
                assert_eq!(names, (0..count as u64).collect::<Vec<_>>());
                assert!(list["items"].as_array().unwrap().iter().all(|item| item.get("kind").is_none()));
            }
        }
    }

    #[tokio::test]
    async fn metadata_alone_are_cut_out() {
        let (bytes, _) = body(2, Shown::Metadata(MetaVersion::V1), false).await;
        let list: Value = serde_json::from_slice(&bytes).unwrap();
        let partial = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": 1}});
        assert_eq!(list["items"][1], partial);
    }
}
