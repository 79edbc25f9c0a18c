//! What is in an export: what was asked for, what was kept as it came, and one state of the owner.

use portolan_domain::build::Description;
use portolan_storage::both_engines;
use serde_json::{Value, json};
use time::Duration;

use super::{
    exports::{
        at_cdn, cdn_info, downstream, export, file, files, imported, later, refused, upstream,
    },
    manifests::{CA, described, signed_by, with_files},
    support::now,
};

both_engines! {
    async fn an_export_says_what_was_asked(database: TestDatabase) {
        let cdns = r#"{"id":"1","label":"own cdn/1","name":"Own","url":"https://own.example.com"}"#;
        let about = Description {
            cdn_label: Some("own cdn/1".to_owned()),
            ..described("acme", now() - Duration::hours(1), &["acme-0".to_owned()])
        };
        let files = [("export/content_delivery_network/x.json", cdns)];
        let parent = upstream(database, with_files(&CA, &about, &files)).await;
        let plain = export(&parent, "acme", &json!({})).await;
        let (meta, consumer) = (file(&plain, "export/meta.json"), file(&plain, "export/consumer.json"));
        assert_eq!(meta["cdnUrl"], "https://own.example.com", "where the content is now");
        assert_eq!((&meta["cdnLabel"], &meta["principalName"]), (&Value::Null, &json!("admin")));
        assert_eq!(meta["created"], "2026-11-22T12:00:00.000+0000");
        assert_eq!((&consumer["name"], &consumer["owner"]["key"]), (&json!("acme"), &json!("acme")));
        assert_eq!(consumer["type"], json!({"id": "1", "label": "satellite", "manifest": true}));
        assert_eq!(consumer["contentAccessMode"], "entitlement");

        let body = json!({ "cdnLabel": "own cdn/1", "name": "branch office" });
        let labelled = export(&parent, "acme", &body).await;
        let meta = file(&labelled, "export/meta.json");
        assert_eq!((&meta["cdnUrl"], &meta["cdnLabel"]), (&Value::Null, &json!("own cdn/1")));
        let again = file(&labelled, "export/consumer.json");
        assert_eq!((&again["name"], &again["uuid"]), (&json!("branch office"), &consumer["uuid"]));
        let child = downstream(&parent).await;
        imported(&child, labelled).await;
        let info = cdn_info(&child, "acme-0").await;
        assert_eq!(info["cdnUrl"], "https://own.example.com");
        assert_eq!(info["cdnLabel"], "own cdn/1");

        let body = json!({ "cdnLabel": "elsewhere", "cdnUrl": "https://other.example.com/" });
        let meta = file(&export(&parent, "acme", &body).await, "export/meta.json");
        assert_eq!((&meta["cdnUrl"], &meta["cdnLabel"]),
                   (&json!("https://other.example.com/"), &json!("elsewhere")));
    }

    async fn an_export_may_be_of_some_entitlements_or_of_none(database: TestDatabase) {
        let parent = upstream(database, at_cdn(None)).await;
        let child = downstream(&parent).await;
        let body = json!({ "entitlementIds": ["acme-2", "acme-0", "acme-2"] });
        let record = imported(&child, export(&parent, "acme", &body).await).await;
        assert_eq!(record["counts"]["added"], 2);
        cdn_info(&child, "acme-2").await;
        let left_out = child.get("/entitlements/acme-1/cdn_info").await;
        left_out.assert_problem(404, "entitlement-not-found");
        let none = later(&parent, 1).await;
        let record = imported(&child, export(&none, "acme", &json!({ "entitlementIds": [] })).await).await;
        assert_eq!(record["counts"]["removed"], 2, "{record}");
        let missing = json!({ "entitlementIds": ["acme-0", "nobodys-1"] });
        let missing = refused(&parent, "acme", &missing).await;
        let problem = missing.assert_problem(404, "entitlement-not-found");
        assert!(problem["detail"].as_str().unwrap().contains("nobodys-1"), "{problem}");
    }

    async fn what_the_importer_does_not_need_is_exported_as_it_came(database: TestDatabase) {
        let about = described("acme", now() - Duration::hours(1), &["acme-0".to_owned()]);
        let odd = r#"{ "id":"odd-1", "quantity":"2", "certificates":null, "pool": { "id":"odd-pool",
            "productId":37060, "providedProducts":[ {"productId":"69","productName":"Ö"} ],
            "branding":null, "attributes":{"a":"b"}, "stackId":"s", "certificate":{"key":"secret"} } }"#;
        let extra = [
            ("export/products/37060.json", "{ \"id\" : \"37060\" }\n"),
            ("export/products/37060.pem", "an old product"),
            ("export/consumer_types/old type.json", "{\"id\":7,\"href\":\"/x\"}"),
            ("export/distributor_version/sat-6.json", "{\"name\":\"sat-6\"}"),
            ("export/rules/default-rules.js", "function(){}"),
            ("export/entitlements/odd-1.json", odd),
        ];
        let parent = upstream(database, with_files(&CA, &about, &extra)).await;
        let exported = export(&parent, "acme", &json!({})).await;
        let found = files(&exported);
        let text = |name: &str| {
            let file = found.iter().find(|(path, _)| path == name);
            file.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        };
        for (path, content) in &extra[..4] {
            assert_eq!(text(path).as_deref(), Some(*content), "{path}");
        }
        assert_eq!(text("export/rules/default-rules.js"), None);
        let odd = file(&exported, "export/entitlements/odd-1.json");
        assert_eq!(odd["pool"]["providedProducts"], json!([{"productId": "69", "productName": "Ö"}]));
        assert_eq!(odd["pool"]["attributes"], json!({"a": "b"}));
        assert_eq!(odd["pool"]["branding"], json!([]));
        assert_eq!((&odd["pool"]["stackId"], &odd["pool"]["productId"]), (&json!("s"), &json!("37060")));
        assert_eq!((&odd["quantity"], &odd["certificates"]), (&json!(2), &json!([])));
        assert!(!text("export/entitlements/odd-1.json").unwrap().contains("secret"));
        let good = file(&exported, "export/entitlements/acme-0.json");
        let certificate = &good["certificates"][0];
        let serial = certificate["serial"]["serial"].to_string();
        let both = [&certificate["cert"], &certificate["key"]].map(|text| text.as_str().unwrap());
        let path = format!("export/entitlement_certificates/{serial}.pem");
        assert_eq!(text(&path), Some(both.concat()));
        let child = downstream(&parent).await;
        let answer = child.import("branch", exported, "").await;
        assert_eq!(answer.json()["status"], "SUCCESS_WITH_WARNING", "{}", answer.text);
    }

    async fn an_export_beside_an_import_is_of_one_state(database: TestDatabase) {
        let ids = |state: &str| -> Vec<String> {
            (0..300).map(|n| format!("{state}-{n}")).collect()
        };
        let of_state = |state: &str, minutes: i64| {
            let mut about = described("acme", now() - Duration::minutes(minutes), &ids(state));
            about.entitlement_data_bytes = 4000;
            signed_by(&CA, &about)
        };
        let (old, new) = (of_state("old", 60), of_state("new", 50));
        let app = upstream(database, old.clone()).await;
        let forced = "?force=MANIFEST_OLD&force=MANIFEST_SAME";
        let importing = async {
            for manifest in [&new, &old, &new, &old] {
                let answer = app.import("acme", manifest.clone(), forced).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
            }
        };
        let exporting = async {
            for _ in 0..4 {
                let exported = export(&app, "acme", &json!({})).await;
                let names: Vec<String> = files(&exported).into_iter().map(|(name, _)| name).collect();
                let of = |state: &str| {
                    let path = format!("export/entitlements/{state}-");
                    names.iter().filter(|name| name.starts_with(&path)).count()
                };
                assert!(matches!((of("old"), of("new")), (300, 0) | (0, 300)),
                        "{} and {}", of("old"), of("new"));
            }
        };
        tokio::join!(importing, exporting);
    }
}
