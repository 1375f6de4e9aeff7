//! Login: from an open channel to a connection in replication mode that may be used.

use pgwire::{
    api::client::{
        ReadyState,
        auth::{DefaultStartupHandler, StartupHandler},
    },
    error::{ErrorInfo, PgWireClientError},
    messages::{
        PgWireBackendMessage, PgWireFrontendMessage,
        startup::{
            Authentication, PasswordMessageFamily, SASLInitialResponse, SASLResponse, Startup,
        },
    },
};
use postgres_protocol::authentication::sasl::{
    self, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::{
    Config, ConnInfo, Error, ReplicationConnection, TlsError,
    channel::{Channel, Security},
    conninfo::ChannelBinding,
    wire::Wire,
};

/// Startup parameters that fix how values are written, whatever the database's or role's defaults.
const FIXED_PARAMETERS: [(&str, &str); 7] = [
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO"),
    ("TimeZone", "UTC"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("IntervalStyle", "postgres"),
    // A stream has no end.
    ("statement_timeout", "0"),
];

const DOING: &str = "open a replication connection";

/// Logs in over `channel`, with `password` if the server asks for one.
pub(super) async fn log_in(
    channel: Channel,
    config: &Config,
    password: Option<SecretString>,
) -> Result<ReplicationConnection, Error> {
    let mut login = pgwire::api::client::Config::new();
    login.user(config.conninfo.user());
    if let Some(password) = &password {
        login.password(password.expose_secret());
    }
    let Channel { transport, security } = channel;
    let wire = Wire::new(transport, login);
    let connection = ReplicationConnection { wire, config: config.clone(), security };
    let mut login = Login { connection, password, was_asked: false, is_bound: false };
    let limit = config.conninfo.connect_timeout();
    match timeout(limit, login.run()).await {
        Ok(done) => done.map(|()| login.connection),
        Err(_) => Err(login.connection.lost(format!("no answer within {} s", limit.as_secs()))),
    }
}

/// A connection on its way in.
struct Login {
    connection: ReplicationConnection,
    password: Option<SecretString>,
    /// The server has asked for a proof of who we are. It does so once.
    was_asked: bool,
    /// The server has proved that it knows the password and holds its certificate's key.
    is_bound: bool,
}

impl Login {
    async fn run(&mut self) -> Result<(), Error> {
        let startup = PgWireFrontendMessage::Startup(startup(&self.connection.config.conninfo));
        self.connection.send(startup).await?;
        let mut handler = DefaultStartupHandler::new();
        loop {
            let message = self.connection.receive().await?;
            if let PgWireBackendMessage::Authentication(how) = &message {
                if !matches!(how, Authentication::Ok) {
                    self.is_asked()?;
                }
                if let Authentication::SASL(mechanisms) = how {
                    self.prove(mechanisms).await?;
                    continue;
                }
                // Before a password leaves that is not bound, too.
                self.is_bound_if_required("it did not ask for SCRAM")?;
            }
            match handler.on_message(&mut self.connection.wire, message).await {
                Ok(ReadyState::Ready(_)) => return Ok(()),
                Ok(ReadyState::Pending) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// A server that asks again would have the password itself, after a proof that it knows it.
    fn is_asked(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.was_asked, true) {
            return Err(unexpected());
        }
        let conninfo = &self.connection.config.conninfo;
        match self.password {
            Some(_) => Ok(()),
            None => Err(Error::PasswordMissing {
                endpoint: conninfo.endpoint(),
                user: conninfo.user().to_owned(),
            }),
        }
    }

    /// SCRAM, by which both sides prove that they know the password and none can pass it on.
    ///
    /// pgwire's own knows no channel binding.
    async fn prove(&mut self, mechanisms: &[String]) -> Result<(), Error> {
        let offers = |name| mechanisms.iter().any(|offered| offered == name);
        let (plus, plain) = (offers(SCRAM_SHA_256_PLUS), offers(SCRAM_SHA_256));
        let (mechanism, binding) = match self.endpoint() {
            Some(hash) if plus => {
                (SCRAM_SHA_256_PLUS, sasl::ChannelBinding::tls_server_end_point(hash))
            }
            // So that a server notices when somebody took its offer of binding out.
            Some(_) if plain => (SCRAM_SHA_256, sasl::ChannelBinding::unrequested()),
            None if plain => (SCRAM_SHA_256, sasl::ChannelBinding::unsupported()),
            _ => {
                let wanted = mechanisms.join(", ");
                return Err(self.not_let_in(format!("{wanted} is not supported")));
            }
        };
        let is_bound = mechanism == SCRAM_SHA_256_PLUS;
        if !is_bound {
            self.is_bound_if_required("it or its certificate offers none for SCRAM")?;
        }
        let password = self.password.as_ref().map_or("", |password| password.expose_secret());
        let mut scram = ScramSha256::new(password.as_bytes(), binding);
        let first = SASLInitialResponse::new(mechanism.into(), Some(message(&scram)));
        self.say(PasswordMessageFamily::SASLInitialResponse(first)).await?;
        let Authentication::SASLContinue(answer) = self.hear().await? else {
            return Err(unexpected());
        };
        scram.update(&answer).map_err(|error| self.not_let_in(error.to_string()))?;
        self.say(PasswordMessageFamily::SASLResponse(SASLResponse::new(message(&scram)))).await?;
        let Authentication::SASLFinal(answer) = self.hear().await? else {
            return Err(unexpected());
        };
        scram.finish(&answer).map_err(|error| self.not_let_in(error.to_string()))?;
        self.is_bound = is_bound;
        Ok(())
    }

    /// What a proof can be bound to.
    fn endpoint(&self) -> Option<Vec<u8>> {
        let conninfo = &self.connection.config.conninfo;
        match &self.connection.security {
            Security::Tls { endpoint, .. }
                if conninfo.tls().channel_binding != ChannelBinding::Disable =>
            {
                endpoint.clone()
            }
            _ => None,
        }
    }

    fn is_bound_if_required(&self, why: &'static str) -> Result<(), TlsError> {
        let conninfo = &self.connection.config.conninfo;
        if conninfo.tls().channel_binding == ChannelBinding::Require && !self.is_bound {
            return Err(TlsError::NotBound { endpoint: conninfo.endpoint(), why });
        }
        Ok(())
    }

    async fn say(&mut self, message: PasswordMessageFamily) -> Result<(), Error> {
        self.connection.send(PgWireFrontendMessage::PasswordMessageFamily(message)).await
    }

    async fn hear(&mut self) -> Result<Authentication, Error> {
        loop {
            match self.connection.receive().await? {
                PgWireBackendMessage::Authentication(how) => return Ok(how),
                PgWireBackendMessage::NoticeResponse(_) => {}
                PgWireBackendMessage::ErrorResponse(error) => {
                    return Err(self.connection.refused(DOING, ErrorInfo::from(error)));
                }
                _ => return Err(unexpected()),
            }
        }
    }

    fn not_let_in(&self, message: String) -> Error {
        let conninfo = &self.connection.config.conninfo;
        Error::Authentication {
            endpoint: conninfo.endpoint(),
            user: conninfo.user().to_owned(),
            database: conninfo.dbname().to_owned(),
            message,
        }
    }

    fn failed(&self, error: PgWireClientError) -> Error {
        match error {
            PgWireClientError::RemoteError(info) => self.connection.refused(DOING, *info),
            PgWireClientError::IoError(error) => self.connection.failed(&error),
            PgWireClientError::PgWireError(error) => self.connection.broken(error),
            PgWireClientError::UnexpectedEOF => self.connection.lost("the server closed it".into()),
            // pgwire's text may quote a message.
            _ => unexpected(),
        }
    }
}

fn message(scram: &ScramSha256) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(scram.message())
}

fn unexpected() -> Error {
    Error::Protocol("the server's greeting cannot be read".into())
}

fn startup(conninfo: &ConnInfo) -> Startup {
    let mut startup = Startup::new();
    let mut set = |name: &str, value: &str| {
        startup.parameters.insert(name.to_owned(), value.to_owned());
    };
    for (name, value) in FIXED_PARAMETERS {
        set(name, value);
    }
    set("user", conninfo.user());
    set("database", conninfo.dbname());
    set("application_name", conninfo.application_name());
    set("replication", "database");
    if let Some(options) = conninfo.options() {
        set("options", options);
    }
    startup
}
