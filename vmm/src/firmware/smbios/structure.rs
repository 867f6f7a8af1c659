//! One structure: a formatted area and the texts that it numbers (DSP0134, 6.1).

/// Where a structure is known by a number. They are fixed: each type has a range of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle(pub(super) u16);

/// A structure in the making.
#[derive(Clone, Debug)]
pub(super) struct Structure {
    kind: u8,
    handle: Handle,
    /// What follows the header.
    formatted: Vec<u8>,
    texts: Vec<String>,
}

impl Structure {
    /// Bytes of type, length and handle.
    const HEADER: usize = 4;

    pub(super) fn new(kind: u8, handle: Handle) -> Self {
        Self { kind, handle, formatted: Vec::new(), texts: Vec::new() }
    }

    pub(super) fn byte(&mut self, value: u8) -> &mut Self {
        self.formatted.push(value);
        self
    }

    pub(super) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.formatted.extend(value);
        self
    }

    pub(super) fn word(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(super) fn dword(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(super) fn qword(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(super) fn handle(&mut self, Handle(value): Handle) -> &mut Self {
        self.word(value)
    }

    /// The number of a text; 0 for none. A NUL would end it, and a structure's texts end with an empty one.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let text = text.split('\0').next().unwrap_or_default();
        if text.is_empty() {
            return self.byte(0);
        }
        self.texts.push(text.into());
        let number = u8::try_from(self.texts.len()).unwrap_or(0); // no structure has more than ten
        self.byte(number)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let length = u8::try_from(Self::HEADER + self.formatted.len()).unwrap_or(u8::MAX); // at most 92
        let Handle(handle) = self.handle;
        bytes.extend([self.kind, length]);
        bytes.extend(handle.to_le_bytes());
        bytes.extend(&self.formatted);
        for text in &self.texts {
            bytes.extend(text.bytes());
            bytes.push(0);
        }
        if self.texts.is_empty() {
            bytes.push(0);
        }
        bytes.push(0);
    }

    /// Bytes when written.
    pub(super) fn size(&self) -> usize {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes.len()
    }
}

/// All structures, one behind the other.
pub(super) fn write(structures: &[Structure]) -> Vec<u8> {
    let mut bytes = Vec::new();
    structures.iter().for_each(|structure| structure.write(&mut bytes));
    bytes
}
