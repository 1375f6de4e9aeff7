//! HeaderList: the headers of one record, in buffers that are used again.

/// Headers in order. Names may repeat, and a value may be null, which is not the same as empty.
///
/// Names and values lie one after the other in two buffers, so that a new record's headers cost
/// no allocation once the buffers have grown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderList {
    names: String,
    values: Vec<u8>,
    ends: Vec<End>,
}

/// Where a header's name and value end; they begin where the one before ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    name: usize,
    value: usize,
    is_null: bool,
}

impl HeaderList {
    /// A list without headers.
    pub fn new() -> HeaderList {
        HeaderList::default()
    }

    /// Removes all headers and keeps the memory.
    pub fn clear(&mut self) {
        self.names.clear();
        self.values.clear();
        self.ends.clear();
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: &str, value: Option<&[u8]>) {
        self.push_name(name);
        self.push_value(value);
    }

    /// Adds a header whose value `write` appends to the buffer; it says whether there is one.
    pub(super) fn push_with<E>(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.push_name(name);
        let has_value = write(&mut self.values)?;
        self.end(!has_value);
        Ok(())
    }

    /// Begins a header; [`HeaderList::push_value`] completes it.
    pub(super) fn push_name(&mut self, name: &str) {
        self.names.push_str(name);
    }

    /// The name of the header that is begun and not complete.
    pub(super) fn open_name(&self) -> &str {
        &self.names[self.ends.last().map_or(0, |end| end.name)..]
    }

    /// Completes the header that [`HeaderList::push_name`] began.
    pub(super) fn push_value(&mut self, value: Option<&[u8]>) {
        self.values.extend_from_slice(value.unwrap_or_default());
        self.end(value.is_none());
    }

    fn end(&mut self, is_null: bool) {
        self.ends.push(End { name: self.names.len(), value: self.values.len(), is_null });
    }

    /// The headers in order: name and value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Option<&[u8]>)> {
        let (mut name, mut value) = (0, 0);
        self.ends.iter().map(move |end| {
            let name_from = std::mem::replace(&mut name, end.name);
            let value_from = std::mem::replace(&mut value, end.value);
            let bytes = (!end.is_null).then(|| &self.values[value_from..end.value]);
            (&self.names[name_from..end.name], bytes)
        })
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all names and values together.
    pub fn bytes(&self) -> usize {
        self.names.len() + self.values.len()
    }
}

/// Names only: values may be confidential.
impl std::fmt::Debug for HeaderList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_null_value_is_not_an_empty_one() {
        let mut list = HeaderList::new();
        list.push("a", None);
        list.push("b", Some(b""));
        assert_eq!(list.iter().collect::<Vec<_>>(), [("a", None), ("b", Some(&b""[..]))]);
    }

    #[test]
    fn debug_shows_names_but_no_values() {
        let mut list = HeaderList::new();
        list.push("id", Some(b"hidden"));
        assert_eq!(format!("{list:?}"), "[\"id\"]");
    }

    proptest! {
        #[test]
        fn headers_come_back_in_order(
            before: Vec<(String, Option<Vec<u8>>)>,
            headers: Vec<(String, Option<Vec<u8>>)>,
        ) {
            let mut list = HeaderList::new();
            before.iter().for_each(|(name, value)| list.push(name, value.as_deref()));
            list.clear();
            headers.iter().for_each(|(name, value)| list.push(name, value.as_deref()));
            let expected: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
            prop_assert_eq!(list.iter().collect::<Vec<_>>(), expected);
            prop_assert_eq!(list.len(), headers.len());
            let bytes = headers.iter().map(|(n, v)| n.len() + v.as_ref().map_or(0, Vec::len));
            prop_assert_eq!(list.bytes(), bytes.sum::<usize>());
        }
    }
}
