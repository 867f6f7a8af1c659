//! The report: sections of what was measured, as text for the terminal and as one HTML page.

mod html;
mod text;

pub use html::page;

/// What one part found.
#[derive(Clone, Debug, Default)]
pub struct Section {
    title: String,
    blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug)]
enum Block {
    Text(String),
    Table(Table),
    Picture { caption: String, svg: String },
    Listing { caption: String, text: String },
    NotRun { what: String, why: String },
    Goal(Goal),
}

/// A table: a line of headings, and rows with as many cells. All columns but the first are figures.
#[derive(Clone, Debug, Default)]
pub struct Table {
    caption: String,
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// What was aimed for, and whether it was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The goal, as a sentence: `first output: at most 1.25 x the floor's`.
    pub aim: String,
    /// Whether it was reached; `None`: it could not be measured.
    pub met: Option<bool>,
    /// What was measured, or why it was not.
    pub found: String,
}

impl Block {
    fn goal(&self) -> Option<&Goal> {
        match self {
            Self::Goal(goal) => Some(goal),
            _ => None,
        }
    }
}

impl Table {
    /// A table without rows.
    pub fn new<H: Into<String>>(caption: &str, headings: impl IntoIterator<Item = H>) -> Self {
        Self { caption: caption.to_owned(), headings: headings.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl Section {
    /// A section without contents.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), blocks: Vec::new() }
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// Adds a table.
    pub fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }

    /// Adds a picture, an SVG document.
    pub fn picture(&mut self, caption: &str, svg: String) {
        self.blocks.push(Block::Picture { caption: caption.to_owned(), svg });
    }

    /// Adds a text that is shown as it is: a trace, what a program printed.
    pub fn listing(&mut self, caption: &str, text: impl Into<String>) {
        self.blocks.push(Block::Listing { caption: caption.to_owned(), text: text.into() });
    }

    /// Says what could not be run, and why.
    pub fn not_run(&mut self, what: &str, why: impl Into<String>) {
        self.blocks.push(Block::NotRun { what: what.to_owned(), why: why.into() });
    }

    /// Says whether a goal was reached.
    pub fn goal(&mut self, goal: Goal) {
        self.blocks.push(Block::Goal(goal));
    }
}
