//! Frames of SPDY/3.1, read and written.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The longest frame that is taken, in bytes; clients send 32 KiB at most.
const LENGTH: usize = 1 << 20;

/// How much of a stream is sent in one frame, in bytes.
const PIECE: usize = 32 * 1024;

const VERSION: u16 = 0x8003;
const FIN: u8 = 1;
const REFUSED_STREAM: u32 = 3;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    SynStream {
        stream: u32,
        fin: bool,
        block: Bytes,
    },
    Headers {
        block: Bytes,
    },
    Data {
        stream: u32,
        fin: bool,
        bytes: Bytes,
    },
    Reset {
        stream: u32,
    },
    Ping(u32),
    GoAway,
    /// Settings and windows, which change nothing here.
    Other,
}

/// What came is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a frame is longer than {LENGTH} bytes")]
    TooLong,
    #[error("a frame is shorter than its kind")]
    TooShort,
    #[error("a frame is of another version")]
    Version,
}

/// Takes the first frame out of what has come; `None` if it is not there as a whole.
pub(super) fn take(buffer: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
    let Some(head) = buffer.first_chunk::<8>().copied() else { return Ok(None) };
    let first = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    let (is_control, version) = (first >> 31 == 1, (first >> 16) as u16);
    if is_control && version != VERSION {
        return Err(Malformed::Version);
    }
    let length = u32::from_be_bytes([0, head[5], head[6], head[7]]) as usize;
    if length > LENGTH {
        return Err(Malformed::TooLong);
    }
    if buffer.len() < 8 + length {
        return Ok(None);
    }
    buffer.advance(8);
    let (fin, bytes) = (head[4] & FIN != 0, buffer.split_to(length).freeze());
    if is_control {
        control_frame(first as u16, fin, bytes).map(Some)
    } else {
        Ok(Some(Frame::Data { stream: first, fin, bytes }))
    }
}

fn control_frame(kind: u16, fin: bool, mut body: Bytes) -> Result<Frame, Malformed> {
    let mut number = || body.try_get_u32().map_err(|_| Malformed::TooShort);
    let stream = |number: u32| number & 0x7fff_ffff;
    Ok(match kind {
        SYN_STREAM => {
            let stream = stream(number()?);
            let _associated = number()?;
            let _priority = body.try_get_u16().map_err(|_| Malformed::TooShort)?;
            Frame::SynStream { stream, fin, block: body }
        }
        SYN_REPLY | HEADERS => {
            let _stream = number()?;
            Frame::Headers { block: body }
        }
        RST_STREAM => Frame::Reset { stream: stream(number()?) },
        PING => Frame::Ping(number()?),
        GOAWAY => Frame::GoAway,
        _ => Frame::Other,
    })
}

/// Opens a stream, of the highest priority and of its own.
#[cfg(any(test, feature = "tls"))]
pub(super) fn open(stream: u32, block: &[u8]) -> Bytes {
    control(SYN_STREAM, &[stream, 0], &[&[0; 2], block].concat())
}

/// Accepts a stream.
pub(super) fn reply(stream: u32, block: &[u8]) -> Bytes {
    control(SYN_REPLY, &[stream], block)
}

/// Refuses a stream.
pub(super) fn refuse(stream: u32) -> Bytes {
    control(RST_STREAM, &[stream, REFUSED_STREAM], &[])
}

/// Answers a ping.
pub(super) fn ping(id: u32) -> Bytes {
    control(PING, &[id], &[])
}

/// Bytes of a stream, in frames.
pub(in crate::http) fn data(stream: u32, bytes: &[u8]) -> impl Iterator<Item = Bytes> {
    bytes.chunks(PIECE).map(move |piece| frame(stream, 0, &[], piece))
}

/// The end of a stream.
pub(in crate::http) fn end(stream: u32) -> Bytes {
    frame(stream, FIN, &[], &[])
}

fn control(kind: u16, numbers: &[u32], rest: &[u8]) -> Bytes {
    frame(u32::from(VERSION) << 16 | u32::from(kind), 0, numbers, rest)
}

fn frame(first: u32, flags: u8, numbers: &[u32], rest: &[u8]) -> Bytes {
    let length = 4 * numbers.len() + rest.len();
    let mut frame = BytesMut::with_capacity(8 + length);
    frame.put_u32(first);
    frame.put_u8(flags);
    frame.put_uint(length as u64, 3);
    numbers.iter().for_each(|number| frame.put_u32(*number));
    frame.put_slice(rest);
    frame.freeze()
}
