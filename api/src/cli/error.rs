//! What a command says when it refuses, and how results are printed.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{config::ConfigError, problem::Problem};

/// A refusal, for people and for programs.
#[derive(Debug)]
pub struct CliError {
    message: String,
    problem: Option<Value>,
}

impl CliError {
    /// A refusal in words.
    pub fn new(message: impl Into<String>) -> Self {
        let (message, problem) = (message.into(), None);
        Self { message, problem }
    }

    /// A refusal with all that led to it.
    fn chained(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            message = format!("{message}: {inner}");
            source = inner.source();
        }
        Self::new(message)
    }

    /// A refusal that a server sent as problem+json.
    pub fn from_body(body: Value) -> Self {
        let detail = body["detail"]
            .as_str()
            .unwrap_or("the server refused")
            .to_owned();
        let problem = Some(body);
        Self {
            message: detail,
            problem,
        }
    }

    /// Prints it on standard error.
    pub fn report(&self, json: bool) {
        let text = if json {
            let bare = || json!({ "detail": self.message });
            self.problem.clone().unwrap_or_else(bare).to_string()
        } else {
            format!("portolan: {}", self.message)
        };
        // Where nobody reads standard error, the exit status still tells.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        Self::from_body(problem.to_value())
    }
}

impl From<portolan_storage::StorageError> for CliError {
    fn from(error: portolan_storage::StorageError) -> Self {
        Self::chained(&error)
    }
}

impl From<portolan_storage::CopyError> for CliError {
    fn from(error: portolan_storage::CopyError) -> Self {
        Self::chained(&error)
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::new(format!("the configuration: {error}"))
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Prints a line of a result; a reader that went away (`| head`) is no error.
pub fn print_line(text: &str) -> Result<(), CliError> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
