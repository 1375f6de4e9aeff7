//! The servers that all tests share: started once per run, ended by the watchdog.

use std::sync::{Condvar, Mutex, OnceLock};

use super::{kafka::Kafka, postgres::Postgres, secure_kafka::SecureKafka, secured::Secured};

/// The run's PostgreSQL.
pub fn postgres() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::start_new(&[]))
}

/// The run's PostgreSQL with TLS.
pub fn secured() -> &'static Secured {
    static SERVER: OnceLock<Secured> = OnceLock::new();
    SERVER.get_or_init(|| Secured::start_new(&[]))
}

/// The run's Kafka.
pub fn kafka() -> &'static Kafka {
    static NODE: OnceLock<Kafka> = OnceLock::new();
    NODE.get_or_init(Kafka::start_new)
}

/// The run's Kafka with listeners that ask for TLS, passwords and certificates.
pub fn secure_kafka() -> &'static SecureKafka {
    static NODE: OnceLock<SecureKafka> = OnceLock::new();
    NODE.get_or_init(SecureKafka::start_new)
}

/// How much may run at once: two tests with load, or four without, are what two cores carry.
const CAPACITY: usize = 4;

static FREE: Mutex<usize> = Mutex::new(CAPACITY);
static CHANGED: Condvar = Condvar::new();

/// A test's share of the machine, given back when dropped.
pub struct Turn(usize);

impl Turn {
    /// Waits for a share for a test without load.
    pub fn light() -> Turn {
        Turn::of(1)
    }

    /// Waits for a share for a test with load or with servers of its own.
    pub fn heavy() -> Turn {
        Turn::of(CAPACITY / 2)
    }

    /// Waits for the whole machine, for a test with several servers of its own.
    pub fn whole() -> Turn {
        Turn::of(CAPACITY)
    }

    fn of(share: usize) -> Turn {
        let mut free = FREE.lock().unwrap_or_else(|poison| poison.into_inner());
        while *free < share {
            free = CHANGED.wait(free).unwrap_or_else(|poison| poison.into_inner());
        }
        *free -= share;
        Turn(share)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(|poison| poison.into_inner()) += self.0;
        CHANGED.notify_all();
    }
}
