//! The command line's signing profiles, and the URLs that it signs.

use serde_json::json;

use super::desk::Desk;

#[tokio::test]
async fn a_profile_is_set_shown_used_and_removed() {
    let desk = Desk::new();
    desk.done(&["owner", "add", "acme"]).await;
    desk.done(&["cdn", "add", "edge", "--url", "https://cdn.example.com"])
        .await;
    let said = desk.done(&["cdn", "signing", "edge"]).await;
    assert_eq!(said, "edge: URLs are not signed");
    let sign = ["cdn", "sign", "edge", "--path", "/a.rpm"];
    let said = desk.refused(1, &sign).await;
    assert!(said.contains("no signing profile"), "{said}");

    std::fs::write(desk.path("key"), "00112233\n").unwrap();
    let set = ["cdn", "signing", "edge", "--kind", "akamai"];
    let more = [
        "--secret-file",
        "key",
        "--key-id",
        "k1",
        "--allow",
        "acme=/a",
    ];
    let shown = desk.json(&[&set[..], &more].concat()).await;
    assert_eq!(
        shown["signing"],
        json!({
            "kind": "akamai", "keyId": "k1", "secret": true, "hash": null,
            "allow": [{"owner": "acme", "prefix": "/a"}],
        })
    );
    let said = desk.done(&["cdn", "signing", "edge"]).await;
    assert!(said.contains("akamai signs URLs with the key k1"), "{said}");
    assert!(said.contains("acme") && said.contains("below /a"), "{said}");

    let two = [&sign[..], &["--path", "/b.rpm", "--duration", "7d"]].concat();
    let urls = desk.done(&two).await;
    let urls: Vec<&str> = urls.lines().collect();
    assert_eq!(urls.len(), 2);
    assert!(urls[1].starts_with("https://cdn.example.com/b.rpm?__token__=exp="));
    let signed = desk
        .json(&["cdn", "sign", "edge", "--prefix", "/a", "--ip", "::1"])
        .await;
    let url = signed["urls"][0]["url"].as_str().unwrap();
    assert!(
        url.contains("ip=::1~") && url.contains("~acl=/a/*~"),
        "{url}"
    );
    let said = desk
        .refused(1, &[&sign[..], &["--duration", "8d"]].concat())
        .await;
    assert!(said.contains("7 days"), "{said}");
    let said = desk
        .refused(1, &["cdn", "sign", "edge", "--path", "/../a"])
        .await;
    assert!(said.contains("--path has a segment"), "{said}");
    desk.refused(2, &["cdn", "sign", "edge"]).await;
    desk.refused(2, &[&set[..4], &["squid"]].concat()).await;

    // The key stays where it is not given, and what is allowed too.
    let kept = desk.json(&set).await;
    assert_eq!(kept["signing"]["allow"], shown["signing"]["allow"]);
    let none = desk.json(&[&set[..], &["--no-allow"]].concat()).await;
    assert_eq!(none["signing"]["allow"], json!([]));
    let said = desk
        .refused(1, &["cdn", "signing", "edge", "--kind", "bunny"])
        .await;
    assert!(said.contains("secret is missing"), "{said}");
    let said = desk.done(&["cdn", "signing", "edge", "--remove"]).await;
    assert_eq!(said, "edge: URLs are not signed");
}
