//! A dry run as a person reads a plan: a line for what would come, change or go, and the sum.

use std::io::IsTerminal;

use clap::builder::styling::{AnsiColor, Style};
use serde_json::Value;

/// Lines that a person is shown.
const SHOWN: usize = 40;

/// The plan of a dry run's record, coloured where a terminal shows it.
pub fn plan(record: &Value) -> Vec<String> {
    // https://no-color.org
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    lines(record, wanted && std::io::stdout().is_terminal())
}

fn lines(record: &Value, colour: bool) -> Vec<String> {
    let changes = record["changes"].as_array().map_or(&[][..], Vec::as_slice);
    let shown = changes.iter().take(SHOWN);
    let mut lines: Vec<String> = shown.map(|change| coloured(change, colour)).collect();
    let truncated = record["changesTruncated"].as_u64().unwrap_or_default();
    let more = changes.len().saturating_sub(SHOWN) as u64 + truncated;
    if more > 0 {
        lines.push(format!("  … and {more} more (--json)"));
    }
    let counts = &record["counts"];
    let (add, change, remove) = (&counts["added"], &counts["updated"], &counts["removed"]);
    lines.push(format!(
        "Plan: {add} to add, {change} to change, {remove} to remove."
    ));
    lines
}

fn coloured(change: &Value, colour: bool) -> String {
    let (sign, style) = match change["action"].as_str() {
        Some("ADDED") => ('+', AnsiColor::Green),
        Some("REMOVED") => ('-', AnsiColor::Red),
        _ => ('~', AnsiColor::Yellow),
    };
    let style = if colour {
        style.on_default()
    } else {
        Style::new()
    };
    let line = line(change);
    format!("  {style}{sign} {line}{style:#}")
}

fn line(change: &Value) -> String {
    let id = printable(&change["id"]);
    let what = match change["kind"].as_str().unwrap_or_default() {
        "DATES" => "manifest of".to_owned(),
        "CDN" => "CDN:".to_owned(),
        "CA" => "CA:".to_owned(),
        "UPSTREAM_CONSUMER" => format!("consumer {id}"),
        "MANIFEST_CDN" => format!("CDN in the manifest {id}"),
        "ENTITLEMENT" => format!("entitlement {id}"),
        "POOL" => format!("pool {id}"),
        other => format!("{} {id}", other.to_lowercase()),
    };
    // Of what goes, its name is enough.
    let gone = change["action"] == "REMOVED" && what.ends_with(&id);
    let fields = change["fields"].as_array().filter(|_| !gone);
    // The line has a consumer's uuid already, unless it changes.
    let said = |f: &&Value| f["name"] == "uuid" && f["before"].is_null();
    let fields = fields.into_iter().flatten().filter(|f| !said(f));
    let fields: Vec<String> = fields.map(|f| field(f, &change["action"])).collect();
    format!("{what} {}", fields.join(", "))
        .trim_end()
        .to_owned()
}

fn field(field: &Value, action: &Value) -> String {
    let name = match field["name"].as_str().unwrap_or_default() {
        // Said by the line already.
        "generatedDate" | "cdnUrl" | "filename" => String::new(),
        name => format!("{name} "),
    };
    let (before, after) = (&field["before"], &field["after"]);
    if before.is_null() && after.is_null() {
        return format!("{name}changed");
    }
    match action.as_str() {
        Some("ADDED") => format!("{name}{}", printable(after)),
        Some("REMOVED") => format!("{name}{}", printable(before)),
        _ => format!("{name}{} → {}", printable(before), printable(after)),
    }
}

/// A value as text. A manifest must not send commands to a terminal: control characters are escaped.
fn printable(value: &Value) -> String {
    let text = match value {
        Value::Null => return "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Value {
        let dates = json!({"name": "endDate", "before": "2026-01-01T00:00:00.000Z", "after": "2027-01-01T00:00:00.000Z"});
        json!({
            "changes": [
                {"action": "UPDATED", "kind": "CDN", "id": "acme", "fields": [
                    {"name": "cdnUrl", "before": "https://a.example", "after": "https://b.example"},
                    {"name": "cdnLabel", "before": null, "after": "edge"}]},
                {"action": "ADDED", "kind": "ENTITLEMENT", "id": "e1", "fields": [
                    {"name": "quantity", "before": null, "after": 5}]},
                {"action": "UPDATED", "kind": "ENTITLEMENT", "id": "e2", "fields": [
                    dates, {"name": "key", "before": null, "after": null}]},
                {"action": "REMOVED", "kind": "ENTITLEMENT", "id": "e3", "fields": [
                    {"name": "quantity", "before": 5, "after": null}]},
            ],
            "changesTruncated": 0,
            "counts": {"added": 1, "updated": 1, "removed": 1},
        })
    }

    #[test]
    fn reads_as_a_plan() {
        let expected = [
            "  ~ CDN: https://a.example → https://b.example, cdnLabel none → edge",
            "  + entitlement e1 quantity 5",
            "  ~ entitlement e2 endDate 2026-01-01T00:00:00.000Z → 2027-01-01T00:00:00.000Z, key changed",
            "  - entitlement e3",
            "Plan: 1 to add, 1 to change, 1 to remove.",
        ];
        assert_eq!(lines(&record(), false), expected);
        assert_eq!(
            lines(&record(), true)[3],
            "  \u{1b}[31m- entitlement e3\u{1b}[0m"
        );
    }

    #[test]
    fn is_no_longer_than_a_person_reads_and_sends_no_commands_to_the_terminal() {
        let mut record = record();
        let many = vec![record["changes"][1].clone(); 100];
        record["changes"] = many.into();
        record["changesTruncated"] = 5.into();
        record["changes"][0]["id"] = "e\u{1b}[2J".into();
        let lines = lines(&record, false);
        assert_eq!(lines.len(), SHOWN + 2);
        assert_eq!(lines[SHOWN], "  … and 65 more (--json)");
        assert_eq!(lines[0], "  + entitlement e\\u{1b}[2J quantity 5");
    }
}
