//! What the runner says at its end.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use super::libtest::Outcome;
use super::tier::Tier;
use crate::second_try::{self, SecondTry};

/// One test's outcome.
#[derive(Debug)]
pub(super) struct TestResult {
    /// Binary and path.
    name: String,
    outcome: Outcome,
}

impl TestResult {
    /// The outcome of the test `name`.
    pub(super) fn new(name: String, outcome: Outcome) -> Self {
        Self { name, outcome }
    }
}

/// One tier's outcome.
#[derive(Debug)]
pub(super) struct TierResult {
    tier: Tier,
    /// Why nothing of it ran.
    pub(super) skipped_whole: Option<String>,
    pub(super) tests: Vec<TestResult>,
    /// Those that passed only then.
    pub(super) second_tries: Vec<SecondTry>,
    pub(super) duration: Duration,
}

impl TierResult {
    /// A tier of which nothing ran yet.
    pub(super) fn new(tier: Tier) -> Self {
        Self { tier, skipped_whole: None, tests: Vec::new(), second_tries: Vec::new(), duration: Duration::ZERO }
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for test in &self.tests {
            match test.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }

    /// How many tests were skipped for each reason.
    fn reasons(&self) -> BTreeMap<&str, usize> {
        let mut reasons = BTreeMap::new();
        for test in &self.tests {
            if let Outcome::Skipped(reason) = &test.outcome {
                *reasons.entry(reason.as_str()).or_default() += 1;
            }
        }
        reasons
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// The whole run's outcome.
#[derive(Debug)]
pub(super) struct Report {
    build: Duration,
    tiers: Vec<TierResult>,
    /// What tiers lack.
    shortfalls: Vec<String>,
}

impl Report {
    /// A report of a run whose build took `build`.
    pub(super) fn new(build: Duration) -> Self {
        Self { build, tiers: Vec::new(), shortfalls: Vec::new() }
    }

    /// Adds the outcome of a tier.
    pub(super) fn add(&mut self, tier: TierResult) {
        let again = tier.second_tries.len();
        if again > second_try::MOST {
            let most = second_try::MOST;
            self.shortfalls.push(format!(
                "In the tier {} {again} tests passed only at the second try, of which there may be {most}",
                tier.tier
            ));
        }
        self.tiers.push(tier);
    }

    /// Notes it when `tier` did not run, or ran fewer than `minimum` tests.
    pub(super) fn require(&mut self, tier: Tier, minimum: usize) {
        let shortfall = match self.tiers.iter().find(|result| result.tier == tier) {
            None => Some(format!("The tier {tier} is required and was not run")),
            Some(TierResult { skipped_whole: Some(reason), .. }) => {
                Some(format!("The tier {tier} is required and was skipped: {reason}"))
            }
            Some(result) => {
                let counts = result.counts();
                let ran = counts.passed + counts.failed;
                (ran < minimum).then(|| {
                    format!("The tier {tier} ran {ran} tests; tests/expected.toml says that it has at least {minimum}")
                })
            }
        };
        self.shortfalls.extend(shortfall);
    }

    /// Whether nothing failed and nothing required was missing.
    pub(super) fn is_good(&self) -> bool {
        self.shortfalls.is_empty() && self.total().failed == 0
    }

    fn total(&self) -> Counts {
        self.tiers.iter().map(TierResult::counts).fold(Counts::default(), |sum, tier| Counts {
            passed: sum.passed + tier.passed,
            failed: sum.failed + tier.failed,
            skipped: sum.skipped + tier.skipped,
        })
    }

    /// The report as text; its last line is `N passed, N failed, N skipped`.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        for tier in &self.tiers {
            for test in &tier.tests {
                if let Outcome::Failed(printed) = &test.outcome {
                    writeln!(text, "\nFAILED {}: {}", tier.tier, test.name)?;
                    printed.lines().try_for_each(|line| writeln!(text, "    {line}"))?;
                }
            }
        }
        for tier in &self.tiers {
            for SecondTry { name, printed } in &tier.second_tries {
                writeln!(text, "\nPASSED ONLY AT THE SECOND TRY {}: {name}", tier.tier)?;
                printed.lines().try_for_each(|line| writeln!(text, "    {line}"))?;
            }
        }
        writeln!(text, "\ntier   | passed | failed | skipped | 2nd try | minutes")?;
        writeln!(text, "build  |        |        |         |         | {:7}", minutes(self.build))?;
        for tier in &self.tiers {
            let Counts { passed, failed, skipped } = tier.counts();
            let (again, time) = (tier.second_tries.len(), minutes(tier.duration));
            writeln!(text, "{:6} | {passed:6} | {failed:6} | {skipped:7} | {again:7} | {time:7}", tier.tier)?;
            if let Some(reason) = &tier.skipped_whole {
                writeln!(text, "       skipped as a whole: {reason}")?;
            }
            for (reason, count) in tier.reasons() {
                writeln!(text, "       {count} skipped: {reason}")?;
            }
        }
        self.shortfalls.iter().try_for_each(|shortfall| writeln!(text, "{shortfall}."))?;
        let Counts { passed, failed, skipped } = self.total();
        // Whoever reads only this line must see that a tier fell short.
        let failed = failed + self.shortfalls.len();
        writeln!(text, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

fn minutes(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() / 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut unit = TierResult::new(Tier::Unit);
        unit.tests.push(TestResult::new("vmm::a::works".into(), Outcome::Passed));
        unit.tests.push(TestResult::new("vmm::a::later".into(), Outcome::Skipped("no device".into())));
        let mut native = TierResult::new(Tier::Native);
        native.skipped_whole = Some("no /dev/kvm".into());
        let mut report = Report::new(Duration::from_secs(90));
        report.add(unit);
        report.add(native);
        report
    }

    #[test]
    fn the_last_line_counts_all_tests() {
        let report = report();
        assert_eq!(report.render().lines().last(), Some("1 passed, 0 failed, 1 skipped"));
        assert!(report.render().contains("1 skipped: no device"));
        assert!(report.is_good());
    }

    #[test]
    fn a_failed_test_is_shown_with_what_it_printed() {
        let mut report = report();
        report.tiers[0].tests.push(TestResult::new("vmm::b::breaks".into(), Outcome::Failed("left != right".into())));
        assert!(report.render().contains("FAILED unit: vmm::b::breaks\n    left != right"));
        assert_eq!(report.render().lines().last(), Some("1 passed, 1 failed, 1 skipped"));
        assert!(!report.is_good());
    }

    #[test]
    fn what_needed_a_second_try_is_shown_and_too_much_of_it_is_a_failure() {
        let again = || {
            let mut native = TierResult::new(Tier::Native);
            let test = SecondTry { name: "vmm::c".into(), printed: "left != right".into() };
            native.second_tries = vec![test; second_try::MOST];
            native
        };
        let mut report = report();
        report.add(again());
        assert!(report.is_good());
        assert!(report.render().contains("PASSED ONLY AT THE SECOND TRY native: vmm::c\n    left != right"));
        assert!(report.render().contains("native |      0 |      0 |       0 |       2 | 0.0"));
        let mut nested = again();
        nested.second_tries.extend(again().second_tries.pop());
        report.add(nested);
        assert!(!report.is_good());
        assert_eq!(report.render().lines().last(), Some("1 passed, 1 failed, 1 skipped"));
    }

    #[test]
    fn a_required_tier_fails_when_it_is_skipped_missing_or_too_small() {
        for (tier, minimum, good) in
            [(Tier::Unit, 1, true), (Tier::Unit, 2, false), (Tier::Native, 0, false), (Tier::Nested, 0, false)]
        {
            let mut report = report();
            report.require(tier, minimum);
            assert_eq!(report.is_good(), good, "{tier} with {minimum}");
            let failed = usize::from(!good);
            assert_eq!(report.render().lines().last(), Some(format!("1 passed, {failed} failed, 1 skipped").as_str()));
        }
    }
}
