use std::future::poll_fn;

use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Said;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;

type Hub = Socket<TokioIo<DuplexStream>>;

/// Returns both ends of a connection; `room`: how many bytes it takes that nobody has read.
fn ends(room: usize) -> (Hub, DuplexStream) {
    let (hub, client) = tokio::io::duplex(room);
    (Socket::new(TokioIo::new(hub)), client)
}

async fn heard(hub: &mut Hub) -> Option<Message> {
    poll_fn(|context| hub.poll_next(context)).await
}

async fn flushed(hub: &mut Hub) {
    poll_fn(|context| hub.poll_flush(context)).await.unwrap();
}

/// Returns a frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Frame::new(0, payload).bytes.to_vec();
    let head = bytes.len() - payload.len();
    bytes[0] = first;
    bytes[1] |= MASKED;
    let mask = [0xa1, 0x07, 0x33, 0xfe];
    let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    bytes.splice(head.., mask.into_iter().chain(masked));
    bytes
}

/// Returns all that is heard of bytes that arrive in pieces of a length.
fn said(bytes: &[u8], piece: usize) -> Result<Vec<(u8, Vec<u8>)>, Unreadable> {
    let (mut incoming, mut said) = (Incoming::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        incoming.add(piece);
        while let Some(next) = incoming.next()? {
            said.push(next);
        }
    }
    assert_eq!((incoming.bytes.len(), incoming.at), (0, 0), "nothing is left over");
    assert_eq!(incoming.bytes.capacity(), 0, "and nothing is held");
    Ok(said)
}

#[tokio::test]
async fn another_implementation_hears_and_is_heard_at_every_length() {
    let (mut hub, client) = ends(4_096);
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let text = "é".repeat(length / 2);
        let both = async {
            client.send(Said::Binary(bytes.clone().into())).await.unwrap();
            client.send(Said::Text(text.clone().into())).await.unwrap();
        };
        let hear = async { (heard(&mut hub).await, heard(&mut hub).await) };
        let ((), heard) = tokio::join!(both, hear);
        let expected = (Message::Binary(bytes.clone()), Message::Text(text.clone().into_bytes()));
        assert_eq!(heard, (Some(expected.0), Some(expected.1)), "{length}");
        hub.send(Frame::binary(&bytes));
        hub.send(Frame::text(&text));
        assert!(hub.is_writing());
        let read = async { [client.next().await.unwrap(), client.next().await.unwrap()] };
        let ((), read) = tokio::join!(flushed(&mut hub), read);
        let [first, second] = read.map(Result::unwrap);
        assert_eq!((first, second), (Said::Binary(bytes.into()), Said::Text(text.into())));
        assert!(!hub.is_writing());
    }
    assert_eq!(hub.incoming.bytes.capacity(), 0, "at rest it holds nothing");
}

#[test]
fn messages_come_whole_in_whatever_pieces_they_arrive() {
    let bytes = [
        frame(FINAL | TEXT, b"one"),
        frame(TEXT, b"t"),
        frame(FINAL | PING, b"there?"),
        frame(CONTINUATION, b""),
        frame(CONTINUATION, b"w"),
        frame(FINAL | PONG, b""),
        frame(FINAL | CONTINUATION, b"o"),
        frame(FINAL | BINARY, &[7; 70_000]),
        frame(FINAL | CLOSE, &[3, 232]),
    ];
    let expected = [
        (TEXT, b"one".to_vec()),
        (PING, b"there?".to_vec()),
        (PONG, Vec::new()),
        (TEXT, b"two".to_vec()),
        (BINARY, vec![7; 70_000]),
        (CLOSE, vec![3, 232]),
    ];
    for piece in [1, 2, 3, 7, 4_096, 100_000] {
        assert_eq!(said(&bytes.concat(), piece).as_deref(), Ok(&expected[..]), "{piece}");
    }
}

#[test]
fn what_nobody_may_say_in_a_websocket_ends_it() {
    let mut bare = frame(FINAL | TEXT, b"a");
    bare[1] &= !MASKED;
    let mut huge = frame(FINAL | BINARY, &[0; 65_536]);
    huge[2..10].copy_from_slice(&u64::MAX.to_be_bytes());
    let half = vec![0; MESSAGE_BYTES_MAX / 2 + 1];
    for (name, bytes) in [
        ("no mask", bare),
        ("a bit of an extension", frame(FINAL | 0x40 | TEXT, b"a")),
        ("an opcode that nobody knows", frame(FINAL | 0x3, b"a")),
        ("a sign that nobody knows", frame(FINAL | 0xb, b"a")),
        ("a ping in pieces", frame(PING, b"a")),
        ("a long ping", frame(FINAL | PING, &[0; 126])),
        ("a continuation of nothing", frame(FINAL | CONTINUATION, b"a")),
        ("a message within another", [frame(TEXT, b"a"), frame(FINAL | TEXT, b"b")].concat()),
        ("a length that nothing has", huge[..14].to_vec()),
        ("too much", frame(FINAL | BINARY, &vec![0; MESSAGE_BYTES_MAX + 1])),
        ("too much in pieces", [frame(BINARY, &half), frame(FINAL, &half)].concat()),
    ] {
        assert_eq!(said(&bytes, 1 << 20), Err(Unreadable), "{name}");
    }
}

#[tokio::test]
async fn text_that_is_no_text_ends_it() {
    let (mut hub, mut client) = ends(4_096);
    client.write_all(&frame(FINAL | TEXT, b"\xc3")).await.unwrap();
    assert_eq!(heard(&mut hub).await, None);
}

/// A client that pings and reads nothing gets one answer, however often it pings: nothing piles up.
#[tokio::test]
async fn of_many_pings_the_latest_is_answered() {
    let (mut hub, mut client) = ends(4_096);
    for number in 0..100_u8 {
        client.write_all(&frame(FINAL | PING, &[number])).await.unwrap();
        assert_eq!(heard(&mut hub).await, Some(Message::Sign));
    }
    flushed(&mut hub).await;
    drop(hub);
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, [FINAL | PONG, 1, 99]);
}

#[tokio::test]
async fn the_end_is_said_once_whoever_says_it_first() {
    for hub_is_first in [true, false] {
        let (mut hub, mut client) = ends(4_096);
        if hub_is_first {
            hub.close(1001);
            flushed(&mut hub).await;
        }
        client.write_all(&frame(FINAL | CLOSE, &1000_u16.to_be_bytes())).await.unwrap();
        client.write_all(&frame(FINAL | TEXT, b"too late")).await.unwrap();
        if !hub_is_first {
            assert_eq!(heard(&mut hub).await, Some(Message::Close));
            hub.close(1000);
        }
        poll_fn(|context| hub.poll_farewell(context)).await;
        drop(hub);
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        let code: u16 = if hub_is_first { 1001 } else { 1000 };
        assert_eq!(read, Frame::new(CLOSE, &code.to_be_bytes()).bytes, "{hub_is_first}");
    }
}
