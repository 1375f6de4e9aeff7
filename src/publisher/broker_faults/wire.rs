//! Wire: the few Kafka requests that the fake broker understands, and its answers.

/// Reads what a request is made of; `None` when it ends too early.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn i8(&mut self) -> Option<i8> {
        Some(i8::from_be_bytes(self.array()?))
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.array()?))
    }

    /// A text or bytes with a length of 16 bits; NULL is empty.
    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.i16()?.max(0) as usize;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    /// A signed number of variable length, as records have it.
    pub(super) fn varint(&mut self) -> Option<i64> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = u64::from(self.array::<1>()?[0]);
            value |= (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some((value >> 1) as i64 ^ -((value & 1) as i64));
            }
            shift += 7;
        }
    }

    /// Bytes with a length of variable length.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()?.max(0) as usize;
        self.take(length)
    }
}

/// The head of every request.
pub(super) struct Head {
    pub(super) api: i16,
    pub(super) version: i16,
    pub(super) correlation: i32,
}

pub(super) const PRODUCE: i16 = 0;
pub(super) const METADATA: i16 = 3;
pub(super) const API_VERSIONS: i16 = 18;
pub(super) const INIT_PRODUCER_ID: i16 = 22;

/// What this broker speaks. librdkafka wants Fetch, ListOffsets and FindCoordinator to be there before
/// it believes that a broker knows records with headers; nobody asks for them.
const APIS: [(i16, i16, i16); 7] = [
    (PRODUCE, 3, 7),
    (1, 4, 4),
    (2, 1, 1),
    (METADATA, 4, 4),
    (10, 0, 0),
    (API_VERSIONS, 0, 3),
    (INIT_PRODUCER_ID, 0, 0),
];

impl Head {
    /// The head, with `reader` left at the body.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Head> {
        let head = Head { api: reader.i16()?, version: reader.i16()?, correlation: reader.i32()? };
        reader.text()?;
        Some(head)
    }

    /// An answer with this body, its length in front.
    pub(super) fn answer(&self, body: &[u8]) -> Vec<u8> {
        let mut answer = (body.len() as i32 + 4).to_be_bytes().to_vec();
        answer.extend(self.correlation.to_be_bytes());
        answer.extend(body);
        answer
    }
}

/// Which versions of which requests are spoken.
pub(super) fn api_versions(version: i16) -> Vec<u8> {
    let mut body = 0i16.to_be_bytes().to_vec();
    let is_flexible = version >= 3;
    match is_flexible {
        true => body.push(APIS.len() as u8 + 1),
        false => body.extend((APIS.len() as i32).to_be_bytes()),
    }
    for (api, least, most) in APIS {
        [api, least, most].iter().for_each(|number| body.extend(number.to_be_bytes()));
        body.extend(is_flexible.then_some(0));
    }
    if version >= 1 {
        body.extend(0i32.to_be_bytes());
    }
    body.extend(is_flexible.then_some(0));
    body
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    body.extend((text.len() as i16).to_be_bytes());
    body.extend(text.as_bytes());
}

/// One broker, number 1, on this port; and one topic with these errors.
pub(super) fn metadata(
    port: u16,
    topic: (&str, u32),
    (topic_error, partition_error): (i16, i16),
    is_asked: bool,
) -> Vec<u8> {
    let mut body = 0i32.to_be_bytes().to_vec();
    body.extend(1i32.to_be_bytes());
    body.extend(1i32.to_be_bytes());
    put_text(&mut body, "127.0.0.1");
    body.extend(i32::from(port).to_be_bytes());
    body.extend((-1i16).to_be_bytes());
    put_text(&mut body, "fake");
    body.extend(1i32.to_be_bytes());
    body.extend(i32::from(is_asked).to_be_bytes());
    if !is_asked {
        return body;
    }
    body.extend(topic_error.to_be_bytes());
    put_text(&mut body, topic.0);
    body.push(0);
    let partitions = if topic_error == 0 { topic.1 } else { 0 };
    body.extend(partitions.to_be_bytes());
    for partition in 0..partitions {
        body.extend(partition_error.to_be_bytes());
        body.extend(partition.to_be_bytes());
        let leader = if partition_error == 0 { 1i32 } else { -1 };
        body.extend(leader.to_be_bytes());
        for _ in ["replicas", "in sync"] {
            body.extend(1i32.to_be_bytes());
            body.extend(1i32.to_be_bytes());
        }
    }
    body
}

/// A producer's id, or an error.
pub(super) fn producer_id(error: i16, id: i64) -> Vec<u8> {
    let mut body = 0i32.to_be_bytes().to_vec();
    body.extend(error.to_be_bytes());
    let (id, epoch) = if error == 0 { (id, 0i16) } else { (-1, -1) };
    body.extend(id.to_be_bytes());
    body.extend(epoch.to_be_bytes());
    body
}

/// What became of one batch: an error, or its offset.
pub(super) fn produced(
    version: i16,
    topic: &str,
    partition: i32,
    outcome: Result<i64, i16>,
) -> Vec<u8> {
    let mut body = 1i32.to_be_bytes().to_vec();
    put_text(&mut body, topic);
    body.extend(1i32.to_be_bytes());
    body.extend(partition.to_be_bytes());
    body.extend(outcome.err().unwrap_or(0).to_be_bytes());
    body.extend(outcome.unwrap_or(-1).to_be_bytes());
    body.extend((-1i64).to_be_bytes());
    if version >= 5 {
        body.extend(0i64.to_be_bytes());
    }
    body.extend(0i32.to_be_bytes());
    body
}
