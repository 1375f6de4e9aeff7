//! A PostgreSQL with TLS, roles that each come in another way, and the certificates for them.

use super::{
    certificates::{Authority, Identity},
    postgres::{PASSWORD, Postgres, ROLE},
    process,
    publisher::Publisher,
    servers::{self, Turn},
    stage::{Stage, toml_text},
};

/// A line for each role.
const HBA: &str = "local all all trust
host all postrider 127.0.0.1/32 scram-sha-256
hostssl all encrypted 127.0.0.1/32 scram-sha-256
hostnossl all open 127.0.0.1/32 scram-sha-256
hostssl all certified 127.0.0.1/32 cert
hostssl all shown 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
hostssl all trusting 127.0.0.1/32 trust
hostssl all rotating 127.0.0.1/32 scram-sha-256
hostssl all digest 127.0.0.1/32 md5
hostssl all cleartext 127.0.0.1/32 password
";

/// See the module.
pub struct Secured {
    pub postgres: Postgres,
    /// Issued the server's certificate, and is trusted to issue clients'.
    pub authority: Authority,
    /// Is trusted by nobody.
    pub stranger: Authority,
}

impl Secured {
    /// Starts a server whose certificate is for `localhost` and `127.0.0.1`.
    pub fn start_new(settings: &[(&str, &str)]) -> Secured {
        let (directory, strange) = (process::directory("tls"), process::directory("strange"));
        let authority = Authority::new(&directory, "the tests' own authority");
        let server = authority.server("server", &["localhost", "127.0.0.1"]);
        let usual = [
            ("ssl", "on"),
            ("ssl_cert_file", "'server.crt'"),
            ("ssl_key_file", "'server.key'"),
            ("ssl_ca_file", "'clients.crt'"),
        ];
        let postgres = Postgres::start_with(
            &[&usual, settings].concat(),
            HBA,
            &[
                ("server.crt", &server.certificate),
                ("server.key", &server.key),
                ("clients.crt", &authority.certificate()),
            ],
        );
        let sql = postgres.sql("postgres");
        for role in ["encrypted", "open", "certified", "shown", "trusting", "cleartext", "rotating"]
        {
            sql.run(&format!("create role {role} login replication password '{PASSWORD}'"));
        }
        sql.run(&format!(
            "set password_encryption = 'md5';
             create role digest login replication password '{PASSWORD}'"
        ));
        let stranger = Authority::new(&strange, "a stranger");
        Secured { postgres, authority, stranger }
    }

    /// Puts another certificate in place of the server's; connections from here on meet it.
    pub fn shows(&self, server: &Identity) {
        self.postgres.install("server.crt", &server.certificate);
        self.postgres.install("server.key", &server.key);
        self.postgres.sql("postgres").run("select pg_reload_conf()");
    }

    /// A stage on this server, after `init` over the unix socket.
    pub fn stage(&self) -> Stage<'_> {
        let turn = Turn::light();
        let stage = Stage::on(&self.postgres, servers::kafka(), turn).with_orders();
        stage.set_environment("PGPASSWORD", PASSWORD);
        stage
    }

    /// `sslrootcert` with the server's authority.
    pub fn trust(&self) -> String {
        format!("sslrootcert={}", self.authority.certificate().display())
    }
}

impl Identity {
    /// `sslcert` and `sslkey` of this identity.
    pub fn parameters(&self) -> String {
        format!("sslcert={} sslkey={}", self.certificate.display(), self.key.display())
    }
}

impl Stage<'_> {
    /// Switches to TCP as `role`, with further parameters of the connection string. The connections
    /// are found by the stage's name.
    pub fn comes_as(&self, role: &str, parameters: &str) {
        let (port, name) = (self.postgres.port, &self.name);
        let address = format!(
            "host=localhost port={port} user={role} dbname={name} application_name={name} \
             {parameters}"
        );
        self.set("postgres.url", &toml_text(&address));
    }

    /// The same as the usual role.
    pub fn comes(&self, parameters: &str) {
        self.comes_as(ROLE, parameters);
    }

    /// What pg_stat_ssl says in `column` of the stream and of the publisher's SQL connection.
    pub fn seen(&self, publisher: &Publisher, column: &str) -> [String; 2] {
        let sql = self.postgres.sql("postgres");
        let name = &self.name;
        let of = |what: &str, condition: &str| {
            let query = format!(
                "select coalesce({column}::text, '') from pg_stat_ssl join pg_stat_activity using (pid)
                 where {condition}"
            );
            publisher.eventually(&format!("{what} is seen"), || sql.text(&query))
        };
        [
            of(
                "the stream",
                &format!("application_name = '{name}' and backend_type = 'walsender'"),
            ),
            of("the SQL connection", &format!("application_name = '{name} sql'")),
        ]
    }
}
