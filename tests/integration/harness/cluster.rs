//! Three Apache Kafka nodes on loopback, each a broker; the first is the controller, too.
//!
//! Clients of the checker reach them directly, a publisher through a proxy for each.

use super::{
    kafka::Kafka,
    process,
    proxy::{Direction, Manner, Proxy},
};

/// Node numbers are places in the list and one more.
pub struct Cluster {
    pub nodes: Vec<Kafka>,
    proxies: Vec<Proxy>,
}

impl Cluster {
    /// Formats and starts `count` nodes.
    pub fn start_new(count: usize) -> Cluster {
        let mut cluster = Cluster { nodes: Vec::new(), proxies: Vec::new() };
        for number in 1..=count {
            let inside = process::free_port();
            let proxy = Proxy::to(inside);
            let controller = cluster.nodes.first().map(|node| node.controller);
            let properties = properties(number, controller, (inside, proxy.port));
            let directory = process::directory(&format!("kafka-{number}"));
            cluster.nodes.push(Kafka::start_with(directory, &[], &properties, &[]));
            cluster.proxies.push(proxy);
        }
        cluster
    }

    /// `host:port` of all nodes for the checker.
    pub fn brokers(&self) -> String {
        let all: Vec<String> = self.nodes.iter().map(Kafka::brokers).collect();
        all.join(",")
    }

    /// `host:port` of the proxies of all nodes.
    pub fn proxied(&self) -> String {
        let address = |proxy: &Proxy| format!("127.0.0.1:{}", proxy.port);
        self.proxies.iter().map(address).collect::<Vec<_>>().join(",")
    }

    /// The way to the first node.
    pub fn first_proxy(&self) -> &Proxy {
        &self.proxies[0]
    }

    /// Does the same to every proxy.
    pub fn each(&self, act: impl FnMut(&Proxy)) {
        self.proxies.iter().for_each(act);
    }

    /// Changes how these directions are passed on by every proxy.
    pub fn change(&self, directions: &[Direction], change: impl Fn(&mut Manner)) {
        self.each(|proxy| proxy.change(directions, &change));
    }
}

/// What beats the template of a single node.
fn properties(number: usize, controller: Option<u16>, (inside, proxy): (u16, u16)) -> String {
    let (roles, voter, own) = match controller {
        None => ("broker,controller", "@CONTROLLER_PORT@".to_owned(), true),
        Some(port) => ("broker", port.to_string(), false),
    };
    let own = if own { ",CONTROLLER://127.0.0.1:@CONTROLLER_PORT@" } else { "" };
    format!(
        "node.id={number}\nprocess.roles={roles}\ncontroller.quorum.voters=1@127.0.0.1:{voter}\n\
         listeners=CLIENTS://127.0.0.1:@PORT@,PROXIED://127.0.0.1:{inside}{own}\n\
         advertised.listeners=CLIENTS://127.0.0.1:@PORT@,PROXIED://127.0.0.1:{proxy}\n\
         listener.security.protocol.map=CLIENTS:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         leader.imbalance.check.interval.seconds=5\n\
         leader.imbalance.per.broker.percentage=0\n"
    )
}
