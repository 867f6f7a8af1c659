//! The report as one HTML page that needs nothing beside it.

use std::fmt::Write;

use super::{Block, Goal, Section, Table};

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(title: &str, sections: &[Section]) -> String {
    let title = escape(title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         <h1>{title}</h1>\n"
    );
    contents_into(&mut page, sections);
    for (number, section) in sections.iter().enumerate() {
        section_into(&mut page, number, section);
    }
    page.push_str("</html>\n");
    page
}

// Writing to a String cannot fail: the results below are of no interest.
/// What there is, and how the goals of each section stand.
fn contents_into(page: &mut String, sections: &[Section]) {
    page.push_str("<nav><ul>\n");
    for (number, section) in sections.iter().enumerate() {
        let verdicts: Vec<&str> = section.blocks.iter().filter_map(Block::goal).map(Goal::verdict).collect();
        let _ = write!(page, "<li><a href=\"#section-{number}\">{}</a>", escape(&section.title));
        for verdict in ["met", "missed", "not measured"] {
            let count = verdicts.iter().filter(|found| **found == verdict).count();
            if count > 0 {
                let _ = write!(page, " <span class=\"{}\">{count} {verdict}</span>", class(verdict));
            }
        }
        page.push_str("</li>\n");
    }
    page.push_str("</ul></nav>\n");
}

fn section_into(page: &mut String, number: usize, section: &Section) {
    let _ = writeln!(page, "<section id=\"section-{number}\">\n<h2>{}</h2>", escape(&section.title));
    // Goals that follow each other are one table.
    for blocks in section.blocks.chunk_by(|one, next| one.goal().is_some() && next.goal().is_some()) {
        let goals: Vec<&Goal> = blocks.iter().filter_map(Block::goal).collect();
        if goals.is_empty() {
            blocks.iter().for_each(|block| block_into(page, block));
        } else {
            goals_into(page, &goals);
        }
    }
    page.push_str("</section>\n");
}

fn block_into(page: &mut String, block: &Block) {
    let _ = match block {
        Block::Text(text) => writeln!(page, "<p>{}</p>", escape(text)),
        Block::Table(table) => {
            table_into(page, table);
            Ok(())
        }
        // Drawn by ourselves: the one thing that is markup already.
        Block::Picture { caption, svg } => {
            writeln!(page, "<figure>{svg}<figcaption>{}</figcaption></figure>", escape(caption))
        }
        Block::Listing { caption, text } => {
            writeln!(page, "<details><summary>{}</summary><pre>{}</pre></details>", escape(caption), escape(text))
        }
        Block::NotRun { what, why } => {
            writeln!(page, "<p class=\"not-run\"><b>Could not run {}</b>: {}</p>", escape(what), escape(why))
        }
        Block::Goal(goal) => {
            goals_into(page, &[goal]);
            Ok(())
        }
    };
}

fn goals_into(page: &mut String, goals: &[&Goal]) {
    page.push_str("<table class=\"goals\"><thead><tr><th>goal</th><th>found</th><th></th></tr></thead>\n<tbody>");
    for goal in goals {
        let (aim, found, verdict) = (escape(&goal.aim), escape(&goal.found), goal.verdict());
        let _ = writeln!(
            page,
            "<tr><td>{aim}</td><td>{found}</td><td class=\"{}\"><b>{verdict}</b></td></tr>",
            class(verdict)
        );
    }
    page.push_str("</tbody></table>\n");
}

fn class(verdict: &str) -> String {
    verdict.replace(' ', "-")
}

fn table_into(page: &mut String, table: &Table) {
    let cells = |tag: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect()
    };
    let _ = writeln!(page, "<table><caption>{}</caption>", escape(&table.caption));
    let _ = writeln!(page, "<thead><tr>{}</tr></thead>\n<tbody>", cells("th", &table.headings));
    for row in &table.rows {
        let _ = writeln!(page, "<tr>{}</tr>", cells("td", row));
    }
    page.push_str("</tbody></table>\n");
}

/// `text` as HTML shows it, also within an attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_print_is_no_markup() {
        let hostile = "<script>alert('x')</script> & \"y\"";
        let mut section = Section::new(hostile);
        section.text(hostile);
        section.listing(hostile, hostile);
        section.not_run(hostile, hostile);
        section.goal(Goal { aim: hostile.to_owned(), met: None, found: hostile.to_owned() });
        let mut table = Table::new(hostile, [hostile]);
        table.row([hostile]);
        section.table(table);
        section.picture(hostile, "<svg></svg>".to_owned());
        let page = page(hostile, &[section]);
        assert!(!page.contains("<script"), "{page}");
        let escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;";
        assert_eq!(page.matches(escaped).count(), 15);
        assert!(page.contains("<svg></svg>"));
    }
}
