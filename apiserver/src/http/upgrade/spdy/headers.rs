//! The headers of streams: one compressed stream of bytes in each direction, for a whole connection.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Buf;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

/// The longest that the headers of one stream may be once they are unpacked, in bytes.
const LENGTH: usize = 64 * 1024;

/// The words that the protocol's dictionary starts with, each behind its length.
const WORDS: &str = "options head post put delete trace accept accept-charset accept-encoding accept-language \
    accept-ranges age allow authorization cache-control connection content-base content-encoding content-language \
    content-length content-location content-md5 content-range content-type date etag expect expires from host \
    if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards \
    pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding \
    upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public \
    set-cookie keep-alive origin";

/// What follows them.
const TEXT: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505\
    203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized\
    403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable\
    Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT\
    chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,\
    text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

fn dictionary() -> Vec<u8> {
    let mut all = Vec::with_capacity(1423);
    for word in WORDS.split_ascii_whitespace().map(|word| word.replace('_', " ")) {
        all.extend_from_slice(&(word.len() as u32).to_be_bytes());
        all.extend_from_slice(word.as_bytes());
    }
    all.extend_from_slice(TEXT.as_bytes());
    all
}

/// Packs and unpacks the headers of one connection.
pub(super) struct Codec {
    unpack: Decompress,
    pack: Compress,
}

impl Default for Codec {
    fn default() -> Self {
        let mut pack = Compress::new(Compression::fast(), true);
        // Only a dictionary that comes after the first bytes is refused.
        let _ = pack.set_dictionary(&dictionary());
        Codec { unpack: Decompress::new(true), pack }
    }
}

impl Codec {
    /// Reads a block of headers; `None` if it is none, and with it the rest of the connection.
    pub(super) fn read(&mut self, block: &[u8]) -> Option<BTreeMap<String, String>> {
        let bytes = self.unpack(block)?;
        let mut rest = bytes.as_slice();
        let count = rest.try_get_u32().ok()?;
        let mut headers = BTreeMap::new();
        for _ in 0..count {
            let name = text(&mut rest)?.to_ascii_lowercase();
            headers.insert(name, text(&mut rest)?);
        }
        Some(headers)
    }

    fn unpack(&mut self, block: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(LENGTH);
        let begun = self.unpack.total_in();
        loop {
            let done = usize::try_from(self.unpack.total_in() - begun).ok()?;
            let rest = block.get(done..).filter(|rest| !rest.is_empty());
            let Some(rest) = rest else { return Some(out) };
            match self.unpack.decompress_vec(rest, &mut out, FlushDecompress::Sync) {
                // Nothing taken: it is too long, or ends in the middle.
                Ok(_) if self.unpack.total_in() == begun + done as u64 => return None,
                Ok(_) => {}
                Err(error) => {
                    error.needs_dictionary()?;
                    self.unpack.set_dictionary(&dictionary()).ok()?;
                }
            }
        }
    }

    /// A block of headers.
    pub(super) fn write(&mut self, headers: &[(&str, &str)]) -> Option<Vec<u8>> {
        let plain = plain(headers);
        // What cannot be packed is longer by a few bytes, and a mark stands behind it.
        let mut out = Vec::with_capacity(plain.len() + 64);
        self.pack.compress_vec(&plain, &mut out, FlushCompress::Sync).ok()?;
        Some(out)
    }
}

fn plain(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut plain = (headers.len() as u32).to_be_bytes().to_vec();
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        plain.extend_from_slice(&(text.len() as u32).to_be_bytes());
        plain.extend_from_slice(text.as_bytes());
    }
    plain
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(rest.try_get_u32().ok()?).ok()?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    String::from_utf8(text.to_vec()).ok()
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}

/// The headers of a client's, packed as `kubectl` packs them.
#[cfg(test)]
pub(super) fn packed(pack: &mut Compress, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    pack.compress_vec(&plain(headers), &mut out, FlushCompress::Sync).unwrap();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_is_the_protocols() {
        let mut pack = Compress::new(Compression::fast(), true);
        assert_eq!(dictionary().len(), 1423);
        assert_eq!(pack.set_dictionary(&dictionary()).unwrap(), 0xe3c6_a7c2);
    }

    #[test]
    fn headers_are_read_one_block_after_the_other() {
        let (mut codec, mut pack) = (Codec::default(), Compress::new(Compression::best(), true));
        pack.set_dictionary(&dictionary()).unwrap();
        for id in ["0", "1"] {
            let block = packed(&mut pack, &[("streamType", "data"), ("port", "80"), ("requestid", id)]);
            let headers = codec.read(&block).unwrap();
            assert_eq!((headers["streamtype"].as_str(), headers["requestid"].as_str()), ("data", id));
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for block in [&b"garbage"[..], &[0x78], &[0x78, 0x9c, 0xff, 0xff], &[]] {
            assert!(Codec::default().read(block).is_none());
        }
        // A mebibyte of zeros is a thousand bytes.
        let (mut pack, mut out) = (Compress::new(Compression::best(), true), Vec::with_capacity(8192));
        pack.compress_vec(&vec![0; 1 << 20], &mut out, FlushCompress::Sync).unwrap();
        assert!(Codec::default().read(&out).is_none());
    }

    #[test]
    fn what_is_written_is_understood_by_who_knows_the_dictionary() {
        let (mut ours, mut theirs) = (Codec::default(), Codec::default());
        for headers in [&[][..], &[("streamtype", "error")], &[("streamtype", "stdin"), ("x", "")]] {
            let block = ours.write(headers).unwrap();
            let expected = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            assert_eq!(theirs.read(&block), Some(expected.collect()));
        }
    }
}
