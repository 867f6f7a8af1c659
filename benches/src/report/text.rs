//! A section for the terminal.

use std::fmt::{self, Display, Formatter};

use super::{Block, Goal, Section, Table};

impl Display for Section {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}\n{}", self.title, "=".repeat(self.title.chars().count()))?;
        let mut within_goals = false;
        for block in &self.blocks {
            let goal = matches!(block, Block::Goal(_));
            if goal && !within_goals {
                writeln!(to)?;
            }
            within_goals = goal;
            match block {
                Block::Text(text) => writeln!(to, "\n{text}")?,
                Block::Table(table) => write!(to, "\n{table}")?,
                // Only the page can show them.
                Block::Picture { .. } | Block::Listing { .. } => {}
                Block::NotRun { what, why } => writeln!(to, "\nCould not run {what}: {why}")?,
                Block::Goal(goal) => writeln!(to, "{goal}")?,
            }
        }
        Ok(())
    }
}

impl Display for Table {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}", self.caption)?;
        let lines = || std::iter::once(&self.headings).chain(&self.rows);
        let width = |column: usize| lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
        for line in lines() {
            let cells = line.iter().enumerate().map(|(column, cell)| {
                let width = width(column).unwrap_or(0);
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            writeln!(to, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

impl Display for Goal {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        write!(to, "Goal {}: {} ({})", self.verdict(), self.aim, self.found)
    }
}

impl Goal {
    pub(super) fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_aligned_at_the_right_and_names_at_the_left() {
        let mut table = Table::new("Times", ["who", "ms"]);
        table.row(["floor", "4.8"]);
        table.row(["launcher", "12.0"]);
        assert_eq!(table.to_string(), "Times\n  who         ms\n  floor      4.8\n  launcher  12.0\n");
    }

    #[test]
    fn a_section_tells_what_was_not_run_and_which_goals_were_met() {
        let mut section = Section::new("Start");
        section.not_run("firecracker", "it is not on PATH");
        section.goal(Goal { aim: "2 x".to_owned(), met: Some(false), found: "3 x".to_owned() });
        let expected = "Start\n=====\n\nCould not run firecracker: it is not on PATH\n\nGoal missed: 2 x (3 x)\n";
        assert_eq!(section.to_string(), expected);
    }
}
