//! A hub that is served over TLS, and clients that verify its certificate.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use syncline_client::{Client, Options};

use crate::desk::{Desk, repository};
use crate::serve::Serving;

const PATIENCE: Duration = Duration::from_secs(60);

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(repository("crates/syncline/tests/it/tls").join(name)).unwrap()
}

#[test]
fn a_client_reaches_a_hub_whose_certificate_it_verifies_and_no_other() {
    let desk = Desk::new();
    desk.put("hub.pem", &fixture("server.pem"));
    desk.put("hub.key.pem", &fixture("server.key.pem"));
    // A key that others may read is refused.
    desk.run("serve --listen 127.0.0.1:0 --tls-cert hub.pem --tls-key hub.key.pem")
        .exits(3)
        .says("SERVE_KEY_EXPOSED");
    let owner_only = PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(desk.path("hub.key.pem"), owner_only).unwrap();
    let serving = Serving::start(&desk, &["--tls-cert", "hub.pem", "--tls-key", "hub.key.pem"]);
    let port = serving.address.rsplit_once(':').unwrap().1;
    let open = |name: &str, host: &str, authority: &str| {
        let url = format!("https://{host}:{port}");
        let options = Options::new(desk.path(name), &url, &serving.token);
        Client::open(options.client_id(name).authorities(fixture(authority))).unwrap()
    };
    let phone = open("phone", "localhost", "authority.pem");
    let edited = phone.edit("tasks", "t1", |edit| edit.set("/title", "Call")).unwrap();
    phone.wait_for(&edited, PATIENCE).unwrap();
    let tablet = open("tablet", "localhost", "authority.pem");
    tablet.wait_until_synced(PATIENCE).unwrap();
    assert!(tablet.get("tasks", "t1").unwrap().is_some());
    // Another name than the certificate's, and an authority that has not vouched for it.
    for (name, host, authority) in
        [("laptop", "127.0.0.1", "authority.pem"), ("desktop", "localhost", "stranger.pem")]
    {
        let client = open(name, host, authority);
        assert!(client.wait_until_synced(Duration::from_secs(2)).is_err(), "{name}");
        assert!(client.get("tasks", "t1").unwrap().is_none(), "{name}");
    }
}
