//! The command line's CDNs, an owner pointed elsewhere, and whom a CA's removal orphans.

use serde_json::{Value, json};

use super::{
    certificates::{ca, x509},
    desk::{Desk, serve, terminate},
    support::eventually,
};

#[tokio::test]
async fn cdns_are_added_set_listed_and_removed() {
    let desk = Desk::new();
    let empty = desk.done(&["cdn", "list"]).await;
    assert!(empty.contains("portolan cdn add"), "{empty}");
    let own = ca("CDN CA");
    let pem = own.certificate_pem().unwrap();
    std::fs::write(desk.path("cdn.crt"), &pem).unwrap();
    std::fs::write(desk.path("cdn.der"), x509(&own).to_der().unwrap()).unwrap();
    let add = [
        "cdn",
        "add",
        "mirror",
        "--url",
        "https://a.example.com",
        "--name",
        "Mirror",
    ];
    let added = desk
        .json(&[&add[..], &["--certificate", "cdn.der"]].concat())
        .await;
    assert_eq!(
        (&added["label"], &added["certificate"]),
        (&json!("mirror"), &json!(pem)),
        "{added}"
    );
    let said = desk.refused(1, &add).await;
    assert!(said.contains("exists already"), "{said}");
    let said = desk
        .refused(1, &["cdn", "add", "m", "--url", "http://a.example.com"])
        .await;
    assert!(said.contains("--url has the scheme http"), "{said}");
    std::fs::write(desk.path("none.crt"), "no certificate").unwrap();
    let none = ["cdn", "set", "mirror", "--certificate", "none.crt"];
    let said = desk.refused(1, &none).await;
    assert!(said.contains("none.crt"), "{said}");

    let said = desk
        .done(&["cdn", "set", "mirror", "--url", "https://b.example.com"])
        .await;
    assert!(
        said.starts_with("changed mirror") && said.contains("its own certificate"),
        "{said}"
    );
    let set = ["cdn", "set", "mirror", "--no-certificate", "--no-name"];
    let changed = desk.json(&set).await;
    assert_eq!(
        (&changed["certificate"], &changed["name"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(changed["url"], "https://b.example.com");
    desk.refused(2, &["cdn", "set", "mirror", "--no-name", "--name", "x"])
        .await;
    desk.json(&["cdn", "set", "mirror", "--certificate", "cdn.crt"])
        .await;
    assert_eq!(desk.json(&["cdn", "list"]).await[0]["certificate"], pem);

    let said = desk.refused(1, &["cdn", "check", "mirror"]).await;
    assert!(
        said.contains("cdn.check_allow does not name b.example.com:443"),
        "{said}"
    );
    let mut check = desk.command(&["cdn", "check", "closed", "--path", "/x"]);
    desk.done(&["cdn", "add", "closed", "--url", "https://127.0.0.1:1"])
        .await;
    let checked = check
        .env("PORTOLAN__CDN__CHECK_ALLOW", "[\"127.0.0.1\"]")
        .output()
        .await
        .unwrap();
    let said = super::desk::text(&checked.stdout);
    assert!(
        checked.status.success() && said.contains("127.0.0.1:1 takes no connection"),
        "{said}"
    );

    assert_eq!(
        desk.done(&["cdn", "remove", "mirror"]).await,
        "removed mirror"
    );
    let said = desk.refused(1, &["cdn", "remove", "mirror"]).await;
    assert!(said.contains("there is no CDN mirror"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_sees_where_an_owner_was_pointed() {
    let desk = Desk::new();
    let (mut server, url) = serve(&desk).await;
    let admin = std::fs::read_to_string(desk.path("data/admin.key")).unwrap();
    let build = [
        "manifest",
        "build",
        "--ca-dir",
        "ca",
        "--out",
        "m.zip",
        "--generate=1",
    ];
    desk.done(&build).await;
    desk.done(&["owner", "add", "acme"]).await;
    desk.done(&["ca", "add", "ca/ca.crt", "--name", "test.crt"])
        .await;
    desk.done(&["import", "m.zip", "--owner", "acme"]).await;
    let client = reqwest::Client::new();
    let there = async || {
        let asked = client.get(format!("{url}/owners/acme/upstream_consumers"));
        let answer = asked.bearer_auth(admin.trim()).send().await.unwrap();
        let consumers: Value = answer.json().await.unwrap();
        consumers[0]["cdnUrl"].as_str().unwrap().to_owned()
    };
    let before = there().await;
    let said = desk.done(&["owner", "cdn", "acme"]).await;
    assert!(said.contains(&before), "{said}");
    let own = ["owner", "cdn", "acme", "--url", "https://own.example.com"];
    assert_eq!(
        desk.done(&own).await,
        "acme: https://own.example.com by its own setting"
    );
    eventually("the server sees the URL", || async {
        there().await == "https://own.example.com"
    })
    .await;
    let label = ["owner", "cdn", "acme", "--label", "mirror"];
    let said = desk.refused(1, &label).await;
    assert!(said.contains("there is no CDN mirror"), "{said}");
    desk.done(&[
        "cdn",
        "add",
        "mirror",
        "--url",
        "https://mirror.example.com",
    ])
    .await;
    let set = desk.json(&label).await;
    assert_eq!(
        (&set["source"], &set["cdnLabel"]),
        (&json!("OWNER"), &json!("mirror"))
    );
    let said = desk.refused(1, &["cdn", "remove", "mirror"]).await;
    assert!(said.contains("acme follow it"), "{said}");
    desk.refused(2, &[&label[..], &["--reset"]].concat()).await;
    let reset = desk.done(&["owner", "cdn", "acme", "--reset"]).await;
    assert!(reset.contains(&before), "{reset}");
    assert_eq!(there().await, before);
    terminate(&server);
    server.wait().await.unwrap();
}

#[tokio::test]
async fn removing_a_ca_names_whom_it_orphans() {
    let desk = Desk::new();
    let build = [
        "manifest",
        "build",
        "--ca-dir",
        "ca",
        "--out",
        "m.zip",
        "--generate=1",
    ];
    desk.done(&build).await;
    desk.done(&["owner", "add", "acme"]).await;
    desk.done(&["ca", "add", "ca/ca.crt", "--name", "one.crt"])
        .await;
    desk.done(&["import", "m.zip", "--owner", "acme"]).await;
    let dry = ["ca", "remove", "one.crt", "--dry-run"];
    let said = desk.done(&dry).await;
    assert!(
        said.starts_with("one.crt would be removed; without a CA") && said.contains("\n  acme ("),
        "{said}"
    );
    assert_eq!(desk.json(&dry).await["orphaned"][0]["ownerKey"], "acme");
    desk.done(&["ca", "add", "ca/ca.crt", "--name", "two.crt"])
        .await;
    let said = desk.done(&["ca", "remove", "one.crt"]).await;
    assert_eq!(said, "removed one.crt: nobody is left without a CA");
    let removed = desk.json(&["ca", "remove", "two.crt"]).await;
    assert_eq!(
        (&removed["removed"], &removed["orphaned"][0]["ownerKey"]),
        (&json!("two.crt"), &json!("acme"))
    );
    let said = desk.refused(1, &["ca", "remove", "two.crt"]).await;
    assert!(said.contains("not in the database"), "{said}");
}
