//! Connections: kept, replaced, bounded.

use std::time::Duration;

use syncline_domains::app::{Failure, Phase, Request, Sender, SenderSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::receiver::{
    Answers, Receiver, Reply, answer, failure, hurried, request, route, sender, settings,
};

#[tokio::test]
async fn one_connection_carries_one_request_after_the_other() {
    let receiver = Receiver::start(|number| answer("200 OK", &"x".repeat(number * 10))).await;
    let sender = sender();
    let route = receiver.route(&sender);
    for number in 0..20 {
        let outcome = route.send(request("{}")).await;
        assert_eq!((outcome.answer, outcome.excerpt.len()), (Ok(200), number * 10));
    }
    assert_eq!((receiver.connections(), sender.connections()), (1, 1));
    drop((route, sender));
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_kept_is_replaced() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    // The first request of every connection is answered, the second one is read and not answered.
    let receiver = Receiver::start(move |number| match number % 2 {
        0 => Reply::Answer(text.to_owned()),
        _ => Reply::Last(String::new()),
    })
    .await;
    let sender = sender();
    let route = receiver.route(&sender);
    assert_eq!(route.send(request("first")).await.answer, Ok(200));
    assert_eq!(route.send(request("second")).await.answer, Ok(200));
    let bodies: Vec<_> = receiver
        .requests()
        .iter()
        .map(|one| one.rsplit("\r\n").next().unwrap().to_owned())
        .collect();
    assert_eq!(bodies, ["first", "second", "second"]);
    assert_eq!(receiver.connections(), 2);
    // Closed right after the answer, before anything else was sent.
    let receiver = Receiver::start(move |_| Reply::Last(text.to_owned())).await;
    let route = receiver.route(&sender);
    for _ in 0..5 {
        assert_eq!(route.send(request("{}")).await.answer, Ok(200));
    }
    assert!(receiver.requests().len() <= receiver.connections());
}

#[tokio::test]
async fn a_connection_that_is_closed_while_nobody_sends_is_replaced_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (close, asked_to_close) = oneshot::channel();
    let (closed, is_closed) = oneshot::channel();
    tokio::spawn(async move {
        // Closes the first connection only later, as servers do that bound how long one is idle.
        let mut first = answered_once(&listener).await;
        asked_to_close.await.unwrap();
        first.shutdown().await.unwrap();
        drop(first);
        closed.send(()).unwrap();
        let _second = answered_once(&listener).await;
        std::future::pending::<()>().await;
    });
    let sender = sender();
    let route = route(&sender, &url);
    assert_eq!(route.send(request("first")).await.answer, Ok(200));
    close.send(()).unwrap();
    is_closed.await.unwrap();
    assert_eq!(route.send(request("second")).await.answer, Ok(200));
}

/// Takes a connection, and answers one request on it.
async fn answered_once(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"first") && !read.ends_with(b"second") {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "the request is whole");
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    stream
}

#[tokio::test]
async fn a_host_that_hangs_costs_only_itself() {
    let hanging = Receiver::start(|_| Reply::Stall(String::new())).await;
    let good = Receiver::start(|_| answer("200 OK", "")).await;
    let few = SenderSettings { host_connections_max: 2, connections_max: 3, ..settings() };
    let sender = Sender::new(few, Answers::new(&[&["127.0.0.1"]]));
    let route = hanging.route(&sender);
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let route = route.clone();
            tokio::spawn(async move { route.send(request("{}")).await })
        })
        .collect();
    while hanging.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    let to_good = good.route(&sender);
    for _ in 0..50 {
        assert_eq!(to_good.send(request("{}")).await.answer, Ok(200));
    }
    assert_eq!((hanging.connections(), good.connections()), (2, 1));
    assert!(waiting.iter().all(|one| !one.is_finished()), "they wait all the while");
    for one in waiting {
        one.abort();
        let _ = one.await;
    }
    // Who gives up gives its place back.
    assert_eq!(sender.connections(), 1);
}

/// The hurried one has less time than those before it take: its time begins when it has a connection.
#[tokio::test]
async fn who_waits_for_others_to_its_host_is_not_late() {
    let receiver = Receiver::start(|number| match number {
        0 | 1 => Reply::Stall(String::new()),
        _ => answer("200 OK", ""),
    })
    .await;
    let one = SenderSettings { host_connections_max: 1, ..settings() };
    let sender = Sender::new(one, Answers::new(&[&["127.0.0.1"]]));
    let route = receiver.route(&sender);
    let before: Vec<_> = (0..2)
        .map(|_| {
            let route = route.clone();
            tokio::spawn(async move { route.send(hurried("{}")).await })
        })
        .collect();
    while receiver.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let outcome = route.send(Request { timeout: Duration::from_secs(10), ..hurried("{}") }).await;
    assert_eq!(outcome.answer, Ok(200));
    for one in before {
        let failed = failure(one.await.unwrap());
        assert_eq!(failed, Failure::TimedOut { phase: Phase::Answer });
    }
}

#[tokio::test]
async fn senders_apart_have_connections_of_their_own() {
    let hanging = Receiver::start(|_| Reply::Stall(String::new())).await;
    let good = Receiver::start(|_| answer("200 OK", "")).await;
    let one = SenderSettings { connections_max: 1, ..settings() };
    let sender = Sender::new(one, Answers::new(&[&["127.0.0.1"]]));
    let other = sender.apart();
    let route = hanging.route(&sender);
    let hung = tokio::spawn(async move { route.send(request("{}")).await });
    while hanging.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let to_good = good.route(&other);
    assert_eq!(to_good.send(request("{}")).await.answer, Ok(200));
    assert_eq!((sender.connections(), other.connections()), (1, 1));
    hung.abort();
}

#[tokio::test]
async fn idle_connections_make_room_for_others() {
    let settings = SenderSettings { connections_max: 2, ..settings() };
    let sender = Sender::new(settings, Answers::new(&[&["127.0.0.1"]]));
    let mut receivers = Vec::new();
    for _ in 0..6 {
        receivers.push(Receiver::start(|_| answer("200 OK", "")).await);
    }
    let routes: Vec<_> = receivers.iter().map(|receiver| receiver.route(&sender)).collect();
    for _ in 0..3 {
        for route in &routes {
            // Sooner than anything is closed because it was idle for too long.
            let soon = Request { timeout: Duration::from_secs(10), ..request("{}") };
            assert_eq!(route.send(soon).await.answer, Ok(200));
            assert!(sender.connections() <= 2);
        }
    }
    assert_eq!(sender.connections(), 2);
    assert!(receivers.iter().all(|receiver| (1..=3).contains(&receiver.connections())));
}

#[tokio::test]
async fn a_host_that_is_not_there_is_a_failure_of_its_kind() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let here = sender();
    let outcome = route(&here, &format!("http://{gone}/")).send(request("{}")).await;
    assert_eq!(failure(outcome), Failure::Unreachable);
    let answers: [&[&[&str]]; 2] = [&[], &[&[]]];
    for answers in answers {
        let sender = Sender::new(settings(), Answers::new(answers));
        let outcome = route(&sender, "https://gone.example/").send(request("{}")).await;
        assert_eq!(failure(outcome), Failure::Unknown);
    }
}
