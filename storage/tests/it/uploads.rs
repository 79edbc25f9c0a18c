//! Kept uploads: what an open job needs stays, however many imports forget old ones meanwhile.

use std::{fs::File, io::Write, sync::Arc};

use portolan_domain::digest::Sha256Digest;
use portolan_storage::{JobRequest, Keep, Upload, both_engines};

use crate::support::{Case, by, create_owners, entitlement, id};

fn upload(content: &[u8]) -> (Upload, Arc<File>) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    let upload = Upload {
        file_name: None,
        sha256: Sha256Digest::of(content),
        size: content.len() as u64,
        uploaded_by: "ci".to_owned(),
    };
    (upload, Arc::new(file))
}

both_engines! {
    async fn an_import_forgets_no_upload_of_a_job_that_is_asked_for_meanwhile(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let imports = async {
            let mut case = Case::of("acme").with(entitlement("e1", "p1"));
            for number in 0..30_u8 {
                let (_, file) = upload(&[number; 10]);
                case.draft.keep = Keep::File(file, 2);
                case.import(store).await.unwrap();
                case = case.a_day_later();
            }
        };
        let jobs = async {
            let mut jobs = Vec::new();
            for number in 0..60_u8 {
                let (described, file) = upload(&[number; 2000]);
                let request = JobRequest::default();
                let job = store
                    .create_job(&id("acme"), (&described, &file), &request, 100, &by())
                    .await
                    .unwrap();
                jobs.push((job, described));
            }
            jobs
        };
        let ((), jobs) = tokio::join!(imports, jobs);
        for (job, described) in jobs {
            let kept = store.kept_upload(&id("acme"), job.upload_id.unwrap()).await.unwrap();
            let kept = kept.expect("the upload of a waiting job was forgotten");
            assert_eq!((kept.sha256, kept.size), (described.sha256, described.size));
            let piece = store.upload_piece(&kept, 0).await.unwrap().unwrap();
            assert_eq!(Sha256Digest::of(&piece), described.sha256);
        }
    }
}
