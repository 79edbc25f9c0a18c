//! `portolan repo` on real repositories, made by the `ostree` program where it is installed.

use std::process::Command;

use serde_json::{Value, json};

use super::desk::{Desk, serve, terminate, text};

/// Runs `ostree`; none where it is not installed.
fn ostree(desk: &Desk, arguments: &[&str]) -> Option<String> {
    let repo = format!("--repo={}", desk.path("repo").display());
    let output = Command::new("ostree")
        .arg(repo)
        .args(arguments)
        .output()
        .ok()?;
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    Some(text(&output.stdout).trim().to_owned())
}

/// A repository with two refs, one of which has a history and a token type; the commits, by name.
fn repository(desk: &Desk) -> Option<[String; 3]> {
    let tree = desk.path("tree");
    std::fs::create_dir_all(&tree).unwrap();
    std::fs::write(tree.join("file"), "content").unwrap();
    ostree(
        desk,
        &[
            "init",
            "--mode=archive",
            "--collection-id=org.example.Stable",
        ],
    )?;
    let tree = format!("--tree=dir={}", tree.display());
    let commit = |branch: &str, more: &[&str]| {
        let arguments = [
            &[
                "commit",
                "--owner-uid=0",
                "--owner-gid=0",
                "-b",
                branch,
                &tree,
            ],
            more,
        ]
        .concat();
        ostree(desk, &arguments)
    };
    let game = "app/org.example.Game/x86_64/stable";
    let first = commit(game, &["-s", "one"])?;
    let second = commit(game, &["-s", "two", "--add-metadata=xa.token-type=int32 1"])?;
    let free = commit(
        "runtime/org.example.Free/x86_64/stable",
        &["-s", "free", "--no-bindings"],
    )?;
    ostree(desk, &["static-delta", "generate", "--empty", game])?;
    ostree(
        desk,
        &[
            "static-delta",
            "generate",
            &format!("--from={first}"),
            &format!("--to={second}"),
        ],
    )?;
    ostree(desk, &["summary", "-u"])?;
    Some([first, second, free])
}

async fn with_owner() -> Desk {
    let desk = Desk::new();
    desk.done(&["owner", "add", "acme"]).await;
    desk
}

const SCAN: [&str; 10] = [
    "repo",
    "scan",
    "repo",
    "--repo",
    "stable",
    "--owner",
    "acme",
    "--require-token-type",
    "1",
    "--collection=org.example.Stable",
];

#[tokio::test]
async fn repositories_are_added_listed_and_removed() {
    let desk = with_owner().await;
    let add = [
        "repo",
        "add",
        "stable",
        "--owner",
        "acme",
        "--collection",
        "org.example.Stable",
    ];
    let made = desk
        .json(
            &[
                &add[..],
                &["--require-token-type", "1", "--require-token-type", "2"],
            ]
            .concat(),
        )
        .await;
    assert_eq!(made["requireAuthForTokenTypes"], json!([1, 2]));
    assert_eq!(desk.json(&["repo", "list"]).await, json!([made]));
    assert!(
        desk.done(&["repo", "list"])
            .await
            .contains("tokens for type 1, 2")
    );
    desk.refused(2, &[&add[..], &["--default-token-type=-1"]].concat())
        .await;
    assert_eq!(
        desk.done(&["repo", "remove", "stable"]).await,
        "removed stable"
    );
    let said = desk.refused(1, &["repo", "remove", "stable"]).await;
    assert!(said.contains("no repository stable"), "{said}");
}

#[tokio::test]
async fn a_folder_that_is_no_repository_is_refused() {
    let desk = with_owner().await;
    let said = desk.refused(1, &SCAN).await;
    assert!(said.contains("no OSTree repository"), "{said}");
    std::fs::create_dir_all(desk.path("repo/refs/heads")).unwrap();
    std::fs::write(desk.path("repo/refs/heads/main"), "0f".repeat(32)).unwrap();
    let said = desk.refused(1, &SCAN).await;
    assert!(said.contains("is not there"), "{said}");
    std::fs::create_dir_all(desk.path("repo/objects/0f")).unwrap();
    std::fs::write(
        desk.path(&format!("repo/objects/0f/{}.commit", "0f".repeat(31))),
        "x",
    )
    .unwrap();
    let said = desk.refused(1, &SCAN).await;
    assert!(said.contains("no commit object"), "{said}");
}

