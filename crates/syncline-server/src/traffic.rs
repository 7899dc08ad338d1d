//! How many bytes cross the network, and how many they stand for: what compression is worth.

use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use prometheus_client::metrics::counter::Counter;

/// A number of bytes.
pub(crate) type ByteCount = Counter<u64, AtomicU64>;

/// The bytes of bodies and of live messages.
#[derive(Clone, Default)]
pub(crate) struct Traffic {
    pub(crate) in_wire: ByteCount,
    pub(crate) in_plain: ByteCount,
    pub(crate) out_wire: ByteCount,
    pub(crate) out_plain: ByteCount,
}

impl Traffic {
    /// Notes what came in: so many bytes that stand for so many.
    pub(crate) fn came(&self, wire: usize, plain: usize) {
        self.in_wire.inc_by(wire as u64);
        self.in_plain.inc_by(plain as u64);
    }

    /// Notes a message that goes out.
    pub(crate) fn goes(&self, wire: usize, plain: usize) {
        self.out_wire.inc_by(wire as u64);
        self.out_plain.inc_by(plain as u64);
    }
}

/// Counts the bytes of an answer's body as they are taken.
pub(crate) fn counted<B>(answer: Response<B>, bytes: &ByteCount) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    answer.map(|body| {
        // What is empty stays so: an answer without a body says no length.
        match body.is_end_stream() {
            true => Body::new(body.map_err(axum::Error::new)),
            false => Body::new(Counting { body, bytes: bytes.clone() }),
        }
    })
}

struct Counting<B> {
    body: B,
    bytes: ByteCount,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Counting<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.bytes.inc_by(data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bytes_of_a_body_are_counted_and_its_length_is_still_known() {
        let bytes = ByteCount::default();
        let answer = counted(Response::new(Body::from("12345")), &bytes);
        assert_eq!(answer.body().size_hint().exact(), Some(5));
        assert_eq!(bytes.get(), 0, "nobody has taken them yet");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((&*body, bytes.get()), (&b"12345"[..], 5));
        let empty = counted(Response::new(Body::empty()), &bytes);
        assert!(empty.body().is_end_stream());
    }
}
