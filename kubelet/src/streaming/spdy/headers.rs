//! Header blocks: name and value pairs, compressed by zlib with SPDY's dictionary. The compression runs through the
//! whole connection, so each direction has one state and every block must pass through it in order.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::frame::Malformed;

/// The dictionary of SPDY/3 (draft-mbelshe-httpbis-spdy-00, section 2.6.10.1), a fact of the protocol: length-prefixed
/// words, then common words joined.
const WORDS: &[&str] = &[
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
    "status",
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
];
/// What follows the words.
const TAIL: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505\
203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden\
404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept \
Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,\
application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch\
charset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

/// Largest block after decompression, in bytes.
const BLOCK_MAX: usize = 256 * 1024;

/// Names and values, in order.
pub type Headers = Vec<(String, String)>;

/// Builds the dictionary.
fn dictionary() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1500);
    for word in WORDS {
        bytes.extend_from_slice(&u32::try_from(word.len()).unwrap_or_default().to_be_bytes());
        bytes.extend_from_slice(word.as_bytes());
    }
    bytes.extend_from_slice(TAIL.as_bytes());
    bytes
}

/// Compresses the blocks of one direction.
#[derive(Debug)]
pub struct Encoder(Compress);

impl Encoder {
    /// Starts a direction.
    ///
    /// # Errors
    /// When zlib refuses the dictionary, which it never does.
    pub fn new() -> Result<Self, Malformed> {
        let mut state = Compress::new(Compression::default(), true);
        state.set_dictionary(&dictionary()).map_err(|_| Malformed("zlib refuses the dictionary"))?;
        Ok(Self(state))
    }

    /// Compresses one block.
    ///
    /// # Errors
    /// When zlib fails, which it does only without memory.
    pub fn encode(&mut self, headers: &[(&str, &str)]) -> Result<Vec<u8>, Malformed> {
        let mut plain = Vec::new();
        let number = |plain: &mut Vec<u8>, value: usize| {
            plain.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes());
        };
        number(&mut plain, headers.len());
        for (name, value) in headers {
            for text in [name, value] {
                number(&mut plain, text.len());
                plain.extend_from_slice(text.as_bytes());
            }
        }
        let mut block = Vec::with_capacity(plain.len().saturating_add(256));
        let start = self.0.total_in();
        loop {
            let consumed = usize::try_from(self.0.total_in().saturating_sub(start)).unwrap_or(usize::MAX);
            let rest = plain.get(consumed..).unwrap_or_default();
            self.0
                .compress_vec(rest, &mut block, FlushCompress::Sync)
                .map_err(|_| Malformed("zlib cannot compress a header block"))?;
            // A full output buffer may hide more output.
            if block.len() < block.capacity() {
                return Ok(block);
            }
            block.reserve(256);
        }
    }
}

/// Expands the blocks of the other direction.
#[derive(Debug)]
pub struct Decoder(Decompress);

impl Default for Decoder {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Decoder {
    /// Expands one block.
    ///
    /// # Errors
    /// [`Malformed`] when it does not expand, is too large or its lengths do not fit; the connection is then of no use.
    pub fn decode(&mut self, block: &[u8]) -> Result<Headers, Malformed> {
        let mut plain = Vec::with_capacity(1024);
        let mut rest = block;
        loop {
            let before = self.0.total_in();
            let result = self.0.decompress_vec(rest, &mut plain, FlushDecompress::Sync);
            let consumed = usize::try_from(self.0.total_in().saturating_sub(before)).unwrap_or(usize::MAX);
            rest = rest.get(consumed..).unwrap_or_default();
            match result {
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0.set_dictionary(&dictionary()).map_err(|_| Malformed("another zlib dictionary"))?;
                    continue;
                }
                Err(_) => return Err(Malformed("a header block does not decompress")),
                Ok(_) => {}
            }
            if plain.len() < plain.capacity() {
                return if rest.is_empty() { parse(&plain) } else { Err(Malformed("bytes after a header block")) };
            }
            if plain.len() > BLOCK_MAX {
                return Err(Malformed("a header block is too large"));
            }
            plain.reserve(plain.len());
        }
    }
}

/// Reads names and values.
fn parse(plain: &[u8]) -> Result<Headers, Malformed> {
    fn number(rest: &mut &[u8]) -> Result<usize, Malformed> {
        let (bytes, after) = rest.split_first_chunk::<4>().ok_or(Malformed("a header block is cut"))?;
        *rest = after;
        usize::try_from(u32::from_be_bytes(*bytes)).map_err(|_| Malformed("a header is too long"))
    }
    fn text(rest: &mut &[u8]) -> Result<String, Malformed> {
        let length = number(rest)?;
        let (bytes, after) = rest.split_at_checked(length).ok_or(Malformed("a header is cut"))?;
        *rest = after;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
    let mut rest = plain;
    let count = number(&mut rest)?;
    // A pair takes eight bytes at least, so a false count cannot reserve much.
    let mut headers = Vec::with_capacity(count.min(rest.len() / 8));
    for _ in 0..count {
        headers.push((text(&mut rest)?, text(&mut rest)?));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_dictionary_is_the_protocols() {
        assert_eq!(dictionary().len(), 1423);
        // Adler-32 as zlib sends it in the first block (DICTID).
        let mut encoder = Encoder::new().unwrap();
        let block = encoder.encode(&[("streamtype", "error")]).unwrap();
        assert_eq!(block.get(2..6).unwrap(), [0xe3, 0xc6, 0xa7, 0xc2]);
    }

    proptest! {
        #[test]
        fn blocks_survive_in_order(blocks in prop::collection::vec(prop::collection::vec(("[a-z]{1,20}", "[ -~]{0,400}"), 0..8), 1..6)) {
            let mut encoder = Encoder::new().unwrap();
            let mut decoder = Decoder::default();
            for headers in blocks {
                let borrowed: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                let block = encoder.encode(&borrowed).unwrap();
                prop_assert_eq!(decoder.decode(&block).unwrap(), headers);
            }
        }

        #[test]
        fn no_block_panics(block in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(Decoder::default().decode(&block));
            drop(parse(&block));
        }
    }
}
