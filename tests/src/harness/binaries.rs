//! The programs under test, built when they are missing or old.
//!
//! Cargo itself decides what is stale: it is asked once per process, with the same packages selected as for the caller, so that
//! nothing but the two programs is compiled anew.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::{Error, Result};

/// How the programs are built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Build {
    /// As users get them, but unoptimised.
    Plain,
    /// With named places at which they can be told to die (`TARISHI_FAILPOINT`).
    Failpoints,
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// `tarishi-server`.
    pub server: PathBuf,
    /// `tarishi`, the phone in a terminal.
    pub phone: PathBuf,
}

static PLAIN: OnceLock<std::result::Result<Binaries, String>> = OnceLock::new();
static FAILPOINTS: OnceLock<std::result::Result<Binaries, String>> = OnceLock::new();

/// Builds the programs if need be and says where they are. Blocking.
///
/// # Errors
/// They do not compile, or this process does not lie in a target folder.
pub fn binaries(build: Build) -> Result<Binaries> {
    let once = match build {
        Build::Plain => &PLAIN,
        Build::Failpoints => &FAILPOINTS,
    };
    once.get_or_init(|| make(build).map_err(|error| error.to_string())).clone().map_err(Error::from)
}

fn make(build: Build) -> Result<Binaries> {
    let folder = profile_folder()?;
    let target = folder.parent().ok_or("the target folder has no parent")?;
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--manifest-path"]).arg(&manifest).arg("--target-dir").arg(target);
    cargo.args([
        "-p",
        "tarishi-tests",
        "-p",
        "tarishi-server",
        "-p",
        "tarishi-cli",
        "--bin",
        "tarishi-server",
        "--bin",
        "tarishi",
    ]);
    if build == Build::Failpoints {
        cargo.args(["--features", "tarishi-server/failpoints,tarishi-cli/failpoints"]);
    }
    if folder.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    // The caller's own package must not leak into the build.
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR") {
        cargo.env_remove(name);
    }
    let status = cargo.status().map_err(|error| format!("cargo does not run: {error}"))?;
    if !status.success() {
        return Err("tarishi-server and tarishi do not compile".into());
    }
    set_aside(&folder, build)
}

/// Gives this build names of its own, so that a build of the other kind does not replace them while a test runs.
fn set_aside(folder: &Path, build: Build) -> Result<Binaries> {
    let own = folder.join(match build {
        Build::Plain => "tarishi-plain",
        Build::Failpoints => "tarishi-failpoints",
    });
    fs::create_dir_all(&own)?;
    let suffix = env::consts::EXE_SUFFIX;
    let aside = |name: &str| -> Result<PathBuf> {
        let (built, fresh, kept) = (
            folder.join(format!("{name}{suffix}")),
            own.join(format!("{name}.{}", std::process::id())),
            own.join(format!("{name}{suffix}")),
        );
        if fs::hard_link(&built, &fresh).is_err() {
            fs::copy(&built, &fresh)?;
        }
        fs::rename(&fresh, &kept)?;
        // Two links to one file are not replaced by a rename: the temporary one stays.
        let _ = fs::remove_file(&fresh);
        Ok(kept)
    };
    Ok(Binaries { server: aside("tarishi-server")?, phone: aside("tarishi")? })
}

/// `target/debug`, wherever the running test or demo lies in it.
fn profile_folder() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let folder = own.parent().ok_or("this program lies nowhere")?;
    let in_deps = folder.file_name().is_some_and(|name| name == "deps");
    Ok(if in_deps { folder.parent().ok_or("deps lies nowhere")?.to_path_buf() } else { folder.to_path_buf() })
}
