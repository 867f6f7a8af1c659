//! Every single measurement, and the CSV file they are kept in.

use std::fmt::Write;

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What was measured, with the circumstances: `start, one at a time: first output`.
    pub figure: String,
    /// Who was measured: `launcher q35`, `firecracker`, `floor`.
    pub series: String,
    /// The unit of `value`: `ms`, `KiB`, `requests/s`.
    pub unit: &'static str,
    /// Which run of the series it was, from 0.
    pub run: u32,
    /// What was measured.
    pub value: f64,
}

/// All measurements of a run of the bench.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<Sample>);

impl Samples {
    /// Adds one.
    pub fn push(&mut self, figure: &str, series: &str, unit: &'static str, run: u32, value: f64) {
        self.0.push(Sample { figure: figure.to_owned(), series: series.to_owned(), unit, run, value });
    }

    /// The values of `series` for `figure`, in the order in which they were measured.
    pub fn values(&self, figure: &str, series: &str) -> Vec<f64> {
        self.0
            .iter()
            .filter(|sample| sample.figure == figure && sample.series == series)
            .map(|sample| sample.value)
            .collect()
    }

    /// The series that have values for `figure`, in the order of their first one.
    pub fn series(&self, figure: &str) -> Vec<&str> {
        let mut series = Vec::new();
        for sample in self.0.iter().filter(|sample| sample.figure == figure) {
            if !series.contains(&sample.series.as_str()) {
                series.push(sample.series.as_str());
            }
        }
        series
    }

    /// All of them as CSV (RFC 4180), with a line of names first.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("figure,series,unit,run,value\r\n");
        for Sample { figure, series, unit, run, value } in &self.0 {
            // Writing to a String cannot fail.
            let _ = write!(csv, "{},{},{unit},{run},{value}\r\n", field(figure), field(series));
        }
        csv
    }
}

/// A text as a field of CSV.
fn field(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_has_a_line_for_each_sample_and_quotes_what_needs_it() {
        let mut samples = Samples::default();
        samples.push("start, alone", "a \"b\"", "ms", 3, 1.25);
        samples.push("size", "c", "KiB", 0, 7.0);
        let expected =
            "figure,series,unit,run,value\r\n\"start, alone\",\"a \"\"b\"\"\",ms,3,1.25\r\nsize,c,KiB,0,7\r\n";
        assert_eq!(samples.to_csv(), expected);
    }

    #[test]
    fn values_are_those_of_one_figure_and_one_series() {
        let mut samples = Samples::default();
        samples.push("x", "a", "ms", 0, 1.0);
        samples.push("x", "b", "ms", 0, 2.0);
        samples.push("y", "a", "ms", 0, 3.0);
        samples.push("x", "a", "ms", 1, 4.0);
        assert_eq!(samples.values("x", "a"), [1.0, 4.0]);
        assert_eq!(samples.series("x"), ["a", "b"]);
        assert!(samples.values("z", "a").is_empty());
    }
}