#[tokio::test]
async fn a_real_repository_is_scanned() {
    let desk = with_owner().await;
    let Some([first, second, free]) = repository(&desk) else {
        eprintln!("ostree is not installed: nothing was tried");
        return;
    };
    let said = desk.json(&SCAN).await;
    let counts = |value: &Value| {
        ["commits", "refs", "deltas", "created", "unchanged"].map(|n| value[n].as_u64().unwrap())
    };
    // And the commit of `ostree-metadata`, which a summary of a collection makes.
    assert_eq!(counts(&said), [4, 3, 2, 4, 0], "{said}");
    assert_eq!(said["collections"], json!(["org.example.Stable"]));
    assert_eq!(counts(&desk.json(&SCAN[..5]).await), [4, 3, 2, 0, 4]);
    let (mut server, url) = serve(&desk).await;
    let key = desk
        .done(&["key", "create", "--role", "admin", "--name", "scan"])
        .await;
    let needs = async |path: String| {
        let client = reqwest::Client::new().get(format!("{url}/edge/required"));
        let answer = client
            .query(&[("uri", path)])
            .bearer_auth(&key)
            .send()
            .await
            .unwrap();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|v| v.to_str().unwrap().to_owned())
        };
        (header("x-token-type"), header("x-flatpak-requested-ref"))
    };
    let object =
        |commit: &str| format!("/r/stable/objects/{}/{}.commit", &commit[..2], &commit[2..]);
    let open = (Some("0".to_owned()), None);
    let paid = (
        Some("1".to_owned()),
        Some("app/org.example.Game/x86_64/stable".to_owned()),
    );
    assert_eq!(needs(object(&first)).await, open);
    assert_eq!(needs(object(&second)).await, paid);
    assert_eq!(needs(object(&free)).await, open);
    // Each delta that OSTree made, by the name that it gave it.
    let mut deltas = 0;
    for top in std::fs::read_dir(desk.path("repo/deltas")).unwrap() {
        let top = top.unwrap().path();
        for delta in std::fs::read_dir(&top).unwrap() {
            let delta = delta.unwrap().file_name().into_string().unwrap();
            let top = top.file_name().unwrap().to_str().unwrap();
            assert_eq!(
                needs(format!("/r/stable/deltas/{top}/{delta}/superblock")).await,
                paid
            );
            deltas += 1;
        }
    }
    assert_eq!(deltas, 2);
    // The same over HTTP, and told to a service.
    let files = serve_files(desk.path("repo")).await;
    let remote = [
        "repo", "scan", &files, "--repo", "mirror", "--owner", "acme", "--server", &url, "--key",
        &key,
    ];
    let said = desk.json(&remote).await;
    assert_eq!(
        (&said["commits"], &said["created"]),
        (&json!(4), &json!(4)),
        "{said}"
    );
    // A delta whose commit is not there carries it.
    let (top, rest) = second.split_at(2);
    std::fs::remove_file(desk.path("repo/refs/heads/app/org.example.Game/x86_64/stable")).unwrap();
    std::fs::remove_file(desk.path(&format!("repo/objects/{top}/{rest}.commit"))).unwrap();
    assert_eq!(counts(&desk.json(&SCAN[..5]).await)[..2], [4, 2]);
    assert_eq!(needs(object(&second)).await, paid);
    terminate(&server);
    server.wait().await.unwrap();
}

/// A folder over HTTP.
async fn serve_files(folder: std::path::PathBuf) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let files = axum::Router::new().fallback(move |uri: axum::http::Uri| {
        let file = folder.join(uri.path().trim_start_matches('/'));
        async move { std::fs::read(file).map_err(|_| axum::http::StatusCode::NOT_FOUND) }
    });
    tokio::spawn(async move { axum::serve(listener, files).await });
    url
}
