//! What `--help` teaches by example.

macro_rules! first_steps {
    () => {
        "\
Examples:
  postrider demo                                  # see it work, with nothing set up
  postrider settings --example > postrider.toml   # then fill in url and brokers
  postrider init --create-table                   # outbox table, publication, slot
  postrider check                                 # is all as it should be?
  postrider run"
    };
}

pub(super) const TOP: &str = first_steps!();

pub(super) const MANUAL: &str = concat!(
    first_steps!(),
    "

  # in your service, in the transaction that changes the business data
  INSERT INTO outbox (aggregatetype, aggregateid, type, payload)
  VALUES ('order', '4711', 'OrderPaid', '{\"customer\": 42}');

  # without a file: every setting has a name in the environment
  POSTRIDER_POSTGRES__URL='postgres://postrider@db/shop' \\
  POSTRIDER_KAFKA__BROKERS='kafka:9092' PGPASSWORD=... postrider run

Exit codes:
   0  done, or stopped as asked
   1  the command ran and the answer is no
   2  usage
  69  a server cannot be reached (one-shot commands; run keeps trying)
  70  a bug of ours
  76  the guarantee cannot be kept: a person decides
  77  rights are missing
  78  settings are wrong
  79  Kafka refused a record for good
 130  ended by Ctrl-C (demo)"
);

pub(super) const RUN: &str = "\
Examples:
  postrider run
  postrider --config /etc/postrider.toml run
  curl localhost:9464/readyz                      # do events flow, and if not, why?
  kill -TERM $(pidof postrider)                   # drain, confirm, leave";

pub(super) const INIT: &str = "\
Examples:
  postrider init --create-table --print | less    # look first
  postrider init --create-table
  postrider init --accept-gap                     # when run holds for a gap, and you know of it
  postrider init --print | psql -d shop           # as a person with more rights";

pub(super) const CHECK: &str = "\
Examples:
  postrider check
  postrider check --topic outbox.event.order --topic outbox.event.refund
  postrider check --json | jq '.lines[] | select(.state != \"ok\")'

It changes nothing and needs the rights of run. With SELECT on the table it finds the topics by
itself; with DescribeConfigs on the topics it reads their settings. Whether we may write to the
topics is seen at the first record only.

Exit code: 0 nothing is a fault; 1 something is; 69 a server cannot be reached; 77 PostgreSQL or
Kafka does not let us in; 78 settings are wrong.";

pub(super) const SETTINGS: &str = "\
Examples:
  postrider settings --example > postrider.toml
  postrider settings                              # what is in force, and where it came from
  postrider settings --json | jq '.[] | select(.from == \"environment\")'";

pub(super) const COMPLETIONS: &str = "\
Examples:
  postrider completions bash > ~/.local/share/bash-completion/completions/postrider
  postrider completions zsh > ~/.zfunc/_postrider
  postrider completions fish > ~/.config/fish/completions/postrider.fish";

pub(super) const MAN: &str = "\
Examples:
  postrider man | man -l -
  postrider man /usr/local/share/man/man1";

pub(super) const DEMO: &str = "\
Examples:
  postrider demo
  postrider demo --kafka localhost:9092           # against your own Kafka
  postrider demo --seconds 90";
