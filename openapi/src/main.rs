//! Writes `openapi.json` again.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::fs::write(
        portolan_openapi::committed_path(),
        portolan_openapi::generate()?,
    )?;
    Ok(())
}
