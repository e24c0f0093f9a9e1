//! What a client sends, and what it gets back.

use flate2::{Compress, Compression};
use futures::FutureExt;
use futures::stream;

use super::*;

/// Everything that happens when this comes in, and everything that is sent back.
fn read(pieces: Vec<Vec<u8>>) -> (Vec<Event>, Vec<Bytes>) {
    let (to, back) = mpsc::channel(100);
    let from = stream::iter(pieces.into_iter().map(Bytes::from)).boxed();
    let events = events(from, to).collect().now_or_never().unwrap();
    (events, back.collect().now_or_never().unwrap())
}

#[test]
fn streams_open_carry_bytes_and_end() {
    let block = headers::packed(&mut Compress::new(Compression::fast(), true), &[("streamtype", "error")]);
    let mut all = frame::open(1, &block).to_vec();
    all.extend([0, 0, 0, 1, 0, 0, 0, 2, b'h', b'i']);
    all.extend([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9]);
    all.extend([0, 0, 0, 1, 1, 0, 0, 0]);
    // However it is cut into pieces.
    for size in [1, 7, 1000] {
        let (events, back) = read(all.chunks(size).map(<[u8]>::to_vec).collect());
        let headers = BTreeMap::from([("streamtype".to_owned(), "error".to_owned())]);
        let expected = [
            Event::Opened { stream: 1, headers },
            Event::Data { stream: 1, bytes: Bytes::from("hi") },
            Event::Ended { stream: 1 },
        ];
        assert_eq!(events, expected);
        assert_eq!(
            (back.len(), &back[0][..4], &back[0][8..12]),
            (2, &[0x80, 3, 0, 2][..], &[0, 0, 0, 1][..])
        );
        assert_eq!(back[1], [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9].as_slice());
    }
}

#[test]
fn what_makes_no_sense_ends_the_connection_and_nothing_else() {
    let garbage: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x80, 2, 0, 1, 0, 0, 0, 0],
        &[0x80, 3, 0, 1, 0, 0, 0, 0],
        &[0x80, 3, 0, 6, 0, 0, 0, 1, 0],
        &[0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff],
        &[0x80, 3, 0, 1, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2],
    ];
    for bytes in garbage {
        assert_eq!(read(vec![bytes.to_vec(), vec![0; 64]]).0, [], "{bytes:?}");
    }
}

#[test]
fn what_is_sent_comes_in_frames() {
    let frames: Vec<Bytes> = data(3, &vec![1; 40 * 1024]).collect();
    assert_eq!(frames.iter().map(|frame| frame.len() - 8).collect::<Vec<_>>(), [32 * 1024, 8 * 1024]);
    assert_eq!(end(3), [0, 0, 0, 3, 1, 0, 0, 0].as_slice());
}
