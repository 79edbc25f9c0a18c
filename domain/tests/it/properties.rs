//! What must hold for every byte, not only for the examples: no change of a signed manifest yields
//! another content, and no part of one is taken for the whole.

use std::{io::Cursor, sync::LazyLock};

use portolan_domain::{
    build::{Description, ManifestSigner, write_manifest},
    conflict::Forced,
    trust::SignatureAlgorithm::Ed25519,
};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use crate::support::{Content, ED25519, NOW, UPSTREAM, anchor, open, owner, read, trust};

/// Two manifests of the same content: one with a `scheme.json`, one without.
static UPLOADS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let schemed = ManifestSigner::with_scheme(&ED25519, Ed25519).unwrap();
    [schemed, ManifestSigner::legacy(&UPSTREAM)].map(|signer| {
        let description = Description {
            generate: 2,
            ..Description::default()
        };
        let mut upload = Vec::new();
        let to = (&mut upload, Cursor::new(Vec::new()));
        write_manifest(&description, (&UPSTREAM, &signer), &[], NOW, to).unwrap();
        upload
    })
});

static CONTENTS: LazyLock<[Content; 2]> =
    LazyLock::new(|| UPLOADS.each_ref().map(|upload| accepted(upload).unwrap()));

/// The content of an upload that an anchor verifies; none where it is refused, for any reason.
fn accepted(upload: &[u8]) -> Option<Content> {
    let anchors = trust([anchor("a.pem", &ED25519), anchor("b.pem", &UPSTREAM)]);
    let never = Forced::default();
    let refused = portolan_domain::trust::ForcedSignature::Refused;
    let verified = open(upload)
        .ok()?
        .verify(&anchors, &owner(), NOW, (refused, &never))
        .ok()?;
    read(verified).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_changed_byte_yields_no_other_content(which in 0..2_usize, at in any::<proptest::sample::Index>(), flip in 1..=255_u8) {
        let mut upload = UPLOADS[which].clone();
        let at = at.index(upload.len());
        upload[at] ^= flip;
        if let Some(content) = accepted(&upload) {
            prop_assert_eq!(&content, &CONTENTS[which], "byte {} ^ {}", at, flip);
        }
    }

    #[test]
    fn a_truncated_upload_is_refused(which in 0..2_usize, at in any::<proptest::sample::Index>()) {
        let upload = &UPLOADS[which];
        prop_assert!(open(&upload[..at.index(upload.len())]).is_err());
    }

    #[test]
    fn inserted_bytes_are_refused(which in 0..2_usize, at in any::<proptest::sample::Index>(), inserted in proptest::collection::vec(any::<u8>(), 1..40)) {
        let mut upload = UPLOADS[which].clone();
        let at = at.index(upload.len() + 1);
        upload.splice(at..at, inserted);
        prop_assert!(accepted(&upload).is_none(), "inserted at {}", at);
    }

    #[test]
    fn any_bytes_are_refused_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(open(&bytes).is_err());
    }
}
