//! What a key is made of: nothing, or what the operator brings along.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Args;
use portolan_domain::token::{TokenAlgorithm, TokenKeyPair, TokenSecret};
use zeroize::Zeroizing;

use crate::cli::error::CliError;

/// Bytes of a file that holds a key at most.
const LARGEST: u64 = 64 << 10;
/// RFC 7518, section 3.2: a shorter secret is weaker than the algorithm.
const SHORT: usize = 32;

/// Where the key comes from, where it is not made here.
#[derive(Args)]
#[group(multiple = false)]
pub struct Material {
    /// The secret shared with flat-manager, in base64, as its configuration has it
    #[arg(long, value_name = "SECRET")]
    secret_base64: Option<Zeroizing<String>>,
    /// A file that holds the secret itself; blanks and newlines around a text do not count
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// A file that holds a private key (PEM) of this algorithm
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
}

impl Material {
    /// The key: brought along, or a new one.
    pub fn key(&self, algorithm: TokenAlgorithm) -> Result<TokenKeyPair, CliError> {
        if let Some(secret) = self.secret()? {
            if algorithm != TokenAlgorithm::Hs256 {
                let name = algorithm.as_str();
                return Err(CliError::new(format!(
                    "a secret is for HS256; {name} takes --private-key-file, or makes a key"
                )));
            }
            if secret.expose().len() < SHORT {
                let bits = secret.expose().len() * 8;
                eprintln!("warning: the secret has {bits} bits; HS256 wants 256 (RFC 7518)");
            }
            return taken(TokenKeyPair::from_secret(secret));
        }
        if let Some(file) = &self.private_key_file {
            let pem = read(file)?;
            return taken(TokenKeyPair::from_pem(&pem, algorithm));
        }
        if algorithm == TokenAlgorithm::Hs256 {
            return Err(CliError::new(
                "an HS256 key is flat-manager's own secret: give it with --secret-base64 or \
                 --secret-file",
            ));
        }
        taken(TokenKeyPair::generate(algorithm))
    }

    fn secret(&self) -> Result<Option<TokenSecret>, CliError> {
        if let Some(text) = &self.secret_base64 {
            let bytes = BASE64_STANDARD.decode(text.trim());
            let bytes = bytes.map_err(|_| CliError::new("--secret-base64 is no base64"))?;
            return Ok(Some(TokenSecret::new(bytes)));
        }
        let Some(file) = &self.secret_file else {
            return Ok(None);
        };
        let bytes = read(file)?;
        // An editor's newline is no part of a text; of random bytes it may be.
        let secret = match std::str::from_utf8(&bytes) {
            Ok(text) => text.trim().as_bytes(),
            Err(_) => &bytes,
        };
        Ok(Some(TokenSecret::new(secret.to_vec())))
    }
}

fn taken<E: std::fmt::Display>(made: Result<TokenKeyPair, E>) -> Result<TokenKeyPair, CliError> {
    made.map_err(|error| CliError::new(format!("the key cannot be used: {error}")))
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let shown = file.display();
    let unreadable =
        |error: std::io::Error| CliError::new(format!("{shown} cannot be read: {error}"));
    let mut bytes = Zeroizing::new(Vec::new());
    let opened = File::open(file).map_err(unreadable)?;
    let read = opened.take(LARGEST + 1).read_to_end(&mut bytes);
    if read.map_err(unreadable)? as u64 > LARGEST {
        return Err(CliError::new(format!("{shown} is too large for a key")));
    }
    Ok(bytes)
}
