//! The places a password comes from, asked anew at each connection so that a rotated one works.

mod pgpass;
#[cfg(test)]
mod tests;

use std::{
    env, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::{Config, ConnInfo, Error};

/// The password for `config`'s server: from the connection string, else `password_file`, else
/// PGPASSWORD, else PGPASSFILE or `~/.pgpass` by libpq's rules. `None` when there is none, which
/// `trust` and `peer` servers accept.
///
/// A password file of libpq that others can read is ignored with a warning in the log, as libpq does.
///
/// # Errors
///
/// [`Error::PasswordFile`] when `password_file` is set and cannot be used. A missing `~/.pgpass` is
/// no error.
pub fn password(config: &Config) -> Result<Option<SecretString>, Error> {
    let found = find(config, &Environment::of_this_process())?;
    if let Some(warning) = found.warning {
        tracing::warn!("{warning}");
    }
    Ok(found.password)
}

/// What the process's environment says about passwords.
struct Environment {
    password: Option<String>,
    passfile: Option<PathBuf>,
}

impl Environment {
    fn of_this_process() -> Environment {
        let home = || env::home_dir().map(|home| home.join(".pgpass"));
        let named = env::var_os("PGPASSFILE").filter(|file| !file.is_empty()).map(PathBuf::from);
        Environment {
            password: env::var("PGPASSWORD").ok().filter(|password| !password.is_empty()),
            passfile: named.or_else(home),
        }
    }
}

#[derive(Default)]
struct Found {
    password: Option<SecretString>,
    warning: Option<String>,
}

fn find(config: &Config, environment: &Environment) -> Result<Found, Error> {
    if let Some(password) = config.conninfo.password() {
        return Ok(Found { password: Some(password.clone()), warning: None });
    }
    if let Some(path) = &config.password_file {
        let password = read_alone(path)
            .map_err(|source| Error::PasswordFile { path: path.clone(), source })?;
        return Ok(Found { password: Some(password), warning: None });
    }
    if let Some(password) = &environment.password {
        return Ok(Found { password: Some(password.clone().into()), warning: None });
    }
    match config.conninfo.passfile().or(environment.passfile.as_ref()) {
        Some(path) => Ok(look_up(path, &config.conninfo)),
        None => Ok(Found::default()),
    }
}

/// A file that holds one password and perhaps a newline.
fn read_alone(path: &Path) -> io::Result<SecretString> {
    let mut text = fs::read_to_string(path)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    match text.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty")),
        false => Ok(text.into()),
    }
}

fn look_up(path: &Path, conninfo: &ConnInfo) -> Found {
    let ignored = |why: &str| Found {
        password: None,
        warning: Some(format!("password file {} is ignored: {why}", path.display())),
    };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::default(),
        Err(error) => return ignored(&error.to_string()),
    };
    if !metadata.is_file() {
        return ignored("it is not a plain file");
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return ignored("others can read it; its permissions should be u=rw (0600) or less");
    }
    match fs::read(path) {
        Ok(bytes) => Found {
            password: pgpass::password(&String::from_utf8_lossy(&bytes), conninfo),
            warning: None,
        },
        Err(error) => ignored(&error.to_string()),
    }
}
